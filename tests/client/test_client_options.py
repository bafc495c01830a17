from __future__ import annotations

import datetime
import json
import math
from pathlib import Path

import pytest

from jupyter_cloudml.client.flags import JOB_FLAGS
from jupyter_cloudml.client.line import parse_line
from jupyter_cloudml.client.options import build_spec, options_from, params_of
from jupyter_cloudml.client.python import remote, submit
from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.core.spec import Origin
from jupyter_cloudml.core.uris import local_path
from jupyter_cloudml.tracking.config import without_userinfo


def words(line):
    return parse_line("%%cloudtrain", line, JOB_FLAGS, ("name",))


def spec(line, **defaults):
    options = options_from(words(line), defaults)
    return build_spec(
        options, "1", job_id="0" * 12, now=0.0, origin=Origin(), environ={}, home=Path("/h")
    )


def test_a_line_with_many_flags_becomes_one_spec():
    made = spec(
        "fit --on local --gpus A100:4 --memory 16G -i a,b -i c -o x --env K=V --tag t=1 "
        "--max-runtime 1h30m --retries 2 --data train=/tmp test=/ --autolog"
    )
    assert made.name == "fit"
    assert (made.resources.gpu_type, made.resources.gpus, made.resources.memory_mib) == (
        "A100",
        4,
        16384,
    )
    assert made.inputs == ("a", "b", "c")
    assert made.outputs == ("x",)
    assert made.env == {"K": "V"}
    assert made.tags == {"t": "1"}
    assert made.max_runtime_s == 5400
    assert made.retries == 2
    assert made.data == {"train": "file:///tmp", "test": "file:///"}
    assert made.autolog


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        ("-1", -1),
        ("True", True),
        ("null", None),
        ("'[1, 2]'", [1, 2]),
        ("adam", "adam"),
        ("'a b'", "a b"),
    ],
)
def test_a_parameter_is_a_literal_where_it_can_be(text, value):
    assert words(f"-p x {text}")["params"] == {"x": value}


def test_flag_and_value_may_be_joined_by_an_equals_sign():
    assert words("--on=local --gpus=2") == {"on": "local", "gpus": "2"}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--gpuz 1", "did you mean --gpus?"),
        ("--gpus", "needs"),
        ("--on --gpus 1", "needs kind"),
        ("--detach=yes", "takes no value"),
        ("a b", "does not know what to do with 'b'"),
        ("-p 1x 2", "is not a name"),
        ("--env K", "name=value"),
        ("--name 'open", "close the quote"),
        ("--env K=1 J=2", "'J=2' (write --env before each pair: --env J=2)"),
        ("lr=0.1", "'lr=0.1' (a pair needs its flag: --env lr=0.1, or -p lr 0.1)"),
    ],
)
def test_a_wrong_word_is_named_with_the_way_out(line, says):
    with pytest.raises(BadInput, match=r"%%cloudtrain|-p|--env") as caught:
        words(line)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "line", ["--gpus 1:x", "--memory lots", "--cpus 0", "--retries x", "--max-runtime soon"]
)
def test_a_value_that_cannot_be_read_is_quoted(line):
    with pytest.raises(BadInput) as caught:
        spec(line)
    assert line.split()[1] in str(caught.value)


def test_the_cells_words_win_over_the_notebooks_defaults_and_mappings_merge():
    made = spec(
        "--env A=2 --experiment mine", env={"A": "1", "B": "1"}, experiment="theirs", gpus=1
    )
    assert made.env == {"A": "2", "B": "1"}
    assert made.experiment == "mine"
    assert made.resources.gpus == 1


def test_no_return_and_outputs_contradict_each_other():
    with pytest.raises(BadInput, match="contradict"):
        spec("-o x --no-return")
    assert spec("--no-return", outputs=("x",)).outputs == ()


def test_an_unknown_python_option_gets_the_nearest_word():
    with pytest.raises(BadInput, match="did you mean experiment"):
        options_from({"experimnt": "e"})


def test_a_parameters_file_is_read_and_single_parameters_win(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("lr: 0.1\nlayers: [1, 2]\n")
    assert spec(f"-f {file} -p lr 0.2").params == {"lr": 0.2, "layers": [1, 2]}


def test_dates_and_odd_numbers_of_a_parameters_file_are_values_and_the_spec_stays_strict_json(
    tmp_path,
):
    file = tmp_path / "params.yaml"
    file.write_text("day: 2020-01-31\nat: 2020-01-31 10:00:00\nnone: .nan\nall: [.inf, -.inf]\n")
    made = spec(f"-f {file}")
    assert made.params["day"] == datetime.date(2020, 1, 31)
    assert made.params["at"] == datetime.datetime(2020, 1, 31, 10)
    assert math.isnan(made.params["none"])
    assert made.params["all"] == [math.inf, -math.inf]
    written = json.dumps(made.to_json(), allow_nan=False)
    assert json.loads(written)["params"] == {
        "day": "2020-01-31",
        "at": "2020-01-31 10:00:00",
        "none": "nan",
        "all": "[inf, -inf]",
    }
    assert params_of(str(file), dates=False)["day"] == "2020-01-31"


def test_a_parameters_file_that_is_no_mapping_is_refused(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("- 1\n")
    with pytest.raises(BadInput, match="no mapping"):
        spec(f"-f {file}")


@pytest.mark.parametrize(
    ("line", "defaults", "says"),
    [
        ("-r no-such-file.txt", {}, "-r .*no-such-file.txt' cannot be read: No such file"),
        ("--data train=s4://b/x", {}, "--data train=s4://b/x: there is no store s4://"),
        ("--data train=file2://b/x", {}, "there is no store file2://"),
        ("--data train=nowhere.csv", {}, "--data train=nowhere.csv: there is no '/"),
        ("--data train=file://host/x", {}, "names the host 'host'"),
        ("--checkpoint /etc/passwd/x", {}, "'/etc/passwd' is not a directory"),
        ("", {"requirements": "r.txt"}, "-r "),
        ("", {"checkpoint": "s4://b/c"}, "--checkpoint s4://b/c: there is no store s4://"),
    ],
)
def test_a_place_or_file_that_a_job_could_not_use_is_refused(line, defaults, says):
    with pytest.raises(BadInput, match=says):
        spec(line, **defaults)


def test_a_checkpoint_directory_and_data_become_uris_that_mean_the_same_anywhere(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b.csv").touch()
    made = spec("--checkpoint runs/one --data 'train=a b.csv' all=.")
    assert made.checkpoint_uri == f"file://{tmp_path}/runs/one"
    assert made.data == {"train": f"file://{tmp_path}/a%20b.csv", "all": f"file://{tmp_path}"}
    assert local_path(made.data["train"]) == tmp_path / "a b.csv"
    assert spec(f"--checkpoint {made.checkpoint_uri}").checkpoint_uri == made.checkpoint_uri


def test_a_requirements_file_travels_as_one_text_with_absolute_paths(tmp_path):
    (tmp_path / "more.txt").write_text("scipy>=1  # why\n\n")
    (tmp_path / "here").mkdir()
    (tmp_path / "x-1.whl").write_bytes(b"one")
    (tmp_path / "r.txt").write_text("-r more.txt\n--find-links here\n./x-1.whl\nnumpy \\\n  <3\n")
    first = spec(f"-r {tmp_path}/r.txt").requirements.split("\n")
    assert first[:2] == ["scipy>=1", f"--find-links {tmp_path}/here"]
    assert first[2].startswith(f"{tmp_path}/x-1.whl  # sha256:")
    assert first[3].split() == ["numpy", "<3"]
    (tmp_path / "x-1.whl").write_bytes(b"two")
    assert spec(f"-r {tmp_path}/r.txt").requirements.split("\n") != first


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("-c limits.txt", "'-c limits.txt' cannot travel"),
        ("-e .", "modules beside the notebook travel"),
        ("./here", "'./here' is a folder"),
        ("./gone.whl", "there is no file './gone.whl'"),
        ("-r r.txt", "includes itself"),
        ("--index-url https://me:pass-word@host/simple", "holds a password"),
    ],
)
def test_a_requirement_that_would_not_mean_the_same_elsewhere_is_refused(tmp_path, line, says):
    (tmp_path / "here").mkdir()
    (tmp_path / "r.txt").write_text(line)
    with pytest.raises(BadInput, match=says) as caught:
        spec(f"-r {tmp_path}/r.txt")
    assert "pass-word" not in str(caught.value)


def test_a_password_by_name_is_welcome_in_a_requirements_file(tmp_path):
    (tmp_path / "r.txt").write_text("--index-url https://me:${PASS}@host/simple")
    assert "${PASS}" in spec(f"-r {tmp_path}/r.txt").requirements


def test_dry_run_from_python_is_refused_and_runs_nothing():
    for start in (lambda: submit("1", dry_run=True), lambda: remote(dry_run=True)(print)):
        with pytest.raises(BadInput, match="%%cloudtrain --dry-run"):
            start()


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://me:pass@host:5000/a@b", "https://host:5000/a@b"),
        ("postgresql+psycopg://me:p@ss@host/db", "postgresql+psycopg://host/db"),
        ("sqlite:////home/a@b/mlflow.db", "sqlite:////home/a@b/mlflow.db"),
        ("http://host:5000", "http://host:5000"),
    ],
)
def test_a_tracking_uri_is_shown_without_its_password(uri, shown):
    assert without_userinfo(uri) == shown
