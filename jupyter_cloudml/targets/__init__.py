"""Where jobs run: the port, the table of targets, their configuration, and a folder per kind."""
