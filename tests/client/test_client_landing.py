"""A prefix that is copied into a folder: whatever its keys are, nothing lands outside, and nothing on another's file."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from jupyter_cloudml.client.data import names, transfer
from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.stores.open import open_store
from jupyter_cloudml.stores.port import ObjectInfo, Page


class Bucket:
    """As much of a store as planning a copy asks for."""

    root = "s3://b"

    def __init__(self, keys: list[str], size: int) -> None:
        now = datetime.now(timezone.utc)
        self.infos = [ObjectInfo(key=key, size=size, etag="1", modified=now) for key in keys]

    def list(self, prefix: str, **_: object) -> Page:
        del prefix
        return Page(objects=tuple(self.infos), prefixes=(), next=None)

    def walk(self, prefix: str) -> list[ObjectInfo]:
        return [info for info in self.infos if info.key.startswith(prefix)]


@pytest.mark.parametrize("size", [1, 9 << 20])
@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["p/q/../../evil"], "cannot be a file below"),
        (["p/q/a/b", "p/q/a//b"], "would be one file"),
        (["p/q/a/b", "p/q/a/./b"], "would be one file"),
    ],
)
def test_a_copy_is_refused_before_a_byte_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: list[str], said: str, size: int
) -> None:
    bucket = Bucket(keys, size)
    for module in (names, transfer):
        monkeypatch.setattr(
            module,
            "open_store",
            lambda uri: (bucket, "p/q/") if uri.startswith("s3:") else open_store(uri),
        )
    with pytest.raises(BadInput, match=said):
        transfer.plan_copy(["s3://b/p/q/"], str(tmp_path / "x" / "out"), recursive=True)
    assert list(tmp_path.iterdir()) == []
