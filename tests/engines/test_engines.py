from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from . import fixtures, install
from .azurite import Azurite
from .fake_gcs_server import FakeGcsServer
from .install import EngineMissing
from .own_gcs import OwnGcs
from .process import PORTS, Engine, free_ports
from .seaweedfs import SeaweedFS

ROOT = Path(__file__).parents[2]
WAIT_S = 30


class Listener(Engine):
    """A small server with a child of its own."""

    name = "listener"

    def command(self) -> tuple[list[str], dict[str, str]]:
        code = (
            "import http.server, subprocess, sys;"
            "subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']);"
            f"http.server.HTTPServer(('127.0.0.1', {self.ports[0]}),"
            "http.server.SimpleHTTPRequestHandler).serve_forever()"
        )
        return [sys.executable, "-c", code], {}


class Broken(Engine):
    name = "broken"

    def command(self) -> tuple[list[str], dict[str, str]]:
        return [sys.executable, "-c", "raise SystemExit('the disk is made of cheese')"], {}


def of(folder: Path) -> list[psutil.Process]:
    """The processes that work in ``folder``."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + WAIT_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds()


def test_an_engine_and_its_children_are_gone_after_stop() -> None:
    with Listener() as engine:
        folder = engine.folder
        assert eventually(lambda: len(of(folder)) == 3)
    assert of(folder) == []
    assert not folder.exists()


def test_an_engine_is_gone_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    code = (
        "from tests.engines.test_engines import Listener; import signal;"
        "e = Listener(); e.start(); print(e.folder, flush=True); signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as test:
        assert test.stdout
        folder = Path(test.stdout.readline().strip())
        assert of(folder)
        test.send_signal(signal.SIGKILL)
    assert eventually(lambda: of(folder) == [] and not folder.exists())


def test_a_killed_engine_starts_again_on_its_port() -> None:
    with Listener() as engine:
        port, folder = engine.ports[0], engine.folder
        engine.kill()
        assert of(folder) == []
        engine.start()
        assert (engine.ports, engine.folder) == ([port], folder)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            assert answer.status == 200


def test_a_paused_engine_answers_nothing_until_it_goes_on() -> None:
    with Listener() as engine:
        url = f"http://127.0.0.1:{engine.ports[0]}/"
        engine.pause()
        with pytest.raises(OSError, match="timed out"):
            urllib.request.urlopen(url, timeout=0.5)
        engine.go_on()
        with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
            assert answer.status == 200


def test_an_engine_that_ends_at_once_says_its_last_words() -> None:
    engine = Broken()
    with pytest.raises(EngineMissing, match="made of cheese"):
        engine.start()
    assert engine.folder == Path()


@pytest.mark.parametrize(
    ("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)]
)
def test_a_missing_engine_fails_in_ci_and_is_skipped_elsewhere(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no broken here"):
        next(fixtures.lent(Broken()))


def test_an_installation_that_was_cut_short_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDML_ENGINES", str(tmp_path))
    made = install._installed(
        "thing==1", lambda to: [sys.executable, "-c", f"open({str(to / 'a')!r}, 'w')"]
    )
    assert [path.name for path in made.iterdir()] == ["a"]
    with pytest.raises(EngineMissing, match="other==2 cannot be installed"):
        install._installed(
            "other==2", lambda to: [sys.executable, "-c", f"open({str(to / 'a')!r}, 'w'); 1/0"]
        )
    assert not (tmp_path / "other==2").exists()


def test_ports_are_different_and_below_those_of_connections() -> None:
    ports = free_ports(8)
    assert len(set(ports)) == 8
    assert all(port in PORTS and port < 32_768 for port in ports)


@pytest.mark.engine
def test_seaweedfs_refuses_a_wrong_key(
    s3_server: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ClientError

    bucket = s3_server.new_bucket()
    monkeypatch.setattr(s3_server, "secret_key", "another")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        s3_server.client().list_objects_v2(Bucket=bucket)


@pytest.mark.engine
def test_azurite_refuses_a_wrong_key(azure_server: Azurite) -> None:
    from azure.core.exceptions import HttpResponseError

    container = azure_server.new_bucket()
    wrong = Azurite()
    wrong.ports = azure_server.ports
    with wrong.client() as client, pytest.raises(HttpResponseError, match="AuthorizationFailure"):
        list(client.get_container_client(container).list_blobs())


@pytest.mark.engine
def test_every_engine_listens_on_loopback_only(
    s3_server: SeaweedFS,
    gcs_server: OwnGcs,
    fake_gcs_server: FakeGcsServer,
    azure_server: Azurite,
) -> None:
    for engine in (s3_server, gcs_server, fake_gcs_server, azure_server):
        listening = {
            at.laddr.ip
            for process in of(engine.folder)
            for at in process.net_connections(kind="tcp")
            if at.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}, engine.name
