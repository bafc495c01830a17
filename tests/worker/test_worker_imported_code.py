"""A module whose file was edited after its import is, in a job, what the notebook imported."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_cloudml.worker import imported_code

OLD = "def area(x):\n    return 2 * x\nclass Shape:\n    sides = property(lambda self: 3)\n"
NEW = "def area(x):\n    return 100 * x * x\n"
FAR = """
import importlib, json, sys
from jupyter_cloudml.worker import imported_code
folder, name, codes = json.loads(sys.stdin.read())
sys.path.insert(0, folder)
imported_code.follow(codes)
module = importlib.import_module(name)
imported_code.meet(module)
first = module.area(1)
importlib.reload(module)
print(json.dumps([first, module.area(1), imported_code.reloaded() == [name]]))
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of the user's own, imported at home."""
    name = "edited_" + tmp_path.name.replace("-", "_")
    (tmp_path / f"{name}.py").write_text(OLD)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


def edit(module, text):
    Path(module.__file__).write_text(text)


def outdated(module):
    codes, lost = imported_code.outdated({module.__name__: module})
    return set(codes), lost


def test_a_module_whose_file_is_as_it_was_travels_by_name(module):
    assert outdated(module) == (set(), [])


def test_an_edited_module_travels_as_what_was_imported(module):
    outdated(module)
    edit(module, NEW)
    assert outdated(module) == ({module.__name__}, [])


def test_an_edit_before_the_first_look_is_found_by_the_compiled_file(module):
    edit(module, NEW)
    assert outdated(module) == ({module.__name__}, [])


def test_code_that_nobody_has_any_more_is_said_to_be_lost(module, tmp_path):
    edit(module, NEW)
    for compiled in (tmp_path / "__pycache__").iterdir():
        compiled.unlink()
    assert outdated(module) == (set(), [module.__name__])


def test_an_edit_that_was_undone_is_none(module):
    outdated(module)
    edit(module, NEW)
    outdated(module)
    edit(module, OLD)
    assert outdated(module) == (set(), [])


def test_a_file_that_is_gone_or_broken_changes_nothing(module):
    outdated(module)
    edit(module, "def (:")
    assert outdated(module) == ({module.__name__}, [])


def test_after_a_reload_the_new_code_is_the_modules_own(module):
    outdated(module)
    edit(module, NEW + "# longer, so that it is another file\n")
    importlib.reload(module)
    assert outdated(module) == (set(), [])


def test_functions_that_autoreload_gave_new_code_are_the_files(module):
    outdated(module)
    edit(module, "# a line more\n" + NEW)
    new = {}
    exec(compile(NEW, module.__file__, "exec", dont_inherit=True), new)
    module.area.__code__ = new["area"].__code__
    del module.Shape
    assert outdated(module) == (set(), [])


def test_a_function_that_the_notebook_put_there_is_no_edit(module):
    module.area = lambda x: x
    assert outdated(module) == (set(), [])


def test_there_the_first_import_has_the_old_code_and_a_reload_the_new(module, tmp_path):
    edit(module, NEW)
    codes, _ = imported_code.outdated({module.__name__: module})
    told = json.dumps([str(tmp_path), module.__name__, codes])
    done = subprocess.run(
        [sys.executable, "-c", FAR], input=told, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [2, 100, True]


def test_what_was_reloaded_there_is_reloaded_at_home_without_a_word(module, capsys):
    edit(module, NEW + "print('loud')\n")
    imported_code.reload_too([module.__name__, "never_imported"])
    assert module.area(1) == 100
    assert capsys.readouterr().out == ""


def test_a_module_that_cannot_be_reloaded_stays_as_it_was(module):
    edit(module, "def (:")
    imported_code.reload_too([module.__name__])
    assert module.area(1) == 2
