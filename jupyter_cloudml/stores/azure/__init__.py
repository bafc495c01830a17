"""``az://``: Azure Blob Storage, and what speaks its API under another address."""
