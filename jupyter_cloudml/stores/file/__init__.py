"""Files of this machine, and of whatever it has mounted, as a store."""
