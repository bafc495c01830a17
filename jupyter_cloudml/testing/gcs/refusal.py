"""The one exception of the fake: an answer with an error status, in the words of either API."""

from __future__ import annotations

from xml.sax.saxutils import escape

_XML_CODES = {
    400: "InvalidArgument",
    401: "AuthenticationRequired",
    403: "AccessDenied",
    404: "NoSuchKey",
    409: "BucketNameUnavailable",
    412: "PreconditionFailed",
    416: "InvalidRange",
    503: "ServiceUnavailable",
}


class Refused(Exception):
    """``status``, the JSON API's ``reason`` and the XML API's ``code``."""

    def __init__(self, status: int, message: str, *, reason: str = "", code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.reason = reason or {404: "notFound", 412: "conditionNotMet"}.get(status, "invalid")
        self.code = code or _XML_CODES.get(status, "InternalError")

    def as_json(self) -> dict[str, object]:
        error = {"message": self.message, "domain": "global", "reason": self.reason}
        return {"error": {"code": self.status, "message": self.message, "errors": [error]}}

    def as_xml(self) -> bytes:
        return (
            "<?xml version='1.0' encoding='UTF-8'?>"
            f"<Error><Code>{self.code}</Code><Message>{escape(self.message)}</Message></Error>"
        ).encode()
