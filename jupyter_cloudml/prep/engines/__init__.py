"""The engines: ``port.py`` says what each promises; one file each talks to its package."""
