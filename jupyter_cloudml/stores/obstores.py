"""obstore, which moves many small objects faster than any client of Python's; what it raises, in errors of ours.

It compares no checksums: whoever uses it does, by what the service says of each object.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ..core.errors import (
    CloudMLError,
    Conflict,
    NotFound,
    PermissionDenied,
    Unauthorised,
    Unavailable,
)

THREADS = 24
CLIENT: dict[str, Any] = {
    "allow_http": True,
    "connect_timeout": "10s",
    "read_timeout": "60s",
    "timeout": "1h",
}
RETRIES: dict[str, Any] = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "specified bucket does not exist")
_BAD_KEY = (
    "AuthenticationFailed",
    "AuthorizationFailure",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
)


@contextlib.contextmanager
def obstore_errors(uri: str, *, login: str) -> Iterator[None]:
    """What obstore raises about ``uri``, as errors of ours; its own words hold addresses and answers, and stay out.

    ``login`` is the hint for who has no credentials.
    """
    from obstore import exceptions

    try:
        yield
    except CloudMLError:
        raise
    except FileNotFoundError as exc:
        raise _absent(uri, str(exc)) from None
    except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
        raise Conflict(f"{uri} is not what the condition says: somebody else wrote it") from None
    except exceptions.UnauthenticatedError:
        raise Unauthorised(f"{uri}: the credentials are missing or expired", hint=login) from None
    except exceptions.PermissionDeniedError as exc:
        if any(word in str(exc) for word in _BAD_KEY):
            raise Unauthorised(f"{uri}: the credentials are wrong", hint=login) from None
        raise PermissionDenied(f"{uri}: you may not do that", hint="ask who owns it") from None
    except exceptions.BaseError:
        raise Unavailable(
            f"{uri}: the store does not answer as it should", hint="try again"
        ) from None


def _absent(uri: str, said: str) -> NotFound:
    if any(word in said for word in _NO_BUCKET):
        return NotFound(f"there is no bucket {'/'.join(uri.split('/')[:3])}")
    return NotFound(f"there is no object {uri}")
