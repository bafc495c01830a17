"""What runs at the far end of every target: it opens a job folder, runs the cell, and leaves the result there.

Importable on Python 3.10 or newer with the standard library alone; IPython, NumPy, torch, psutil and MLflow are used
where they are installed. Together with ``core``, ``wire`` and the journal's writer it is shipped as a zipapp.
"""
