"""Looking at data and moving it, whichever store it lies in: what the CLI, the server and the panel call."""
