"""The warm pool: a zygote that has imported the heavy packages, the spares it forks ahead of need, and who hands them jobs."""
