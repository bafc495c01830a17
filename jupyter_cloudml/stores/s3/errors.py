"""What S3 says when it says no, in one sentence and with the way out. No message holds a key, a token or a signature."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...core.errors import (
    BadInput,
    CloudMLError,
    Conflict,
    Corrupt,
    NotFound,
    NotInstalled,
    PermissionDenied,
    Unauthorised,
    Unavailable,
)

_EXPIRED = {
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "TokenRefreshRequired",
}
_UNKNOWN = {
    "AuthFailure",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_DENIED = {"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AccountProblem"}
_MISSING = {"404", "NoSuchKey", "NotFound", "NoSuchVersion"}
_OTHER_REGION = {
    "301",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "PermanentRedirect",
}
_CONDITION = {"409", "412", "ConditionalRequestConflict", "PreconditionFailed"}
_DAMAGED = {
    "BadDigest",
    "InvalidDigest",
    "XAmzContentChecksumMismatch",
    "XAmzContentSHA256Mismatch",
}
_CODE = re.compile(r"<Code>(\w[\w.]*)</Code>")
_REGION = re.compile(r"<Region>([\w-]+)</Region>|expecting '([\w-]+)'")
_STATUS = re.compile(r"status code: (\d{3})")
_SILENT = {"301", "400", "403", "404"}
"""The codes of answers without a body (to HEAD): they do not say what is wrong."""


@contextlib.contextmanager
def s3_errors(uri: str) -> Iterator[None]:
    """Raise what boto3, obstore and sockets raise in the block as errors of ``core.errors``."""
    try:
        yield
    except CloudMLError:
        raise
    except ModuleNotFoundError as exc:
        raise NotInstalled(
            f"{'/'.join(uri.split('/')[:3])} needs the package {exc.name!r}",
            hint="pip install boto3 obstore",
        ) from exc
    except Exception as exc:
        found = error_of(exc, uri)
        if found is None:
            raise
        raise found from exc


def is_silent(exc: BaseException) -> bool:
    """Whether S3 gave no reason, so that the same question with GET may bring one."""
    answer = getattr(exc, "response", None)
    return isinstance(answer, dict) and answer.get("Error", {}).get("Code") in _SILENT


def error_of(exc: BaseException, uri: str) -> CloudMLError | None:
    """The error that ``exc`` means; None when it comes from nobody we know."""
    from botocore import exceptions

    answer = getattr(exc, "response", None)
    if isinstance(exc, exceptions.ClientError) and isinstance(answer, dict):
        return _of_answer(answer, uri)
    if isinstance(exc, exceptions.BotoCoreError):
        return _of_client(exc, uri)
    module = type(exc).__module__
    if module.startswith("obstore") or (isinstance(exc, FileNotFoundError) and exc.errno is None):
        return _of_text(str(exc), uri)
    if isinstance(exc, OSError):
        return _broken(uri, exc.strerror or str(exc) or "the link broke")
    return None


def _of_answer(answer: Mapping[str, Any], uri: str) -> CloudMLError:
    error, meta = answer.get("Error", {}), answer.get("ResponseMetadata", {})
    headers = meta.get("HTTPHeaders", {})
    region = error.get("Region") or headers.get("x-amz-bucket-region", "")
    status = int(meta.get("HTTPStatusCode", 0))
    return _said(str(error.get("Code", "")), status, str(error.get("Message", "")), region, uri)


def _of_text(text: str, uri: str) -> CloudMLError:
    """obstore puts the server's answer into its message."""
    code, status = _CODE.search(text), _STATUS.search(text)
    region = _REGION.search(text)
    if not code and not status and "credential provider" in text:
        return _no_credentials(uri, "" if "NoCredentialsError" in text else text.splitlines()[0])
    if "redirect without LOCATION" in text:
        return _wrong_region("/".join(uri.split("/")[:3]), "")
    if not code and not status:
        return _broken(uri, text.partition("\n")[0].rpartition(" - ")[2][:200])
    number = int(status[1]) if status else 0
    found = (region[1] or region[2]) if region else ""
    return _said(code[1] if code else str(number), number, "", found, uri)


def _said(code: str, status: int, message: str, region: str, uri: str) -> CloudMLError:
    root = "/".join(uri.split("/")[:3])
    if code == "NoSuchBucket":
        return NotFound(f"there is no bucket {root}", hint="see its name, or make it first")
    if code in _MISSING:
        return NotFound(f"there is no object {uri}")
    if code == "NoSuchUpload":
        return NotFound(f"the upload to {uri} is no longer known to the store")
    if code in _EXPIRED:
        return Unauthorised(
            f"the credentials for {root} have expired",
            hint="log in again (aws sso login, or new keys) and repeat: a transfer goes on where it stopped",
        )
    if code in _UNKNOWN:
        return Unauthorised(
            f"the store does not accept the credentials for {root} ({code})",
            hint="see `aws configure list`, or set profile = '…' in [stores.NAME] of cloudml.toml",
        )
    if code == "RequestTimeTooSkewed":
        return Unauthorised(f"{root} says that this machine's clock is wrong", hint="set the clock")
    if code in _DENIED or code.startswith("KMS."):
        what = f"the encryption key of {uri}" if code.startswith("KMS.") else uri
        return PermissionDenied(
            f"these credentials may not do that with {what}",
            hint="ask its owner for the permission, or use another profile",
        )
    if code in _OTHER_REGION or (code == "AuthorizationHeaderMalformed"):
        return _wrong_region(root, region or _region_in(message))
    if code in _CONDITION:
        return Conflict(
            f"{uri} is not what the request says it should be",
            hint="somebody else was first; read it again",
        )
    if code in _DAMAGED:
        return Corrupt(
            f"what arrived at {uri} has not the checksum of what was sent", hint="try again"
        )
    if status >= 500 or code in ("SlowDown", "RequestTimeout", "RequestTimeoutException"):
        return Unavailable(f"{root} answers {code or status}", hint="try again later")
    detail = f": {message}" if message else ""
    return BadInput(f"{uri}: the store refuses the request ({code or status}){detail}")


def _wrong_region(root: str, region: str) -> CloudMLError:
    if region:
        return BadInput(
            f"{root} lies in the region {region}, and another was asked",
            hint=f'set region = "{region}" in [stores.NAME] of cloudml.toml, or AWS_REGION',
        )
    return BadInput(f"{root} lies in another region", hint="set region = '…' in cloudml.toml")


def _region_in(message: str) -> str:
    found = _REGION.search(message)
    return (found[1] or found[2]) if found else ""


def _of_client(exc: BaseException, uri: str) -> CloudMLError:
    from botocore import exceptions as e

    root = "/".join(uri.split("/")[:3])
    if isinstance(exc, e.ProfileNotFound):
        return BadInput(f"{root}: {exc}", hint="`aws configure list-profiles` lists them")
    if isinstance(exc, (e.NoCredentialsError, e.PartialCredentialsError)):
        return _no_credentials(uri, "")
    if isinstance(exc, (e.CredentialRetrievalError, e.SSOError, e.TokenRetrievalError)):
        return _no_credentials(uri, str(exc))
    if isinstance(exc, (e.ParamValidationError, e.InvalidRegionError, e.NoRegionError)):
        return BadInput(f"{uri}: {str(exc).splitlines()[-1]}")
    if isinstance(exc, e.SSLError):
        hint = "name the certificate of your own authority: AWS_CA_BUNDLE=/path/to/ca.pem"
        return Unavailable(f"{root}: the server's certificate is not trusted", hint=hint)
    if isinstance(exc, e.ConnectTimeoutError):
        return _broken(uri, "it does not answer")
    cause = getattr(exc, "kwargs", {}).get("error")
    return _broken(uri, str(getattr(cause, "strerror", None) or cause or exc))


def _no_credentials(uri: str, why: str) -> Unauthorised:
    root = "/".join(uri.split("/")[:3])
    if why:
        hint = "log in again (aws sso login), or see the profile"
        return Unauthorised(f"the credentials for {root} cannot be had: {why}", hint=hint)
    return Unauthorised(
        f"there are no credentials for {root}",
        hint="`aws configure`, AWS_ACCESS_KEY_ID, or anonymous = true in [stores.NAME] for a public bucket",
    )


def _broken(uri: str, why: str) -> Unavailable:
    root = "/".join(uri.split("/")[:3])
    return Unavailable(
        f"the link to {root} failed: {why}",
        hint="see the network and the endpoint; the same call goes on where it stopped",
    )
