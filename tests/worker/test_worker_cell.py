"""A cell in a worker behaves as in a kernel: outputs, names, errors."""

from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest

from jupyter_cloudml.worker import ambient


def plain(job: Any) -> list[Any]:
    return [output.get("data", {}).get("text/plain") for output in job.outputs]


def test_names_come_home_and_captured_objects_change_in_place(run):
    items = [1, 2]
    job = run("items.append(3)\nb = 5\ndel gone", {"items": items, "gone": 1})
    assert job.exit_code == 0
    assert job.state == "SUCCEEDED"
    assert items == [1, 2, 3]
    assert job.namespace["b"] == 5
    assert "gone" not in job.namespace


def test_order_of_events_is_result_then_final_state(run):
    job = run("x = 1")
    assert [event["k"] for event in job.events][-2:] == ["result", "state"]
    assert job.kinds("state")[0]["state"] == "RUNNING"


def test_prints_subprocesses_and_rich_output_keep_their_order(run):
    source = (
        "import os, subprocess\nprint('one')\nsubprocess.run(['echo', 'two'])\nos.system('echo three')\n"
        "print('four', end='')\ndisplay(5)\n!echo six"
    )
    job = run(source)
    assert job.outputs[0]["text"] == "one\ntwo\nthree\nfour"
    assert plain(job)[1] == "5"
    assert job.outputs[2]["text"].strip() == "six"


def test_last_expression_is_an_execute_result_and_underscore(run):
    job = run("value = [1]\nvalue")
    assert job.outputs[0]["output_type"] == "execute_result"
    assert job.outputs[0]["execution_count"] == 7
    assert job.applied.extra["_"] is job.namespace["value"]


def test_cell_runs_inside_a_loop_and_awaits_at_top_level(run):
    job = run(
        "import asyncio\nloop = asyncio.get_running_loop() is not None\n"
        "await asyncio.sleep(0)\ntry:\n    asyncio.run(asyncio.sleep(0))\n"
        "except RuntimeError as exc:\n    text = str(exc)"
    )
    assert job.namespace["loop"] is True
    assert "cannot be called from a running event loop" in job.namespace["text"]


def test_display_ids_update_and_clear_output(run):
    job = run(
        "from IPython.display import clear_output, display\nprint('gone')\nclear_output()\n"
        "handle = display('a', display_id='d')\nhandle.update('b')"
    )
    assert plain(job) == ["'b'"]


@pytest.mark.parametrize(
    ("source", "stdout"),
    [
        ("%%bash\necho hey", "hey\n"),
        ("%%capture cap\nprint(1)", ""),
        ("x = 1\n%who", "x\t \n"),
        ("%env CLOUDML_T=7", "env: CLOUDML_T=7\n"),
        ("%%writefile {tmp}/a.txt\nhi", "Writing {tmp}/a.txt\n"),
        ("print(get_ipython().__class__.__name__)", "ZMQInteractiveShell\n"),
    ],
)
def test_magics_work(run, tmp_path, source, stdout):
    job = run(source.replace("{tmp}", str(tmp_path)))
    assert job.state == "SUCCEEDED", job.log
    assert job.text() == stdout.replace("{tmp}", str(tmp_path))


def test_timeit_and_time_run(run):
    job = run("%timeit -n1 -r1 pass\n%time 1 + 1")
    assert "loop" in job.text()
    assert plain(job)[-1] == "2"


def test_inline_figures_are_flushed_and_closed(run):
    job = run(
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        ambient={},
    )
    shown = [output for output in job.outputs if output["output_type"] == "display_data"]
    assert list(shown[0]["data"]) == ["text/plain", "image/png"]
    assert shown[0]["data"]["text/plain"] == "<Figure size 640x480 with 1 Axes>"


def test_figure_without_magic_is_inline_too(run):
    job = run("import matplotlib.pyplot as plt\n_ = plt.plot([1])")
    assert [o["output_type"] for o in job.outputs] == ["display_data"]


def test_error_is_shown_as_ipython_shows_it_and_comes_home_with_its_frames(run):
    job = run("def f(n):\n    return n / 0\nf(5)")
    assert job.exit_code == 1
    assert job.state == "FAILED"
    assert job.kinds("state")[-1]["error"]["type"] == "ZeroDivisionError"
    text = "".join(job.error["traceback"])
    assert "In[7]" in text
    assert "line 2" in text
    assert isinstance(job.applied.exception, ZeroDivisionError)
    frames = job.applied.extra["failure"]["frames"]
    assert frames[-1]["function"] == "f"
    assert frames[-1]["locals"] == {"n": "5"}
    assert frames[-1]["source"] == "return n / 0"


def test_names_bound_before_an_error_come_home(run):
    job = run("early = 1\nraise ValueError('no')")
    assert job.namespace["early"] == 1


@pytest.mark.parametrize(
    ("source", "name", "text"),
    [
        ("x = = 1", "SyntaxError", "In[7]"),
        ("for i in x:\npass", "IndentationError", "In[7]"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", "KeyboardInterrupt"),
        ("import sys; sys.exit(3)", "SystemExit", "%tb"),
        ("input()", "StdinNotImplementedError", "does not support input requests"),
        ("import getpass; getpass.getpass()", "StdinNotImplementedError", "getpass was called"),
    ],
)
def test_special_errors_look_as_in_a_kernel(run, source, name, text):
    job = run(source)
    assert job.error["ename"] == name
    assert text in "".join(job.error["traceback"])
    assert job.state == "FAILED"


def test_classes_of_the_cell_belong_to_main(run):
    job = run("class Net:\n    pass\nnet = Net()\nmodule = Net.__module__")
    assert job.namespace["module"] == "__main__"
    assert isinstance(job.namespace["net"], job.namespace["Net"])


def test_underscore_that_the_cell_sets_itself_comes_home(run):
    job = run("for _ in range(3):\n    pass")
    assert job.namespace["_"] == 2


def test_history_underscore_and_in_are_those_of_the_notebook(run):
    history = {"history": ["", "a = 1", "b = 2"], "cells": {}}
    job = run("text = (In[1], In[2], _)", {"_": 42}, ambient=history, execution_count=3)
    assert job.namespace["text"] == ("a = 1", "b = 2", 42)


def test_ambient_state_is_as_at_home_and_goes_back(run, tmp_path):
    import random

    random.seed(5)
    state = ambient.collect({})
    expected = random.random()
    state["cwd"] = str(tmp_path)
    state["environ"]["CLOUDML_TEST"] = "1"
    job = run(
        "import os, random\nv = random.random()\nw = os.getcwd()\ne = os.environ['CLOUDML_TEST']\n"
        "os.environ['CLOUDML_TEST'] = '2'\ndel os.environ['HOME']",
        ambient=state,
    )
    assert job.namespace["v"] == expected
    assert job.namespace["w"] == str(tmp_path)
    assert job.namespace["e"] == "1"
    changed = job.applied.extra["ambient"]
    assert changed["environ"] == {"CLOUDML_TEST": "2", "HOME": None}
    assert set(changed) == {"random", "environ"}
    ambient.apply({"random": changed["random"]})
    rest = random.random()
    random.setstate(ambient._unpacked(state["random"]))
    random.random()
    assert random.random() == rest


def test_random_state_of_a_package_that_the_cell_imports_itself_is_as_at_home(run):
    import numpy as np

    np.random.seed(3)
    state = ambient.collect({})
    expected = np.random.rand()
    job = run("import numpy as np\nv = float(np.random.rand())", ambient=state)
    assert job.namespace["v"] == expected


def test_tracebacks_through_functions_of_earlier_cells_show_their_source(run):
    namespace = {"__name__": "__main__"}
    name = "/tmp/ipykernel_1/99.py"
    source = "def broken():\n    raise ValueError('here')\n"
    exec(compile(source, name, "exec"), namespace)
    cells = {"cells": {name: [4, source]}, "history": []}
    job = run("broken()", {"broken": namespace["broken"]}, ambient=cells)
    text = "".join(job.error["traceback"])
    assert "In[4]" in text
    assert "here" in text


def test_executed_cell_is_a_valid_notebook(run):
    job = run("print('hi')\n1 + 1")
    notebook = nbformat.read(job.paths.result_cell, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[0].outputs[0].text == "hi\n"
    assert notebook.cells[0].execution_count == 7


def test_outputs_option_restricts_names_and_none_returns_nothing(run):
    job = run("a = 1\nb = 2", outputs=("b", "missing"))
    assert "a" not in job.namespace
    assert job.namespace["b"] == 2
    assert "missing" in job.applied.left_out


def test_value_that_cannot_go_home_is_left_out_with_a_note(run):
    job = run("lock = (i for i in 'ab')\nx = 1")
    assert job.state == "SUCCEEDED"
    assert job.namespace["x"] == 1
    assert "lock" in job.applied.left_out
    assert any("lock" in note["text"] for note in job.kinds("note"))


def test_threads_and_tasks_that_the_cell_starts_are_part_of_it(run):
    job = run(
        "import asyncio, threading, time\ndone = []\n"
        "def work():\n    time.sleep(0.2)\n    done.append(1)\n    print('late')\n"
        "async def task():\n    await asyncio.sleep(0.1)\n    done.append(2)\n"
        "threading.Thread(target=work).start()\nasyncio.create_task(task());"
    )
    assert sorted(job.namespace["done"]) == [1, 2]
    assert job.text() == "late\n"


def test_exit_handlers_of_the_cell_run(run, tmp_path):
    job = run(f"import atexit\natexit.register(open, {str(tmp_path / 'left')!r}, 'w');")
    assert job.exit_code == 0
    assert (tmp_path / "left").exists()


def test_damaged_spec_ends_failed_with_one_sentence(run):
    job = run("x = 1", before=lambda job: job.paths.spec.write_text("{"))
    assert job.state == "FAILED"
    assert job.kinds("state")[-1]["error"]["type"] == "Corrupt"
    assert not job.paths.result_manifest.exists()


def test_warnings_go_to_stderr_with_the_name_of_the_cell(run):
    job = run("import warnings\nwarnings.warn('careful')")
    assert "UserWarning: careful" in job.text("stderr")
    assert "/ipykernel_" in job.text("stderr")


def test_second_attempt_keeps_the_journal_and_replaces_the_result(run, forker):
    job = run("x = 1")
    forker.start(job.paths)
    assert forker.exit_code() == 0
    states = [event["state"] for event in job.kinds("state")]
    assert states == ["RUNNING", "SUCCEEDED", "RUNNING", "SUCCEEDED"]
    cell = json.loads(job.paths.result_cell.read_text())
    assert cell["cells"][0]["outputs"] == []


def test_frames_of_cells_are_mains_so_that_deep_tracebacks_are_drawn_at_once(run):
    job = run(
        "import inspect, sys\nof = inspect.getmodule(sys._getframe()).__name__\n"
        "def deep(): return deep()\ndeep()"
    )
    assert job.namespace["of"] == "__main__"
    assert job.error["ename"] == "RecursionError"
    assert "deep()" in "".join(job.error["traceback"])
