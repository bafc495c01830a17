"""The small parts of a transfer: threads that take turns, writers that do, a file that is being sent."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest

from jupyter_cloudml.core.errors import Conflict, Unavailable
from jupyter_cloudml.stores.port import ObjectInfo
from jupyter_cloudml.stores.transfer import download
from jupyter_cloudml.stores.transfer.source import Slice
from jupyter_cloudml.stores.transfer.workers import Stop, Stopped, work_off


def test_results_come_in_the_order_of_the_items():
    def slow(number):
        time.sleep((20 - number) / 2000)
        return number * 2

    assert work_off(slow, list(range(20)), threads=8, stop=Stop()) == [n * 2 for n in range(20)]


def test_after_an_error_nothing_more_is_begun_and_it_is_raised():
    begun = []

    def work(number):
        begun.append(number)
        if number == 3:
            raise ValueError("three")
        time.sleep(0.01)

    with pytest.raises(ValueError, match="three"):
        work_off(work, list(range(1000)), threads=4, stop=Stop())
    assert len(begun) < 20


def test_a_stop_from_outside_is_told():
    stop = Stop()
    stop.set()
    with pytest.raises(Stopped):
        work_off(str, [1, 2, 3], threads=2, stop=stop)


def test_threads_that_cannot_start_stop_those_that_did(monkeypatch):
    real, begun, count = ThreadPoolExecutor.submit, [], iter(range(100))

    def submit(self, *words):
        if next(count) == 2:
            raise RuntimeError("can't start new thread")
        return real(self, *words)

    def work(number):
        begun.append(number)
        time.sleep(0.01)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", submit)
    with pytest.raises(RuntimeError, match="new thread"):
        work_off(work, list(range(1000)), threads=8, stop=Stop())
    assert len(begun) < 20


def test_a_file_is_sent_from_its_place_on_and_one_that_shrinks_is_a_conflict(tmp_path):
    data = os.urandom((2 << 20) + 5)
    (tmp_path / "x").write_bytes(data)
    with (tmp_path / "x").open("rb") as file:
        body = Slice(file.fileno(), 1, len(data) - 1)
        body.seek(2)
        assert b"".join(body.blocks()) == data[3:]
        assert b"".join(body.blocks()) == data[3:]  # once more, after a refusal
        sending = body.blocks()
        next(sending)
        os.truncate(tmp_path / "x", 1 << 20)
        with pytest.raises(Conflict, match="shorter"):
            list(sending)


@pytest.mark.parametrize(("sent", "said"), [(0, "end early"), (200, "more than")])
def test_a_store_that_sends_too_little_or_too_much_is_unavailable(
    tmp_path, monkeypatch, sent, said
):
    monkeypatch.setattr(download, "_FIRST_PAUSE_S", 0.001)
    info = ObjectInfo(key="x", size=100, etag="e", modified=datetime.now(timezone.utc))
    with pytest.raises(Unavailable, match=said):
        download.download("s3://b/x", info, tmp_path / "x", lambda _s, _n, sink: sink(bytes(sent)))
    assert not (tmp_path / "x").exists()
