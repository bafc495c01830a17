"""``cloudml.toml``: the project's file over the user's, and errors that name file, key and value."""

from dataclasses import dataclass

import pytest

from jupyter_cloudml.core.config_files import parse_options
from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.targets.config import load_config


@pytest.fixture
def load(tmp_path):
    def load(project="", user="", cwd="work/deep"):
        (tmp_path / "user").mkdir(exist_ok=True)
        (tmp_path / cwd).mkdir(parents=True, exist_ok=True)
        if user:
            (tmp_path / "user" / "cloudml.toml").write_text(user)
        if project:
            (tmp_path / "work" / "cloudml.toml").write_text(project)
        return load_config(tmp_path / cwd, user_file=tmp_path / "user" / "cloudml.toml")

    return load


def test_without_files_there_are_no_defaults_and_no_targets(load):
    config = load()
    assert config.defaults.given() == {}
    assert config.targets == {}


def test_the_project_wins_over_the_user_key_by_key(load):
    config = load(
        user='[defaults]\non = "slurm:hpc"\nretries = 1\nenv = {A = "1", B = "1"}',
        project='[defaults]\nretries = 2\nenv = {B = "2"}',
    )
    assert config.defaults.given() == {"on": "slurm:hpc", "retries": 2, "env": {"A": "1", "B": "2"}}
    assert len(config.files) == 2


def test_named_targets_of_both_files_are_merged(load):
    config = load(
        user="[targets.local.big]\ncpus = 8\ngpus = 1",
        project="[targets.local.big]\ncpus = 4\n[targets.local.small]\ncpus = 1",
    )
    assert dict(config.targets["local"]["big"]) == {"cpus": 4, "gpus": 1}
    assert set(config.targets["local"]) == {"big", "small"}


def test_an_error_names_the_file_that_the_value_came_from(load, tmp_path):
    config = load(
        user="[targets.local.big]\ncpus = 8", project="[targets.local.big]\ncolour = 'red'"
    )

    @dataclass
    class Options:
        cpus: int = 0
        colours: str = ""

    with pytest.raises(BadInput) as caught:
        parse_options(Options, config.targets["local"]["big"])
    assert str(tmp_path / "work" / "cloudml.toml") in caught.value.message
    assert "targets.local.big.colour = 'red'" in caught.value.message
    assert "did you mean 'colours'" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[defaults]\nretries = 'two'", "retries = 'two' should be a whole number"),
        ("[defaults]\nretries = true", "retries = True should be a whole number"),
        ("[defaults]\ndetach = 1", "detach = 1 should be true or false"),
        ("[defaults]\nenv = {A = 1}", "should be a table whose values are text"),
        ("[defaults]\ngpus = 1.5", "should be text or a whole number"),
        ("[default]\non = 'local'", r"no such section \[default\]"),
        ("[targets]\nlocal = 1", "should be a table"),
        ("[targets.local]\ncpus = 1", "should be a table"),
        ("defaults = 3", "should be a table"),
        ("[defaults", "is not TOML"),
    ],
)
def test_a_wrong_file_is_a_sentence_with_its_name(load, text, words):
    with pytest.raises(BadInput, match=words) as caught:
        load(project=text)
    assert "cloudml.toml" in caught.value.message


def test_the_nearest_project_file_upwards_counts(load, tmp_path):
    (tmp_path / "cloudml.toml").write_text("[defaults]\nretries = 9")
    assert load(project="[defaults]\nretries = 2").defaults.retries == 2
