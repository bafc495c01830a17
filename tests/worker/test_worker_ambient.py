"""What surrounds a cell in a worker is as at home: logging, precision, arguments, file names; and what it changes goes back."""

from __future__ import annotations

import builtins
import importlib
import logging
import sys
import threading
from pathlib import Path

import pytest

from jupyter_cloudml.worker import ambient, logs


@pytest.fixture
def logging_as_before():
    root = logging.root
    before = root.level, list(root.handlers)
    yield
    root.setLevel(before[0])
    for handler in list(root.handlers):
        if handler not in before[1]:
            root.removeHandler(handler)


def test_logging_that_a_cell_sets_up_is_set_up_at_home(run, logging_as_before, capsys):
    job = run(
        "import logging, sys\nlogging.basicConfig(level=logging.INFO, format='%(levelname)s:%(message)s',"
        " stream=sys.stdout, force=True)\nlogging.info('there')"
    )
    assert job.text() == "INFO:there\n"
    ambient.apply_logging(job.applied.extra["ambient"])
    logging.info("here")
    assert capsys.readouterr().out == "INFO:here\n"


def test_logging_of_home_holds_in_the_cell(run):
    state = ambient.collect({})
    state["logging"]["loggers"][""] = {
        "level": logging.DEBUG,
        "propagate": True,
        "disabled": False,
        "handlers": [{"level": 0, "format": ["<{message}>", None, "{"], "stream": "stdout"}],
    }
    job = run("import logging\nlogging.debug('seen')", ambient=state)
    assert job.text() == "<seen>\n"
    assert "logging" not in job.applied.extra.get("ambient", {})


def test_a_logger_that_is_set_up_so_already_keeps_its_handlers(logging_as_before, tmp_path):
    handler = logging.FileHandler(tmp_path / "log.txt")
    logging.root.addHandler(handler)
    logs.apply(logs.collect())
    assert handler in logging.root.handlers
    handler.close()


def test_precision_and_print_options_come_home(run):
    job = run(
        "import decimal, numpy as np\n%precision 3\nnp.set_printoptions(suppress=True)\n"
        "decimal.getcontext().prec = 9"
    )
    changed = job.applied.extra["ambient"]
    assert changed["manner"]["float_precision"] == "3"
    assert changed["numpy_print"]["suppress"] is True
    assert changed["decimal"]["prec"] == 9


def test_the_manner_of_home_holds_in_the_cell(run):
    state = ambient.collect({}) | {"argv": ["notebook.py", "-f"]}
    manner = {"float_precision": "2", "pprint": True, "max_width": 79, "max_seq_length": 1000}
    state["manner"] = {**manner, "interactivity": "all", "xmode": "Context"}
    job = run("import sys\n3.14159\nsys.argv", ambient=state)
    shown = [output["data"]["text/plain"] for output in job.outputs]
    assert shown == ["3.14", "['notebook.py', '-f']"]


def test_numpy_states_of_one_kind_only_are_taken(run):
    numpy = pytest.importorskip("numpy")
    before = numpy.get_printoptions()
    try:
        ambient.apply({"numpy_print": {"precision": 3}})
        assert numpy.get_printoptions()["precision"] == 3
    finally:
        numpy.set_printoptions(**before)


def test_the_code_of_the_cell_has_the_file_name_that_home_knows_it_by(run):
    name = "/tmp/ipykernel_1/2.py"
    job = run("def f(): pass", ambient={"cell_file": name})
    assert job.namespace["f"].__code__.co_filename == name


def test_help_goes_to_the_pager_and_is_no_output_below_the_cell(run):
    job = run("len?")
    pages = [e["output"] for e in job.kinds("output") if e["output"]["output_type"] == "page"]
    assert "Signature" in pages[0]["data"]["text/plain"]
    assert job.outputs == []


def test_the_exit_code_of_a_command_comes_home_and_reset_is_no_change_of_the_shell(run):
    assert run("!exit 3").namespace["_exit_code"] == 3
    job = run("%reset -f", {"x": 1, "_exit_code": 3})
    assert job.applied.left_out == {}
    assert "x" not in job.namespace


def test_leaving_is_announced_at_home_and_not_twice(run):
    job = run("import sys\nsys.exit(3)")
    assert job.error["ename"] == "SystemExit"
    assert "To exit" not in job.text("stderr")


def test_the_history_has_cells_without_the_line_of_the_magic():
    call = "get_ipython().run_cell_magic('cloudtrain', '--on local', 'f(\\')\\')\\n')"
    assert ambient.cell_text(call) == "f(')')"
    assert ambient.cell_text("x = 1") == "x = 1"


def test_a_package_that_another_thread_is_importing_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    (tmp_path / "slow_package.py").write_text("tell()\nwait()\nready = True\n")
    monkeypatch.setattr(builtins, "tell", begun.set, raising=False)
    monkeypatch.setattr(builtins, "wait", lambda: go_on.wait(30), raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(ambient, "PACKAGES", {"slow_package": ()})
    applied: list[bool] = []
    monkeypatch.setattr(
        ambient, "apply_package", lambda _name, package, _state: applied.append(package.ready)
    )
    importing = threading.Thread(target=importlib.import_module, args=("slow_package",))
    applying = threading.Thread(target=ambient.apply_options, args=({},))
    try:
        importing.start()
        assert begun.wait(30)
        applying.start()
        applying.join(0.1)
        assert applying.is_alive()
        assert not applied
    finally:
        go_on.set()
        importing.join()
        applying.join()
        sys.modules.pop("slow_package", None)
    assert applied == [True]
