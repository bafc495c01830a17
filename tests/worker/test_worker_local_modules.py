"""What a notebook changes in the user's own modules holds in the cell, and what the cell changes holds at home."""

from __future__ import annotations

import importlib
import json
import sys

import pytest

from jupyter_cloudml.capture.modules import modules
from jupyter_cloudml.worker import ambient, local_modules

SOURCE = """
import enum, math
RATE, cache, CONFIG = 3, [], {"depth": [1]}
class Colour(enum.Enum):
    RED = 1
class Thing:
    made = 0
lock = __import__("threading").Lock()
def scale(x):
    cache.append(x)
    return x * RATE
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A fresh module of the user's own, imported at home."""
    name = "own_" + tmp_path.name.replace("-", "_")
    (tmp_path / f"{name}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


def captured(module):
    """What the client sends of a notebook in which ``module`` was imported."""
    found = local_modules.reached([module])
    return {local_modules.PREFIX + name: local_modules.state_of(m) for name, m in found.items()}


def bring_home(job):
    for name, state in job.applied.extra.get("modules", {}).items():
        local_modules.restore(sys.modules[name], state)


def test_plain_data_is_state_and_nothing_else(module):
    state = local_modules.state_of(module)
    assert set(state["globals"]) == {"RATE", "cache", "CONFIG"}
    assert state["classes"] == {"Thing": {"made": 0}}


def test_libraries_are_never_looked_at(module):
    assert list(local_modules.reached([json, pytest, module.scale])) == [module.__name__]


def test_packages_of_another_environment_on_the_path_are_libraries(tmp_path, monkeypatch):
    folder = tmp_path / "env" / "lib" / "python3" / "site-packages"
    folder.mkdir(parents=True)
    (folder / "other_library.py").write_text("RATE = 1\n")
    monkeypatch.syspath_prepend(str(folder))
    library = importlib.import_module("other_library")
    try:
        assert not local_modules.reached([library])
        assert not modules(["other_library"], loaded={})
    finally:
        sys.modules.pop("other_library")


def test_a_module_that_refuses_names_keeps_what_it_has_and_takes_the_rest(module):
    class Strict(type(module)):
        def __setattr__(self, name, value):
            if name == "cache":
                raise AttributeError(f"{name} does not exist")
            super().__setattr__(name, value)

    state = local_modules.state_of(module)
    before = module.cache
    module.__class__ = Strict
    local_modules.restore(
        module, {**state, "globals": {**state["globals"], "cache": {}, "RATE": 7}}
    )
    assert module.RATE == 7
    assert module.cache is before


def test_changes_of_home_hold_in_the_cell_and_those_of_the_cell_at_home(run, module):
    module.RATE, module.Thing.made = 10, 5
    cache = module.cache
    job = run(
        "m.Thing.made += 1\nm.CONFIG = {'new': m.scale(2)}",
        {"m": module, **captured(module)},
        ambient=ambient.collect({}),
    )
    assert job.state == "SUCCEEDED"
    bring_home(job)
    assert (module.CONFIG, module.Thing.made, module.RATE) == ({"new": 20}, 6, 10)
    assert module.cache is cache
    assert cache == [2]


def test_a_module_that_did_not_change_sends_nothing_home(run, module):
    job = run("x = m.RATE", {"m": module, **captured(module)}, ambient=ambient.collect({}))
    assert "modules" not in job.applied.extra
    assert not any(name.startswith(local_modules.PREFIX) for name in job.applied.names)


def test_state_waits_for_an_import_in_the_cell(run, module):
    module.RATE = 7
    job = run(
        f"from {module.__name__} import scale\ngot = scale(2)",
        captured(module),
        ambient=ambient.collect({}),
    )
    assert job.namespace["got"] == 14
