"""What MLflow is told of a preparation: its sources with etags, and its results with schema, counts and fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from ..core.uris import scheme_of
from .profile import Profile
from .tables import Table

MAX_FILES = 100
"""Of a source; of more their number and one digest of all are told."""

_DIGEST = 36  # mlflow: MAX_DATASET_DIGEST_SIZE
_KINDS = (
    ("Int64", "long"),
    ("UInt", "long"),
    ("Int", "integer"),
    ("Float32", "float"),
    ("Float", "double"),
    ("Boolean", "boolean"),
    ("Binary", "binary"),
    ("Date", "datetime"),
)


def source_record(table: Table) -> dict[str, Any]:
    """One source as a dataset of MLflow."""
    return {
        "name": table.name,
        "digest": _digest_of(table)[:_DIGEST],
        "source_type": scheme_of(table.uri),
        "source": json.dumps(_source(table)),
        "schema": "",
        "profile": json.dumps({"bytes": table.bytes, "files": len(table.files)}),
        "context": "source",
    }


def result_record(
    name: str,
    profile: Profile,
    *,
    sink: str,
    tables: Sequence[Table],
    frames: Sequence[str],
    engine: str,
    job: str,
    is_cached: bool,
) -> dict[str, Any]:
    """One result as a dataset of MLflow, with where it came from."""
    lineage = {
        "uri": sink,
        "job": job,
        "engine": engine,
        "cached": is_cached,
        "sources": [_source(table) for table in tables],
        "frames": list(frames),
    }
    columns = [
        {"name": column.name, "type": _kind(column.type), "required": column.nulls == 0}
        for column in profile.columns
    ]
    counts = {
        "num_rows": profile.rows,
        "nulls": {column.name: column.nulls for column in profile.columns},
        "bytes": profile.bytes,
        "fingerprint": profile.fingerprint,
    }
    return {
        "name": name,
        "digest": profile.fingerprint[:_DIGEST] or "empty",
        "source_type": "cloudprep",
        "source": json.dumps(lineage),
        "schema": json.dumps({"mlflow_colspec": columns}),
        "profile": json.dumps(counts),
        "context": "prepared",
    }


def _source(table: Table) -> dict[str, Any]:
    files = [{"uri": f.uri, "bytes": f.size, "etag": f.etag} for f in table.files[:MAX_FILES]]
    told: dict[str, Any] = {
        "name": table.name,
        "uri": table.uri,
        "format": table.format,
        "files": files,
    }
    if len(table.files) > MAX_FILES:
        told |= {"files_in_all": len(table.files), "digest": _digest_of(table)}
    return told


def _digest_of(table: Table) -> str:
    digest = hashlib.blake2b(table.uri.encode(), digest_size=16)
    for file in table.files:
        digest.update(f"\0{file.uri}\0{file.size}\0{file.etag}".encode())
    return digest.hexdigest()


def _kind(name: str) -> str:
    return next((kind for start, kind in _KINDS if name.startswith(start)), "string")
