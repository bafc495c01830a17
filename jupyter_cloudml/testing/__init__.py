"""For backend authors: conformance suites to subclass, and fakes that really run jobs.

::

    from jupyter_cloudml.testing import RemoteTargetSuite

    class TestSlurm(RemoteTargetSuite):
        @pytest.fixture
        def target(self, home): ...

The suites need pytest; ``fakes``, ``jobs`` and ``links`` do not.
"""

from __future__ import annotations

from typing import Any

_HOMES = {
    "CarrierSuite": "carrier_suite",
    "TargetSuite": "target_suite",
    "RemoteTargetSuite": "target_suite",
    "FakeCluster": "fakes",
    "FakeTarget": "fakes",
    "StoreSuite": "stores",
    "FaultyProxy": "proxy",
    "SlowCarrier": "links",
    "FlakyCarrier": "links",
    "make_job": "jobs",
    "wait_until": "jobs",
}

__all__ = [  # noqa: PLE0604 - the table above is the list
    *_HOMES
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = f"{__name__}.{_HOMES[name]}"
    if name.endswith("Suite"):
        import pytest

        pytest.register_assert_rewrite(module)
    return getattr(import_module(module), name)
