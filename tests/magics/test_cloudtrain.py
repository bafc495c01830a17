"""``%%cloudtrain`` in a real kernel, through a real agent and worker."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

from jupyter_cloudml.journal.atomic import write_json
from jupyter_cloudml.magics import watch
from tests.e2e.kernels import MIME


def test_output_result_names_and_objects_come_home(notebook):
    notebook.run("items = [1]\nalias = items\ndef grow(n): items.append(n); return len(items)")
    ran = notebook.run("%%cloudtrain fit\nprint('there')\nsize = grow(2)\nitems")
    assert ran.status == "ok", ran.reply
    assert ran.text() == "there\n"
    assert ran.results[0]["data"]["text/plain"] == "[1, 2]"
    assert ran.results[0]["execution_count"] == ran.reply["execution_count"]
    assert notebook.value("(size, alias is items, _ is items, alias)") == "(2, True, True, [1, 2])"


def test_the_cell_ran_in_another_process(notebook):
    notebook.run("%%cloudtrain\nimport os\npid = os.getpid()")
    assert notebook.value("pid != __import__('os').getpid()") == "True"


def test_the_card_is_shown_first_and_ends_final(notebook):
    ran = notebook.run("%%cloudtrain carded\nprint(1)")
    assert [card["state"] for card in ran.cards][-1] == "SUCCEEDED"
    shown = [kind for kind, _ in ran.messages if kind in ("display_data", "stream")]
    assert shown[0] == "display_data"
    assert ran.cards[-1]["name"] == "carded"


def test_an_exception_comes_home_with_its_type_and_the_far_traceback(notebook):
    notebook.run("class Broken(Exception): pass")
    ran = notebook.run("%%cloudtrain\nbefore = 1\ndef deep(v):\n    raise Broken('no', v)\ndeep(7)")
    assert ran.error == "Broken: ('no', 7)"
    assert "raise Broken('no', v)" in ran.shown
    assert "jupyter_cloudml" not in ran.shown
    assert notebook.value("before") == "1"
    frame = "cloudml.get(cloudml.jobs(limit=1)[0].id).failure.locals"
    notebook.run("import jupyter_cloudml as cloudml")
    assert notebook.value(frame) == "{'v': '7'}"


def test_a_mistake_is_one_sentence_and_starts_nothing(notebook):
    before = notebook.value("len(get_ipython().run_line_magic('cloudjobs', '-n 1000'))")
    for line, cell, says in [
        ("--gpuz 1", "1", "did you mean --gpus?"),
        ("--on mars", "1", "no target kind 'mars'"),
        ("-i nosuchname", "1", "nosuchname"),
        ("--secret NO_SUCH_SECRET", "1", "NO_SUCH_SECRET is not set"),
        ("--gpus 99", "1", "this machine has"),
        ("--resume ffffffffffff", "1", "no job"),
    ]:
        ran = notebook.run(f"%%cloudtrain {line}\n{cell}")
        assert ran.status == "error"
        assert says in ran.error
        assert len(ran.shown.splitlines()) == 1
    assert notebook.value("len(get_ipython().run_line_magic('cloudjobs', '-n 1000'))") == before


def test_a_syntax_error_reads_as_in_a_plain_cell(notebook):
    plain, ran = notebook.run("x = (1\n"), notebook.run("%%cloudtrain\nx = (1\n")
    assert ran.error == plain.error
    assert ran.shown.split("\n")[1:] == plain.shown.split("\n")[1:]


def test_an_error_stands_where_it_arose_among_the_outputs_and_only_once(notebook):
    ran = notebook.run(
        "%%cloudtrain\nimport atexit\nip = get_ipython()\ndef later():\n    print('after')\n"
        "    ip.events.unregister('post_execute', later)\nip.events.register('post_execute', later)\n1 / 0"
    )
    kinds = [kind for kind, _ in ran.messages if kind in ("stream", "error")]
    assert kinds == ["error", "stream"]
    assert ran.error.startswith("ZeroDivisionError:")


def test_the_exception_that_the_user_holds_is_not_touched(notebook):
    notebook.run("held = ValueError('mine')")
    assert notebook.run("%%cloudtrain\nraise held").error == "ValueError: mine"
    assert notebook.value("vars(held)") == "{}"
    assert "raise held" in notebook.run("%tb").shown


def test_a_value_that_cannot_be_shown_fails_the_cell_as_in_a_plain_one(notebook):
    notebook.run("class Bad:\n    def __repr__(self): raise ValueError('no repr')")
    plain, ran = notebook.run("Bad()"), notebook.run("%%cloudtrain\nBad()")
    assert ran.error == plain.error
    assert [kind for kind, _ in ran.messages].count("error") == 1


def test_what_ipython_prints_of_an_error_is_printed_once(notebook):
    assert notebook.run("%%cloudtrain\n%nosuchmagic").text("stderr").count("UsageError") == 1
    assert (
        notebook.run("%%cloudtrain\nimport sys\nsys.exit(3)").text("stderr").count("UserWarning")
        == 1
    )


def test_help_is_a_page_of_the_front_end(notebook):
    ran = notebook.run("%%cloudtrain\nlen?")
    (page,) = [p for p in ran.reply["payload"] if p["source"] == "page"]
    assert "Signature" in page["data"]["text/plain"]


def test_source_of_a_function_that_a_job_defined_is_known_here_and_in_later_jobs(notebook):
    notebook.run("%%cloudtrain\ndef defined_there():\n    return 'there'")
    assert "'there'" in notebook.value("__import__('inspect').getsource(defined_there)")
    ran = notebook.run("%%cloudtrain\nimport inspect\nprint(inspect.getsource(defined_there))")
    assert "return 'there'" in ran.text()


def test_an_unpicklable_value_is_refused_by_name(notebook):
    notebook.run("import socket\nopen_socket = socket.socket()")
    ran = notebook.run("%%cloudtrain\nopen_socket.fileno()")
    assert ran.error.startswith("CannotTravel:")
    assert "open_socket" in ran.error
    notebook.run("open_socket.close()")


def test_a_name_that_stayed_here_is_explained_when_the_cell_misses_it(notebook):
    notebook.run(
        "import socket\nline = socket.socket()\ndef use(it): return line if it else 'fine'"
    )
    fine = notebook.run("%%cloudtrain\nuse(False)")
    assert fine.status == "ok"
    assert fine.cards[-1]["notes"] == []
    ran = notebook.run("%%cloudtrain\nuse(True)")
    notebook.run("line.close()")
    assert ran.error == "NameError: name 'line' is not defined"
    (note,) = ran.cards[-1]["notes"]
    assert note.startswith("line did not arrive there: ")
    assert "socket" in note
    assert (
        f"note: {note[:100]}"
        in [c["data"]["text/plain"] for _, c in ran.messages if MIME in c.get("data", {})][-1]
    )


def test_a_wrong_output_name_is_an_error_that_says_what_was_bound(notebook):
    ran = notebook.run("%%cloudtrain -o missing_name\nfound_name = 1")
    assert ran.error == (
        "BadInput: -o missing_name: the cell binds no such name (it binds: found_name)"
    )


def test_outputs_restrict_and_no_return_brings_nothing(notebook):
    notebook.run("%%cloudtrain -o kept\nkept = 1\ndropped = 2")
    notebook.run("%%cloudtrain --no-return\nnever = 3")
    assert (
        notebook.value("[n in globals() for n in ('kept', 'dropped', 'never')]")
        == "[True, False, False]"
    )


def test_a_parameter_is_bound_there_and_not_here(notebook):
    notebook.run("rate = 1.0\ndef doubled(): return rate * 2")
    ran = notebook.run("%%cloudtrain -p rate 0.25 -p fresh abc\nprint(rate, doubled(), fresh)")
    assert ran.text() == "0.25 0.5 abc\n"
    assert notebook.value("(rate, 'fresh' in globals())") == "(1.0, False)"


def test_clearing_and_updating_leave_the_same_picture(notebook):
    ran = notebook.run(
        "%%cloudtrain\nfrom IPython.display import clear_output, display\n"
        "handle = display('first', display_id=True)\nhandle.update('second')\n"
        "print('gone')\nclear_output(wait=True)\nprint('kept')"
    )
    assert ran.text().endswith("kept\n")
    last_clear = max(i for i, (kind, _) in enumerate(ran.messages) if kind == "clear_output")
    after = [c["text"] for kind, c in ran.messages[last_clear:] if kind == "stream"]
    assert after == ["kept\n"]
    assert any(
        "application/vnd.cloudml.job+json" in c.get("data", {})
        for _, c in ran.messages[last_clear:]
    )


def test_random_numbers_go_on_where_the_cell_left_them(notebook):
    notebook.run(
        "import random\nrandom.seed(5)\nplain = [random.random() for _ in range(3)]\nrandom.seed(5)\none = random.random()"
    )
    notebook.run("%%cloudtrain\ntwo = random.random()")
    assert notebook.value("plain == [one, two, random.random()]") == "True"


def test_a_detached_job_is_attached_pulled_and_read_in_another_kernel(notebook, second_kernel):
    ran = notebook.run(
        "%%cloudtrain later --detach\nprint('said there')\nbrought = {'a': [1, 2]}\nbrought"
    )
    job_id = ran.results[0]["data"]["application/vnd.cloudml.job+json"]["id"]
    attached = second_kernel.run(f"%cloudattach {job_id}")
    assert attached.status == "ok", attached.reply
    assert attached.text() == "said there\n"
    assert attached.results[0]["data"]["text/plain"] == "{'a': [1, 2]}"
    assert second_kernel.value("brought") == "{'a': [1, 2]}"
    assert second_kernel.run("%cloudlogs later").text().startswith("said there\n")
    assert notebook.run(f"%cloudpull {job_id} -o brought").text() == "bound: brought\n"
    assert notebook.value("brought") == "{'a': [1, 2]}"
    missing = notebook.run(f"%cloudpull {job_id} -o nothing_such")
    assert (
        missing.error
        == f"BadInput: job {job_id} brought no 'nothing_such' home (it brought: brought)"
    )


def test_what_the_notebook_does_while_a_detached_job_runs_is_never_lost(notebook, tmp_path):
    gate = tmp_path / "gate"
    notebook.run(
        "import os, random\nmine, theirs, both, bound = [1], [1], [1], [1]\nalias = theirs\nhere = os.getcwd()"
    )
    started = notebook.run(
        f"%%cloudtrain --detach\nimport os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\n"
        "theirs.append('job'); both.append('job'); bound = len(mine)\nnewly = 'job'\nos.chdir('/')"
    )
    job_id = started.results[0]["data"]["application/vnd.cloudml.job+json"]["id"]
    notebook.run("mine.append('here'); both.append('here'); bound = 'here'")
    gate.touch()
    ran = notebook.run(f"%cloudattach {job_id}")
    assert ran.status == "ok", ran.reply
    assert ran.text("stderr") == (
        f"cloudml: both, bound: changed here since job {job_id} began, left as it is; "
        f"%cloudpull {job_id} -o both,bound binds the job's\n"
    )
    assert notebook.value("(mine, both, bound)") == "([1, 'here'], [1, 'here'], 'here')"
    assert notebook.value("(theirs, alias is theirs, newly)") == "([1, 'job'], True, 'job')"
    notebook.run("newly = 'mine'; os.chdir(here)")
    pulled = notebook.run(f"%cloudpull {job_id}")
    assert pulled.text() == "bound: os, theirs, time\n"
    assert pulled.text("stderr").startswith("cloudml: both, bound, newly: changed here")
    assert notebook.value("newly") == "'mine'"
    assert notebook.run(f"%cloudpull {job_id} -o both,bound").text() == "bound: both, bound\n"
    assert notebook.value("(both, bound)") == "([1, 'job'], 1)"


def test_a_result_that_is_looked_at_leaves_the_notebooks_classes_as_they_are(notebook):
    notebook.run("class Net:\n    kind = 'submitted'\n    def see(self): return seen\nseen = 1")
    notebook.run(
        "import jupyter_cloudml as cloudml\njob = cloudml.submit('Net.kind = Net.far = 1; n = Net()')"
    )
    notebook.run("Net.kind = 'mine'; n = job.result()['n']; seen = 2")
    assert notebook.value("(Net.kind, hasattr(Net, 'far'), isinstance(n, Net))") == (
        "('mine', False, True)"
    )
    assert notebook.value("Net().see()") == "2"


def test_one_interrupt_in_batch_cancels_and_keeps_what_was_bound(notebook):
    notebook.run("%cloudconfig --batch")
    message_id = notebook.start(
        "%%cloudtrain\nimport time\nprogress = 1\nprint('running')\nwhile True: time.sleep(0.01)"
    )
    notebook.wait_for(message_id, "running")
    notebook.manager.interrupt_kernel()
    ran = notebook.finish(message_id)
    assert ran.error.startswith(("KeyboardInterrupt", "JobCancelled"))
    assert ran.cards[-1]["state"] == "CANCELLED"
    assert notebook.value("progress") == "1"
    notebook.run("%cloudconfig --reset")


def test_two_interrupts_cancel_a_watched_job(notebook):
    notebook.run("%cloudconfig --no-batch")
    message_id = notebook.start(
        "%%cloudtrain\nimport time\nprint('running')\nwhile True: time.sleep(0.01)"
    )
    notebook.wait_for(message_id, "running")
    notebook.manager.interrupt_kernel()
    notebook.wait_for(message_id, "within 5 s cancels it")
    notebook.manager.interrupt_kernel()
    assert notebook.finish(message_id).cards[-1]["state"] == "CANCELLED"
    notebook.run("%cloudconfig --reset")


def test_a_second_interrupt_counts_while_the_first_is_still_explained(monkeypatch):
    def interrupted(text):
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "_say", interrupted)
    looking = object.__new__(watch.Watch)
    looking.job = SimpleNamespace(id="0" * 12)
    assert looking._presses_again()


def test_the_first_interrupt_detaches_and_the_job_goes_on(notebook, tmp_path):
    gate = tmp_path / "gate"
    notebook.run(
        "%cloudconfig --no-batch\nimport jupyter_cloudml.magics.watch as w; w.SECOND_INTERRUPT_S = 0.2"
    )
    message_id = notebook.start(
        f"%%cloudtrain\nimport os, time\nprint('running')\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\nwent_on = 1"
    )
    notebook.wait_for(message_id, "running")
    notebook.manager.interrupt_kernel()
    ran = notebook.finish(message_id)
    assert ran.error.startswith("KeyboardInterrupt:")
    job_id = re.search(r"Detached from job (\w+)", ran.shown)[1]
    gate.touch()
    assert notebook.run(f"%cloudattach {job_id}").status == "ok"
    assert notebook.value("went_on") == "1"
    notebook.run("w.SECOND_INTERRUPT_S = 5.0")
    notebook.run("%cloudconfig --reset")


def test_a_job_above_its_runtime_says_so_everywhere_and_never_a_bare_interrupt(notebook):
    ran = notebook.run(
        "%%cloudtrain endless --max-runtime 0.5\nimport time\nkept = 1\nwhile True: time.sleep(0.01)"
    )
    job_id = ran.cards[-1]["id"]
    over = "stopped: --max-runtime 0.5s is over"
    way_out = f"give it more time, or go on from its newest checkpoint: --resume {job_id}"
    assert ran.error == f"RuntimeExceeded: {over} ({way_out})"
    assert ran.cards[-1]["state"] == "FAILED"
    assert ran.cards[-1]["error"] == {"type": "RuntimeExceeded", "message": over}
    assert notebook.value("kept") == "1"
    notebook.run("import jupyter_cloudml as cloudml")
    assert over in notebook.value("cloudml.get('endless')")
    assert over in notebook.value("str(cloudml.get('endless').exception())")
    notebook.run("job = cloudml.get('endless')\nwhile not job.row.state.is_final: pass")
    assert f"FAILED ({over})" in notebook.run("%cloudjobs endless").results[0]["data"]["text/plain"]


def test_a_dry_run_reports_and_starts_nothing(notebook):
    notebook.run("table = list(range(10))\ndef used(): return table")
    ran = notebook.run("%%cloudtrain --dry-run -p rate 2\nimport json\nused()")
    text = ran.results[0]["data"]["text/plain"]
    for word in ("used", "table", "rate", "nothing was started", "Request"):
        assert word in text
    assert "<table>" in ran.results[0]["data"]["text/html"]
    assert ran.cards == []


def test_a_secret_reaches_the_cell_and_is_nowhere_on_disk(notebook):
    notebook.run("import os; os.environ['MY_TOKEN'] = 'tok-' + 'x9' * 8")
    ran = notebook.run(
        "%%cloudtrain --secret MY_TOKEN\nimport os\nprint(os.environ['MY_TOKEN'])\nlength = len(os.environ['MY_TOKEN'])"
    )
    assert ran.text() == "***MY_TOKEN***\n"
    assert notebook.value("length") == "20"
    notebook.run("%%cloudtrain\n1")
    holders = [
        path
        for path in notebook.home.root.rglob("*")
        if path.is_file() and ("tok-" + "x9" * 8).encode() in path.read_bytes()
    ]
    assert holders == []
    notebook.run("held = os.environ['MY_TOKEN']")
    assert notebook.run("%%cloudtrain --secret MY_TOKEN\nheld").error.startswith("BadInput:")


def test_functions_run_elsewhere_and_return(notebook):
    notebook.run(
        "import jupyter_cloudml as cloudml\n"
        "@cloudml.remote(on='local')\n"
        "def add(box, n=1):\n    box.append(n)\n    return sum(box)\n"
        "box = [1]"
    )
    assert notebook.value("(add(box, n=4), box)") == "(5, [1, 4])"
    assert (
        notebook.value("[job.result() for job in add.map([([1, 2],), {'box': [], 'n': 9}])]")
        == "[4, 9]"
    )
    assert notebook.run("add(None)").error.startswith("AttributeError:")
    assert notebook.value("cloudml.submit('a_ = 6 * 7').result()") == "{'a_': 42}"


def test_defaults_of_the_notebook_hold_for_pythons_own_way_too_and_explicit_words_win(notebook):
    notebook.run(
        "import jupyter_cloudml as cloudml\n"
        "@cloudml.remote\ndef look(): import os; return os.environ.get('SAID')\n"
        "@cloudml.remote(env={'SAID': 'here'})\ndef own(): import os; return os.environ.get('SAID')"
    )
    notebook.run("%cloudconfig --experiment ours --env SAID=default")
    assert notebook.value("cloudml.submit('pass').spec.experiment") == "'ours'"
    assert notebook.value("cloudml.submit('pass', experiment='mine').spec.experiment") == "'mine'"
    assert notebook.value("(look(), own())") == "('default', 'here')"
    notebook.run("%cloudconfig --reset")
    assert notebook.value("cloudml.submit('pass').spec.experiment") == "'Default'"


def test_parameters_of_a_file_arrive_as_they_are_written(notebook, tmp_path):
    file = tmp_path / "params.yaml"
    file.write_text("day: 2020-01-31\nnone: .nan\nworst: [-.inf]\n")
    ran = notebook.run(
        f"%%cloudtrain -f {file}\nimport jupyter_cloudml\nprint(repr(day), none, worst)\n"
        "print(jupyter_cloudml.params)"
    )
    assert ran.text() == (
        "datetime.date(2020, 1, 31) nan [-inf]\n"
        "{'day': datetime.date(2020, 1, 31), 'none': nan, 'worst': [-inf]}\n"
    )


def test_metrics_logged_there_are_on_the_card(notebook):
    ran = notebook.run(
        "%%cloudtrain\nimport jupyter_cloudml as cloudml\nfor i in cloudml.progress(range(3), desc='epoch'):\n    cloudml.log(loss=1 / (i + 1), step=i)"
    )
    card = ran.cards[-1]
    assert card["metrics"]["loss"]["points"] == [[0, 1.0], [1, 0.5], [2, 1 / 3]]
    assert card["progress"][0]["done"] is True
    assert json.dumps(card, allow_nan=False)


def test_the_help_of_the_magic_has_flags_and_examples(notebook):
    ran = notebook.run("print(get_ipython().find_cell_magic('cloudtrain').__doc__)")
    assert "--gpus [TYPE:]N" in ran.text()
    assert "Examples" in ran.text()


def test_tab_completes_flags_targets_names_and_jobs(notebook):
    notebook.run("some_frame = 1")
    job_id = notebook.run("%%cloudtrain\n1").cards[-1]["id"]
    for line, word in [
        ("%%cloudtrain --gp", "--gpus"),
        ("%%cloudtrain --on lo", "local"),
        ("%%cloudtrain -i some_f", "some_frame"),
        (f"%cloudattach {job_id[:4]}", job_id),
    ]:
        notebook.client.complete(line, len(line))
        while (reply := notebook.client.get_shell_msg(timeout=30))["msg_type"] != "complete_reply":
            pass
        assert word in reply["content"]["matches"], line


def test_the_run_is_added_to_the_card_as_soon_as_mlflow_has_named_it(notebook):
    card = notebook.run("%%cloudtrain\nx = 1").cards[-1]
    assert not card["run_id"]
    write_json(notebook.home.job(card["id"]).run, {"run_id": "r1", "experiment_id": "0"})
    while True:
        message = notebook.client.get_iopub_msg(timeout=60)
        shown = message["content"].get("data", {}).get(MIME, {})
        if shown.get("id") == card["id"] and shown["run_id"] == "r1":
            break
    assert message["msg_type"] == "update_display_data"
