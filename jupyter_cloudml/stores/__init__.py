"""The one way to bytes: ``s3://``, ``gs://``, ``az://`` and ``file://`` behind one port (``port.py``)."""
