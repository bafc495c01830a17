"""Jobs as processes of this machine, each in a session of its own."""
