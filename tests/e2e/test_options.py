"""The options of ``%%cloudtrain`` that reach beyond the cell: packages, checkpoints, memory, data, the environment."""

from __future__ import annotations

import pytest

from jupyter_cloudml.journal.home import DataHome
from tests.agent.wheels import make_wheel, wishing

KEY = "abcd-1234-the-key"
URL = "postgresql://me:pass-word-77@host/db"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    make_wheel(folder, "tinything", "1.0", "VALUE = 'one'\nclass Thing: pass\n")
    return folder


def test_a_requirements_file_gives_the_cell_its_packages_and_leaves_the_kernel_as_it_was(
    notebook, wheels
):
    (notebook.cwd / "requirements.txt").write_text(wishing(wheels, "tinything"))
    before = notebook.value("__import__('sys').path")
    ran = notebook.run(
        "%%cloudtrain -r requirements.txt\nimport tinything\nvalue = tinything.VALUE\nvalue"
    )
    assert ran.reply["status"] == "ok", ran.error
    assert notebook.value("value") == "'one'"
    assert notebook.value("__import__('sys').path") == before
    assert notebook.run("import tinything").error.startswith("ModuleNotFoundError")
    assert any("installed for this job: tinything-1.0" in n for n in ran.cards[-1]["notes"])


def test_a_requirement_that_is_nowhere_is_one_sentence_in_the_notebook(notebook, wheels):
    (notebook.cwd / "wrong.txt").write_text(wishing(wheels, "tinything==7"))
    ran = notebook.run("%%cloudtrain -r wrong.txt\n1")
    assert ran.error.startswith("CannotInstall: -r: tinything==7 is in no index that pip was given")


def test_more_memory_than_was_given_is_one_sentence_in_the_notebook(notebook):
    ran = notebook.run(
        "%%cloudtrain --memory 300M\nx = b'x' * (600 << 20)\nimport time; time.sleep(600)"
    )
    assert ran.error.startswith("MemoryExceeded: used ")
    assert "more than --memory 300M" in ran.error


def test_a_second_job_goes_on_from_the_checkpoint_of_the_first(notebook):
    cell = (
        "import jupyter_cloudml as cloudml\nfound = cloudml.checkpoint.latest()\n"
        "cloudml.checkpoint.save({'epoch': 3}, step=3)"
    )
    first = notebook.run(f"%%cloudtrain --checkpoint kept\n{cell}")
    assert notebook.value("str(found)") == "'None'"
    notebook.run(f"%%cloudtrain --checkpoint kept\n{cell}")
    assert notebook.value("found") == "{'epoch': 3}"
    assert (notebook.cwd / "kept").is_dir()
    notebook.run(f"%%cloudtrain --resume {first.job}\n{cell}")
    assert notebook.value("found") == "{'epoch': 3}"


def test_data_is_a_path_in_the_cell(notebook):
    (notebook.cwd / "train.csv").write_text("1,2")
    notebook.run("import jupyter_cloudml as cloudml")
    notebook.run("%%cloudtrain --data train=train.csv\ntext = cloudml.data['train'].read_text()")
    assert notebook.value("text") == "'1,2'"


def test_a_secret_of_the_environment_reaches_the_cell_and_lies_on_no_disk(another_kernel, root):
    kernel = another_kernel(SERVICE_API_KEY=KEY, DATABASE_URL=URL, HARMLESS="lies there")
    ran = kernel.run(
        "%%cloudtrain\nimport os\n"
        "print([len(os.environ[n]) for n in ('SERVICE_API_KEY', 'DATABASE_URL', 'HARMLESS')])"
    )
    assert ran.text() == f"[{len(KEY)}, {len(URL)}, 10]\n"
    again = kernel.run(f"%cloudretry {ran.job}")
    assert again.reply["status"] == "ok"
    kernel.run(f"%cloudattach {ran.job}")
    home = DataHome(root)
    files = [path for path in home.root.rglob("*") if path.is_file()]
    found = [path for path in files if KEY.encode() in path.read_bytes()]
    assert found == []
    assert [path for path in files if b"pass-word-77" in path.read_bytes()] == []
    assert b"lies there" in home.job(ran.job).ambient.read_bytes()
