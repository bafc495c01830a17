"""Metrics in quick succession wait in a mapped file, and none is lost or doubled: not by kill -9, not by a full disk."""

from __future__ import annotations

import os
import random
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.journal.metric_tail import SETTLE_S, SIZE, MetricTail, settle_dead, tail_of
from jupyter_cloudml.journal.reader import JournalReader, read_events
from jupyter_cloudml.journal.writer import JournalWriter

from .killed import numbers_until_killed

LOG_FOREVER = """
import os, sys, threading, time
from jupyter_cloudml.journal.writer import JournalWriter
def every(seconds, call):
    def tick():
        while True:
            time.sleep(0.002)
            call()
    threading.Thread(target=tick, daemon=True).start()
writer = JournalWriter(sys.argv[1])
writer.keep_tail(every)
number = int(sys.argv[2])
while True:
    writer.append_metrics({"loss": 0.5, "number": number}, number)
    if number % 3 == 0:
        writer.append_metrics({f"name{number % 50}": 1.0}, number)
    if number % 97 == 0:
        writer.append("note", number=number)
    os.write(1, b"%d\\n" % number)
    number += 1
"""


class Clockwork:
    """Stands for the worker's background thread: ``tick`` is what it would call."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def every(self, seconds: float, call: Callable[[], None]) -> None:
        assert seconds == SETTLE_S
        self.calls.append(call)

    def tick(self) -> None:
        for call in self.calls:
            call()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "0.jsonl"


@pytest.fixture
def clockwork() -> Clockwork:
    return Clockwork()


@pytest.fixture
def writer(path: Path, clockwork: Clockwork) -> Iterator[JournalWriter]:
    """A writer whose tail is open: two metrics came at once, steps -2 and -1."""
    with JournalWriter(path) as made:
        made.keep_tail(clockwork.every)
        for step in (-2, -1):
            made.append_metrics({"loss": 0.0}, step)
        assert tail_of(path).stat().st_size == SIZE
        yield made


def steps(path: Path) -> list[int]:
    reader = JournalReader(path)
    found = [event["s"] for event in reader.read() if event["k"] == "metric"]
    assert reader.damaged == 0
    return found


def test_a_slow_loop_writes_each_metric_at_once_and_makes_no_file(
    path: Path, clockwork: Clockwork
) -> None:
    with JournalWriter(path) as writer:
        writer.keep_tail(clockwork.every)
        for step in range(5):
            writer.append_metrics({"loss": 1.0}, step)
            assert steps(path) == list(range(step + 1))
            clockwork.tick()
        assert not tail_of(path).exists()
    assert len(clockwork.calls) == 1


def test_quick_metrics_wait_for_the_next_tick(
    path: Path, writer: JournalWriter, clockwork: Clockwork
) -> None:
    values = {"loss": 0.1 + 0.2, "nan\"'": float("inf"), "é": True}
    for step in range(3):
        writer.append_metrics(values, step)
    assert steps(path) == [-2, -1]
    clockwork.tick()
    assert steps(path) == [-2, -1, 0, 1, 2]
    assert read_events(path)[0][-1]["m"] == values
    writer.append_metrics({"loss": 1.0}, 3)
    assert steps(path)[-1] == 2
    clockwork.tick()
    assert steps(path)[-1] == 3


def test_a_loop_that_slows_down_writes_at_once_again_until_it_is_quick(
    path: Path, writer: JournalWriter, clockwork: Clockwork
) -> None:
    for turn in (0, 10, 20):
        writer.append_metrics({"loss": 1.0}, turn)
        clockwork.tick()
        clockwork.tick()
        writer.append_metrics({"loss": 1.0}, turn + 1)
        writer.append_metrics({"loss": 1.0}, turn + 2)
        assert steps(path)[-2:] == [turn + 1, turn + 2]
        writer.append_metrics({"loss": 1.0}, turn + 3)
        assert steps(path)[-1] == turn + 2
        clockwork.tick()
    assert steps(path) == [-2, -1, 0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]


def test_a_later_event_stands_behind_the_metrics_before_it(
    path: Path, writer: JournalWriter
) -> None:
    writer.append_metrics({"loss": 1.0}, 0)
    writer.append("note", text="behind")
    writer.append_metrics({"other": 1.0}, 1)
    writer.close()
    kinds = [event["k"] for event in read_events(path)[0]]
    assert kinds == ["metric", "metric", "metric", "note", "metric"]
    assert not tail_of(path).exists()


def test_more_metrics_than_the_tail_holds_keep_their_order(
    path: Path, writer: JournalWriter
) -> None:
    for step in range(5_000):
        writer.append_metrics({f"name{step % 300}": 1.0, "loss": 0.5}, step)
    writer.close()
    assert steps(path) == [-2, -1, *range(5_000)]


def test_names_longer_than_the_tail_are_written_at_once(path: Path, writer: JournalWriter) -> None:
    name = "n" * SIZE
    writer.append_metrics({"loss": 1.0}, 0)
    writer.append_metrics({name: 1.0}, 1)
    events = read_events(path)[0]
    assert [event["s"] for event in events] == [-2, -1, 0, 1]
    assert events[-1]["m"] == {name: 1.0}


def test_values_that_only_float_takes_and_those_that_nothing_takes(
    path: Path, writer: JournalWriter
) -> None:
    writer.append_metrics({"loss": 1.0}, 0)
    writer.append_metrics({"loss": "0.5"}, 1)
    with pytest.raises(ValueError, match="high"):
        writer.append_metrics({"loss": 1.0, "accuracy": "high"}, 2)
    with pytest.raises(OverflowError):
        writer.append_metrics({"loss": 1.0}, 2**63)
    writer.append_metrics({"loss": 1.0}, 3)
    writer.close()
    assert steps(path) == [-2, -1, 0, 1, 3]


def test_a_value_that_logs_by_itself_loses_neither(path: Path, writer: JournalWriter) -> None:
    class Chatty:
        def __float__(self) -> float:
            writer.append_metrics({"inner": 2.0}, 7)
            writer.append("note", text="from inside")
            return 1.0

    writer.append_metrics({"loss": 1.0}, 0)
    writer.append_metrics({"loss": Chatty()}, 1)
    writer.append_metrics({"loss": 1.0}, 2)
    writer.close()
    assert sorted(steps(path)) == [-2, -1, 0, 1, 2, 7]


def test_an_interrupt_in_the_middle_of_a_record_leaves_the_others(
    path: Path, writer: JournalWriter
) -> None:
    class Interrupting:
        def __float__(self) -> float:
            raise KeyboardInterrupt

    writer.append_metrics({"loss": 1.0}, 0)
    with pytest.raises(KeyboardInterrupt):
        writer.append_metrics({"first": 1.0, "loss": Interrupting()}, 1)
    writer.append_metrics({"loss": 1.0}, 2)
    writer.close()
    assert steps(path) == [-2, -1, 0, 2]


def test_signal_handlers_and_threads_that_log_lose_and_double_nothing(
    path: Path, writer: JournalWriter, clockwork: Clockwork
) -> None:
    handled = 0

    def handler(*_: object) -> None:
        nonlocal handled
        handled += 1
        writer.append_metrics({"handler": 1.0}, 10_000 + handled)
        if handled % 5 == 0:
            writer.append("note", text="handler")

    before = signal.signal(signal.SIGUSR1, handler)
    ended = threading.Event()

    def tick() -> None:
        while not ended.is_set():
            clockwork.tick()

    def log(first: int) -> None:
        for step in range(first, first + 1000):
            writer.append_metrics({"loss": 1.0}, step)

    threads = [threading.Thread(target=log, args=(1000 * who,)) for who in (1, 2)]
    ticking = threading.Thread(target=tick)
    try:
        for thread in (*threads, ticking):
            thread.start()
        for step in range(1000):
            if step % 4 == 0:
                os.kill(os.getpid(), signal.SIGUSR1)
            writer.append_metrics({"loss": 1.0}, step)
    finally:
        for thread in threads:
            thread.join()
        ended.set()
        ticking.join()
        signal.signal(signal.SIGUSR1, before)
    writer.close()
    wanted = [-2, -1, *range(3000), *range(10_001, 10_001 + handled)]
    assert sorted(steps(path)) == wanted


@pytest.mark.parametrize("at", ["write", "taken", "settled"])
def test_an_interrupt_while_the_tail_is_written_doubles_nothing(
    path: Path, writer: JournalWriter, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    owner, name = (os, at) if at == "write" else (MetricTail, at)
    real = vars(owner)[name]

    def interrupted(*args: Any) -> None:
        monkeypatch.undo()
        if at != "taken":
            real(*args)
        writer.append_metrics({"handler": 1.0}, 7)
        raise KeyboardInterrupt

    writer.append_metrics({"loss": 1.0}, 0)
    monkeypatch.setattr(owner, name, property(interrupted) if at == "taken" else interrupted)
    with pytest.raises(KeyboardInterrupt):
        writer.append("note", text="interrupted")
    writer.append_metrics({"loss": 1.0}, 1)
    writer.close()
    assert sorted(steps(path)) == [-2, -1, 0, 1, 7]


def test_a_place_that_an_interrupt_lost_is_found_again(
    path: Path, writer: JournalWriter, clockwork: Clockwork
) -> None:
    writer.append_metrics({"loss": 1.0}, 0)
    assert writer._tail is not None
    writer._tail._free.clear()  # as when a handler raises between the pop and the store
    writer.append_metrics({"loss": 1.0}, 1)
    assert steps(path) == [-2, -1, 1]
    for _ in range(2):
        clockwork.tick()
    assert steps(path) == [-2, -1, 1, 0]
    for step in (2, 3, 4):
        writer.append_metrics({"loss": 1.0}, step)
    writer._tail._free.clear()
    writer.close()
    assert steps(path) == [-2, -1, 1, 0, 2, 3, 4]
    assert not tail_of(path).exists()


def test_metrics_come_in_time_while_a_value_is_slow_to_tell_its_number(
    path: Path, writer: JournalWriter, clockwork: Clockwork
) -> None:
    class Slow:
        def __float__(self) -> float:
            clockwork.tick()
            assert steps(path)[-1] == 0
            return 1.0

    writer.append_metrics({"loss": 1.0}, 0)
    writer.append_metrics({"loss": Slow()}, 1)
    writer.close()
    assert steps(path) == [-2, -1, 0, 1]


def test_a_forked_child_writes_its_own_and_leaves_its_parents(
    path: Path, writer: JournalWriter
) -> None:
    writer.append_metrics({"loss": 1.0}, 0)
    child = os.fork()
    if child == 0:
        for step in (10, 11, 12):
            writer.append_metrics({"loss": 1.0}, step)
        writer.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert steps(path) == [-2, -1, 10, 11, 12]
    writer.append_metrics({"loss": 1.0}, 1)
    writer.close()
    assert steps(path) == [-2, -1, 10, 11, 12, 0, 1]


def test_kill_9_at_any_moment_loses_and_doubles_nothing(path: Path) -> None:
    logged: list[int] = []
    for _ in range(12):
        first = logged[-1] + 10_000 if logged else 0
        logged += numbers_until_killed(LOG_FOREVER, path, first, lines=random.randrange(1, 4000))
        if random.random() < 0.5:
            settle_dead(path)
            assert not tail_of(path).exists()
    JournalWriter(path).close()
    found = [e["s"] for e in read_events(path, max_bytes=1 << 30)[0] if "number" in e.get("m", ())]
    assert set(logged) <= set(found)
    assert len(found) == len(set(found))
    assert found == sorted(found)


def test_a_writer_that_died_between_journal_and_tail_doubles_nothing(
    path: Path, writer: JournalWriter, clockwork: Clockwork
) -> None:
    for step in range(4):
        writer.append_metrics({"loss": 1.0}, step)
    left = tail_of(path).read_bytes()
    clockwork.tick()
    with path.open("r+b") as journal:  # the last line half written, the one before it whole
        journal.truncate(path.stat().st_size - 5)
    tail_of(path).write_bytes(left)
    assert settle_dead(path) == 1
    assert settle_dead(path) == 0
    assert [event["s"] for event in read_events(path)[0]] == [-2, -1, 0, 1, 2, 3]


def test_a_damaged_tail_gives_what_is_whole_and_stops_nobody(
    path: Path, writer: JournalWriter
) -> None:
    for step in range(50):
        writer.append_metrics({"loss": 1.0}, step)
    left = tail_of(path).read_bytes()
    writer.close()
    whole = path.read_bytes()
    chosen = random.Random(7)
    for _ in range(300):
        spoiled = bytearray(left[: chosen.randrange(SIZE)] if chosen.random() < 0.5 else left)
        for _ in range(chosen.randrange(1, 9)):
            if spoiled:
                spoiled[chosen.randrange(min(len(spoiled), 3000))] = chosen.randrange(256)
        path.write_bytes(whole)
        tail_of(path).write_bytes(spoiled)
        settle_dead(path)
        assert not tail_of(path).exists()
        assert path.read_bytes().startswith(whole)


def test_a_full_disk_is_told_and_what_waits_is_not_lost(
    path: Path, writer: JournalWriter, clockwork: Clockwork
) -> None:
    for step in range(3):
        writer.append_metrics({"loss": 1.0}, step)
    room = path.stat().st_size + 100
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        clockwork.tick()
        with pytest.raises(Unavailable):
            writer.append_metrics({"loss": 1.0}, 3)
        with pytest.raises(Unavailable):
            writer.append("note", text="refused")
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        writer.append_metrics({"loss": 1.0}, 4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    writer.close()
    found = [event["s"] for event in read_events(path)[0]]
    assert found == [-2, -1, 0, 1, 2, 4]
    assert not tail_of(path).exists()


def test_metrics_that_a_full_disk_refuses_to_the_end_come_when_there_is_room(
    path: Path, writer: JournalWriter
) -> None:
    writer.append_metrics({"loss": 1.0}, 0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, before[1]))
    try:
        writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert steps(path) == [-2, -1]
    JournalWriter(path).close()
    assert steps(path) == [-2, -1, 0]


def test_no_room_for_the_tail_means_no_tail(path: Path, clockwork: Clockwork) -> None:
    tail_of(path).mkdir()
    with JournalWriter(path) as writer:
        writer.keep_tail(clockwork.every)
        for step in range(5):
            writer.append_metrics({"loss": 1.0}, step)
        assert steps(path) == [0, 1, 2, 3, 4]
