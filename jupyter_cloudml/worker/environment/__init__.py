"""The packages that a job asks for (``-r``): made once, kept, and entered before the cell runs. Standard library only."""
