"""A clumsy user in a real notebook: every mistake is one sentence with the way out, and starts nothing."""

from __future__ import annotations

import pytest

from .kernels import cli, traces

MISTAKES = [
    ("--on lokal", "UnknownTarget: there is no target kind 'lokal' (did you mean 'local'?"),
    ("--on local:nosuch", "UnknownTarget: no target 'local:nosuch' is configured"),
    ("--gpuz 1", "did you mean --gpus?"),
    ("--gpus", "BadInput: %%cloudtrain: --gpus needs [TYPE:]N"),
    ("--gpus A100:1", "BadInput: --gpus A100:1: this machine has none"),
    ("--gpus 1", "BadInput: --gpus 1: this machine has none (name another target with --on)"),
    ("--cpus many", "--cpus 'many' is not a whole number"),
    ("--memory foo", "(write --memory 16G or --memory 512M)"),
    ("--memory 999999G", "this machine has"),
    ("--num-nodes 2", "target 'local' is one machine"),
    ("--nproc-per-node 2", "target 'local' starts one process"),
    ("--checkpoint s4://b/c", "there is no store s4://"),
    ("-i nosuch", "BadInput: -i nosuch: the notebook has no such name"),
    ("-o nothing", "BadInput: -o nothing: the cell binds no such name (it binds: y)"),
    ("-o 'a b'", "BadInput: -o 'a b' is not a name"),
    ("-p lr", "-p needs name value"),
    ("-p a-b 3", "BadInput: -p 'a-b' is not a name"),
    ("-p if 3", "BadInput: parameter 'if' is not a name"),
    ("-f nosuch.yaml", "-f 'nosuch.yaml' cannot be read: No such file or directory"),
    ("-f broken.yaml", "-f 'broken.yaml' is not YAML, line 3: "),
    ("-f list.yaml", "holds no mapping of names to values"),
    ("-f evil.yaml", "BadInput: -f 'evil.yaml' is not YAML"),
    ("-r nosuch.txt", "nosuch.txt' cannot be read: No such file or directory"),
    ("--secret NO_SUCH", "BadInput: --secret NO_SUCH is not set in this kernel's environment"),
    ("--env foo", "--env 'foo' is not of the form name=value"),
    ("--env K=1 J=2", "'J=2' (write --env before each pair: --env J=2)"),
    ("--retries -1", "is not a whole number of 0 or more"),
    ("--max-runtime soon", "BadInput: 'soon' is not a duration (write 90s, 30m, 4h or 1h30m)"),
    ("--resume ffffffffffff", "NotFound: no job 'ffffffffffff'"),
    ("'open", "(close the quote)"),
    ("name and more", "does not know what to do with 'and'"),
]


@pytest.fixture(scope="module")
def clumsy(notebook):
    (notebook.cwd / "broken.yaml").write_text("a: 1\nb: [1\nc: }")
    (notebook.cwd / "list.yaml").write_text("- a\n- b")
    evil = notebook.cwd / "evil"
    (notebook.cwd / "evil.yaml").write_text(f"!!python/object/apply:os.mkdir ['{evil}']")
    return notebook


@pytest.fixture(scope="module", autouse=True)
def nothing_half_done(clumsy):
    """All mistakes of this module together leave no folder, no row and no half-made thing."""
    before = traces(clumsy.home)
    yield
    assert traces(clumsy.home) == before
    assert not (clumsy.cwd / "evil").exists()


@pytest.mark.parametrize(("line", "says"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_a_wrong_flag_is_one_sentence_with_the_way_out(clumsy, line, says):
    ran = clumsy.run(f"%%cloudtrain {line}\ny = 1")
    assert says in ran.error
    assert len(ran.traceback) == 1
    assert ran.cards == []


@pytest.mark.parametrize(
    "cell",
    ["x = (1\n", "2 in", "def f():\n  return 1\n return 2", "return 1", "class:", "f(a for a, b)"],
)
def test_a_syntax_error_looks_exactly_as_without_the_magic(clumsy, cell):
    plain, cloud = clumsy.run(cell), clumsy.run(f"%%cloudtrain\n{cell}")
    assert _without_numbers(cloud.traceback) == _without_numbers(plain.traceback)
    assert cloud.reply["ename"] == plain.reply["ename"]
    assert cloud.reply["evalue"].partition(" (")[0] == plain.reply["evalue"].partition(" (")[0]


@pytest.mark.parametrize(
    ("made", "cell", "says"),
    [
        (
            "deep = {'a': [1, (i for i in [1])]}",
            "deep",
            "CannotTravel: 'deep' cannot travel: deep['a'][1] is a generator (make a list of it",
        ),
        ("lines = (i for i in [1])", "list(lines)", "(make a list of it first: list(...))"),
        ("import socket\ndoor = socket.socket()", "door.fileno()", "is an open socket (connect in"),
    ],
)
def test_a_value_that_cannot_travel_is_named_with_its_path_and_the_way_out(
    clumsy, made, cell, says
):
    clumsy.run(made)
    ran = clumsy.run(f"%%cloudtrain\n{cell}")
    assert says in ran.error
    assert len(ran.traceback) == 1


def test_a_capture_above_the_limit_is_refused_with_its_name_and_size(clumsy):
    config = clumsy.cwd / "cloudml.toml"
    config.write_text("[targets.local.default]\nmax_bundle = '1M'\n")
    clumsy.run("import numpy as np\nbig = np.zeros(1_000_000)")
    ran = clumsy.run("%%cloudtrain\nbig.sum()")
    config.unlink()
    assert ran.error.startswith("TooLarge: the captured values are 7.6 MiB")
    assert "'big'" in ran.error
    assert len(ran.traceback) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[defaults]\nexperiment = \n", "is not TOML: Invalid value (at line 2"),
        ("[defaults]\nexperimnt = 'a'\n", "no such key (did you mean 'experiment'?"),
        ("[targts]\n", "no such section [targts] (did you mean 'targets'?"),
        ("[retention]\nmax_age = 'long'\n", "retention.max_age = 'long' cannot be read"),
        ("[targets.local.default]\ncpus = 'two'\n", "cpus = 'two' should be a whole number"),
    ],
)
def test_an_error_in_cloudml_toml_names_the_file_and_the_place(clumsy, text, says):
    config = clumsy.cwd / "cloudml.toml"
    config.write_text(text)
    ran = clumsy.run("%%cloudtrain\n1")
    told = cli(clumsy.home.root, "run", "-c", "1", cwd=clumsy.cwd)
    config.unlink()
    assert str(config) in ran.error
    assert says in ran.error
    assert len(ran.traceback) == 1
    assert told.returncode == 2
    assert says in told.stderr


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%cloudattach", "BadInput: %cloudattach needs a job (%cloudjobs lists them)"),
        ("%cloudattach zzz", "NotFound: no job 'zzz' (%cloudjobs lists the jobs)"),
        ("%cloudattach ../../etc", "NotFound: no job '../../etc'"),
        ("%cloudpull 0123456789ab", "NotFound: no job '0123456789ab'"),
        ("%cloudcancel zzz", "NotFound"),
        ("%cloudretry zzz", "NotFound"),
        ("%cloudlogs zzz", "NotFound"),
        ("%cloudjobs --state LOSST", "did you mean LOST?"),
        ("%cloudjobs -n x", "-n 'x' is not a number"),
        ("%cloudconfig --on mars", "UnknownTarget"),
        ("%cloudconfig --memory lots", "--memory 'lots' is not a size"),
    ],
)
def test_a_wrong_job_or_default_is_one_sentence(clumsy, line, says):
    ran = clumsy.run(line)
    assert says in ran.error
    assert len(ran.traceback) == 1


def test_pythons_own_way_shows_the_users_line_and_none_of_our_frames(clumsy):
    clumsy.run("import jupyter_cloudml as cloudml")
    ran = clumsy.run("cloudml.submit('1', on='mars')")
    assert ran.error.startswith("UnknownTarget")
    assert "cloudml.submit('1', on='mars')" in "\n".join(ran.traceback)
    assert "jupyter_cloudml" not in "\n".join(ran.traceback)


def _without_numbers(lines):
    return [line.partition("[")[0] if "Cell In[" in line else line for line in lines]
