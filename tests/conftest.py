"""Fixtures of every room: the engines that tests start."""

from __future__ import annotations

pytest_plugins = ("tests.engines.fixtures",)
