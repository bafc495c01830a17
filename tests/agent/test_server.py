"""The socket, and what the agent costs."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_cloudml.agent import nudge as agent_nudge
from jupyter_cloudml.core.errors import CloudMLError, Unavailable
from jupyter_cloudml.journal.home import DataHome

from .conftest import Place


def test_the_socket_is_for_its_user_only(place: Place) -> None:
    place.agent_pid()
    assert stat.S_IMODE(place.home.agent_socket.stat().st_mode) == 0o600


def test_another_users_agent_is_not_spoken_to(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.agent_pid()
    with monkeypatch.context() as patch:
        patch.setattr(agent_nudge, "peer_uid", lambda door: 12345)
        with pytest.raises(Unavailable, match="another user's agent"):
            agent_nudge.request(place.home, {"op": "ping"})


def test_a_line_that_is_no_request_gets_an_answer_and_harms_nothing(place: Place) -> None:
    place.agent_pid()
    for message in ({"op": "dance"}, {"op": "nudge", "job": "../../etc"}, {"op": "secrets"}):
        with pytest.raises(CloudMLError):
            agent_nudge.request(place.home, message)
    assert place.agent_pid()


def test_a_request_without_an_agent_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        agent_nudge.nudge(DataHome(tmp_path), "stop")


def test_a_socket_deep_in_the_file_system_still_works(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True, mode=0o700)
    other = Place(DataHome(deep))
    try:
        assert other.agent_pid()
    finally:
        other.close()


def test_the_agent_is_small_and_imports_nothing_heavy(place: Place) -> None:
    place.ended(place.submit("x = 1"))
    status = place.nudge("status")
    assert status["peak_rss"] < 60 * 2**20
    maps = Path(f"/proc/{status['pid']}/maps").read_text()
    assert not [name for name in ("torch", "numpy", "pandas", "pyarrow") if f"/{name}/" in maps]


def test_the_client_side_imports_only_the_standard_library() -> None:
    code = (
        "import sys, jupyter_cloudml.agent.nudge\n"
        "heavy = {'asyncio', 'numpy', 'torch', 'IPython', 'sqlite3'} & set(sys.modules)\n"
        "print(heavy or 'light')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "light\n"
