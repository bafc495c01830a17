"""Which kinds of targets there are, and what a wrong name says."""

import subprocess
import sys

import pytest

from jupyter_cloudml.core.errors import BadInput, NotInstalled, UnknownTarget
from jupyter_cloudml.core.spec import TargetRef
from jupyter_cloudml.journal.home import DataHome
from jupyter_cloudml.targets import registry
from jupyter_cloudml.targets.config import load_config


@pytest.fixture
def open_target(tmp_path):
    def open_target(text, toml=""):
        (tmp_path / "cloudml.toml").write_text(toml)
        config = load_config(tmp_path, user_file=tmp_path / "none.toml")
        return registry.open_target(
            TargetRef.parse(text), config=config, home=DataHome(tmp_path / "home")
        )

    return open_target


def test_local_opens_without_any_configuration(open_target):
    target = open_target("local")
    assert (target.kind, target.name) == ("local", "default")


def test_a_configured_name_opens_with_its_options(open_target):
    target = open_target("local:big", "[targets.local.big]\nmax_bundle = '2G'")
    assert (target.name, target.max_bundle_bytes) == ("big", 2 << 30)


def test_a_kind_alone_means_the_only_configured_name(open_target):
    assert open_target("local", "[targets.local.big]\ncpus = 2").name == "big"


def test_an_unknown_kind_lists_what_there_is(open_target):
    with pytest.raises(UnknownTarget, match=r"did you mean 'local'.*there are: .*local"):
        open_target("locl")


def test_an_unknown_name_lists_what_is_configured(open_target):
    with pytest.raises(UnknownTarget, match="did you mean 'big'"):
        open_target("local:bigg", "[targets.local.big]\ncpus = 2")


@pytest.mark.parametrize("kind", sorted(registry.NOT_YET))
def test_a_known_kind_that_this_version_lacks_is_said(open_target, kind, monkeypatch):
    monkeypatch.setattr(registry, "kinds", lambda: dict(registry.BUILT_IN))
    with pytest.raises(NotInstalled, match=f"{kind}.* is not in this version"):
        open_target(kind)


def test_a_wrong_option_names_file_key_and_value(open_target):
    with pytest.raises(BadInput, match=r"cloudml\.toml: targets\.local\.big\.cpus = 'x'"):
        open_target("local:big", "[targets.local.big]\ncpus = 'x'")


def test_a_wrong_size_is_refused_when_the_target_is_opened(open_target):
    with pytest.raises(BadInput, match="max_bundle"):
        open_target("local:big", "[targets.local.big]\nmax_bundle = 'lots'")


def test_naming_the_targets_loads_none_of_them():
    code = (
        "import sys; from pathlib import Path\n"
        "from jupyter_cloudml.targets import registry, config\n"
        "print(registry.names(config.Config()))\n"
        "assert 'jupyter_cloudml.targets.local.target' not in sys.modules"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "'local'" in answer.stdout
