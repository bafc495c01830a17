"""Moving one large object in parallel pieces, and many small ones at once, whatever the store."""
