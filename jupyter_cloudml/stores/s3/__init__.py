"""``s3://``: Amazon S3 and every object store that speaks its protocol.

boto3 knows the credentials, regions, encryption and errors. A large object's bytes go past its HTTP layer (``sockets.py``),
many small ones through obstore (``many.py``).
"""
