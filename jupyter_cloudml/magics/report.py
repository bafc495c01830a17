"""The capture report of ``--dry-run``: what would travel, how, and how big it is; what would be asked of the target."""

from __future__ import annotations

import html
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from types import ModuleType
from typing import Any

from ..capture import modules
from ..client.launch import Prepared, Source, prepare
from ..client.options import SubmitOptions
from ..client.session import Session
from ..client.text import size, table
from ..core.ids import new_job_id
from ..core.spec import Origin

_HEADER = ("name", "travels as", "size", "to send", "because of", "note")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureReport:
    """Everything that a launch would do, as text and as HTML. Nothing was started."""

    target: str
    values: tuple[tuple[str, ...], ...]
    left_out: tuple[tuple[str, str], ...]
    local_modules: tuple[tuple[str, str], ...]
    packages: tuple[tuple[str, str], ...]
    secrets: tuple[str, ...]
    parameters: tuple[tuple[str, str], ...]
    total_bytes: int
    sent_bytes: int
    request: str
    warnings: tuple[str, ...] = ()

    def sections(self) -> list[tuple[str, Sequence[str], Sequence[Sequence[str]]]]:
        """Title, header and rows of each part that has any."""
        total = f"{size(self.total_bytes)}, of which {size(self.sent_bytes)} to send"
        parts: list[tuple[str, Sequence[str], Sequence[Sequence[str]]]] = [
            (f"Values ({total})", _HEADER, self.values),
            ("Left out", ("name", "why"), self.left_out),
            ("Parameters", ("name", "value"), self.parameters),
            ("Local modules", ("module", "size"), self.local_modules),
            ("Packages", ("package", "version"), self.packages),
            ("Secrets, by name only", ("name",), [(name,) for name in self.secrets]),
            ("Warnings", ("warning",), [(text,) for text in self.warnings]),
        ]
        return [part for part in parts if part[2]]

    def __repr__(self) -> str:
        lines = [f"Dry run on {self.target}: nothing was started."]
        for title, header, rows in self.sections():
            lines += ["", title, table(header, rows)]
        return "\n".join([*lines, "", "Request", self.request])

    def _repr_html_(self) -> str:
        parts = [f"<p><b>Dry run on {html.escape(self.target)}:</b> nothing was started.</p>"]
        parts += [_html_table(*section) for section in self.sections()]
        return "".join([*parts, f"<p><b>Request</b></p><pre>{html.escape(self.request)}</pre>"])


def dry_run(
    session: Session, source: Source, options: SubmitOptions, origin: Origin
) -> CaptureReport:
    """The report of what ``launch`` would do with the same arguments; raises what it would raise."""
    prepared = prepare(session, source, options, origin, job_id=new_job_id(), blobs=session.blobs)
    return report(prepared, source, session)


def report(prepared: Prepared, source: Source, session: Session) -> CaptureReport:
    spec, encoded = prepared.spec, prepared.encoded
    tops = _modules(prepared, source)
    local = modules(tops, loaded={name: sys.modules[name] for name in tops if name in sys.modules})
    request = prepared.target.plan(spec, session.paths(spec.id))
    return CaptureReport(
        target=str(spec.target),
        values=tuple(
            (r.name, r.how, size(r.bytes), size(r.sent_bytes), r.via, r.note)
            for r in encoded.report
        ),
        left_out=tuple(sorted(encoded.left_out.items())),
        local_modules=tuple(
            (name, size(sum(file.size for file in module.files))) for name, module in local.items()
        ),
        packages=tuple(_packages(tops - local.keys())),
        secrets=spec.secrets,
        parameters=tuple((name, repr(value)) for name, value in spec.params.items()),
        total_bytes=sum(r.bytes for r in encoded.report),
        sent_bytes=sum(r.sent_bytes for r in encoded.report),
        request=str(request),
        warnings=prepared.warnings,
    )


def _modules(prepared: Prepared, source: Source) -> set[str]:
    """Top-level modules that the cell imports, and those of the values that travel."""
    found = {name.partition(".")[0] for name in prepared.names.imports}
    for entry in prepared.encoded.report:
        value: Any = source.namespace.get(entry.name)
        name = (
            value.__name__
            if isinstance(value, ModuleType)
            else getattr(type(value), "__module__", "")
        )
        found.add(str(name).partition(".")[0])
    return found - {"__main__", "builtins", ""} - sys.stdlib_module_names


def _packages(names: Iterable[str]) -> list[tuple[str, str]]:
    """Package and version of each top-level module; the slow map is only asked for names that differ."""
    found, unknown = {}, []
    for name in sorted(names):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            unknown.append(name)
    known = packages_distributions() if unknown else {}
    for name in unknown:
        for package in known.get(name, ())[:1]:
            found[package] = version(package)
    return sorted(found.items())


def _html_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>"
        + "".join(f'<td style="text-align:left">{html.escape(str(cell))}</td>' for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<p><b>{html.escape(title)}</b></p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
