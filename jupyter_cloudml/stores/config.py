"""``[stores.NAME]`` of ``cloudml.toml``: how to reach what lies below a URI.

::

    [stores.lake]
    uri = "s3://bucket/prefix"             # everything below it
    endpoint = "https://minio.lan:9000"    # an object store of your own
    region = "eu-central-1"
    profile = "work"                       # a profile of ~/.aws/config
    encryption = "aws:kms:alias/lake"      # AES256 | aws:kms[:KEY] | cmek:KEY | cmk:SCOPE
    anonymous = true                       # a public bucket: ask without credentials

No secret belongs there: credentials come from each vendor's own chain. What is not said is asked of that chain, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.config_files import check_table, config_files, merged, parse_options, read_files
from ..core.errors import BadInput
from ..core.uris import join_uri, split_uri
from .port import Encryption

_KINDS = {"AES256": False, "aws:kms": False, "cmek": True, "cmk": True}
"""Kinds of encryption, and whether they must name a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """One ``[stores.NAME]``; every option but ``uri`` may be absent."""

    uri: str = ""
    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    encryption: str | None = None
    anonymous: bool = False

    @property
    def encrypt(self) -> Encryption | None:
        """What ``encryption`` means. Raises ``BadInput`` when it means nothing."""
        return None if self.encryption is None else parse_encryption(self.encryption)


@dataclass(frozen=True, slots=True)
class StoresConfig:
    """All configured stores by name."""

    stores: Mapping[str, StoreOptions]

    def options_for(self, uri: str) -> StoreOptions:
        """Those of the store whose URI is ``uri`` or the longest above it; else none are set."""
        wanted = _plain(uri)
        fitting = [o for o in self.stores.values() if _is_below(wanted, _plain(o.uri))]
        return max(fitting, key=lambda options: len(options.uri), default=StoreOptions())

    def to_json(self) -> dict[str, dict[str, Any]]:
        """For a far end that has no ``cloudml.toml``. Holds no secret."""
        return {
            name: {key: value for key, value in asdict(options).items() if value is not None}
            for name, options in self.stores.items()
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Mapping[str, Any]]) -> StoresConfig:
        return cls({name: parse_options(StoreOptions, table) for name, table in value.items()})


def load_stores(cwd: Path, *, user_file: Path | None = None) -> StoresConfig:
    """What the user's and the project's file say; missing files count as empty.

    Raises:
        BadInput: a file cannot be read or parsed, or an option is unknown or wrong.
    """
    parts: dict[str, list[tuple[Path, Mapping[str, Any]]]] = {}
    for path, document in read_files(config_files(cwd, user_file=user_file)).items():
        section = document.get("stores", {})
        check_table(path, "stores", section)
        for name, table in section.items():
            check_table(path, f"stores.{name}", table)
            parts.setdefault(name, []).append((path, table))
    return StoresConfig({name: _options(name, tables) for name, tables in parts.items()})


def parse_encryption(text: str) -> Encryption:
    """``aws:kms:alias/x`` and its like.

    Raises:
        BadInput: no such kind, or a key where there is none, or none where there must be one.
    """
    for kind, needs_key in _KINDS.items():
        if text == kind and not needs_key:
            return Encryption(kind=kind)  # type: ignore[arg-type]
        key = text.removeprefix(f"{kind}:")
        if key not in ("", text) and kind != "AES256":
            return Encryption(kind=kind, key=key)  # type: ignore[arg-type]
    raise BadInput(
        f"encryption = {text!r} is none that a store has",
        hint="write AES256, aws:kms, aws:kms:KEY, cmek:KEY or cmk:SCOPE",
    )


def _options(name: str, tables: list[tuple[Path, Mapping[str, Any]]]) -> StoreOptions:
    table = merged(f"stores.{name}", tables)
    options = parse_options(StoreOptions, table)
    if not options.uri:
        raise BadInput(
            f"{tables[-1][0]}: stores.{name} has no uri", hint='uri = "s3://bucket/prefix"'
        )
    try:
        split_uri(options.uri)
        options.encrypt  # noqa: B018 - is it one?
    except BadInput as exc:
        key = "uri" if "encryption" not in exc.message else "encryption"
        raise BadInput(f"{table.where(key)}: {exc.message}", hint=exc.hint) from exc
    return options


def _plain(uri: str) -> str:
    return join_uri(*split_uri(uri)).rstrip("/")


def _is_below(uri: str, above: str) -> bool:
    return uri == above or uri.startswith(f"{above}/")
