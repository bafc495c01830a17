"""How a job folder travels; see ``port.Carrier``."""
