"""The file formats that can be read and written, and how a name says which."""

from __future__ import annotations

from ..core.errors import BadInput

PARQUET, CSV, JSONL, ARROW, BIGQUERY = "parquet", "csv", "jsonl", "arrow", "bigquery"
FORMATS = (PARQUET, CSV, JSONL, ARROW)
_SUFFIXES = {
    ".parquet": PARQUET,
    ".pq": PARQUET,
    ".csv": CSV,
    ".jsonl": JSONL,
    ".ndjson": JSONL,
    ".arrow": ARROW,
    ".ipc": ARROW,
    ".feather": ARROW,
}
SUFFIX = {PARQUET: ".parquet", CSV: ".csv", JSONL: ".jsonl", ARROW: ".arrow"}
"""What a file of a format is called."""

HINT = "it can be Parquet (.parquet), CSV (.csv), JSON lines (.jsonl, .ndjson) or Arrow IPC (.arrow, .feather)"


def suffix_of(name: str) -> str:
    """``.parquet`` of ``a/b.parquet``, in small letters; empty without one."""
    last = name.rstrip("/").rpartition("/")[2]
    dot = last.rfind(".")
    return last[dot:].lower() if dot > 0 else ""


def known_format(name: str) -> str:
    """The format that the suffix of ``name`` says; empty when it says none."""
    return _SUFFIXES.get(suffix_of(name), "")


def format_of(name: str, what: str) -> str:
    """The format that ``name`` says.

    Raises:
        BadInput: none, or one that is not supported; ``what`` begins the sentence.
    """
    found = known_format(name)
    if not found:
        suffix = suffix_of(name)
        raise BadInput(
            f"{what}: {suffix or 'a name without a suffix'} is no format that can be read or written",
            hint=HINT,
        )
    return found


def checked_format(name: str) -> str:
    """``name``, which ``--format`` may be.

    Raises:
        BadInput: it may not.
    """
    if name and name not in FORMATS:
        raise BadInput(f"--format {name!r} is none", hint="known: " + ", ".join(FORMATS))
    return name
