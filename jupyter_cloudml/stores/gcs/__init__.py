"""``gs://``: Google Cloud Storage, and what speaks its API under another address."""
