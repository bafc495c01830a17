"""The per-user background process that makes intents come true: queue, warm pool, ledger of slots, limits, retries."""
