"""Identifiers of jobs, and names that are safe in a path."""

from __future__ import annotations

import re
import secrets

from .errors import BadInput

JOB_ID = re.compile(r"[0-9a-f]{12}")


def new_job_id() -> str:
    """A fresh job id: 12 lower-case hexadecimal digits (48 random bits)."""
    return secrets.token_hex(6)


def checked_job_id(text: str) -> str:
    """``text`` if it is a whole job id; it can then never leave the data directory as a path part.

    Raises:
        BadInput: it is anything else.
    """
    if not JOB_ID.fullmatch(text):
        raise BadInput(
            f"{text!r} is not a job id",
            hint="a job id is 12 hexadecimal digits; %cloudjobs lists them",
        )
    return text
