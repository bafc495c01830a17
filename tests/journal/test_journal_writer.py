"""One writer, many readers: nothing acknowledged is lost, nothing half-written is read."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.journal.reader import JournalReader, read_events
from jupyter_cloudml.journal.writer import JournalWriter

from .killed import numbers_until_killed

APPEND_FOREVER = """
import os, sys
from jupyter_cloudml.journal.writer import JournalWriter
writer = JournalWriter(sys.argv[1])
number = int(sys.argv[2])
while True:
    writer.append("note", text="x" * (number * 37 % 5000), number=number)
    os.write(1, b"%d\\n" % number)
    number += 1
"""


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "0.jsonl"
    with JournalWriter(path, clock=lambda: 12.5) as writer:
        writer.append("state", state="RUNNING", pid=7)
        writer.append("beat")
    events, offset = read_events(path)
    assert events == [
        {"t": 12.5, "k": "state", "state": "RUNNING", "pid": 7},
        {"t": 12.5, "k": "beat"},
    ]
    assert offset == path.stat().st_size


def test_a_journal_is_private_to_its_user(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "0.jsonl"
    JournalWriter(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_metric_lines_keep_every_float_exactly(tmp_path: Path) -> None:
    values = {
        "a": 0.1 + 0.2,
        "b": -1e-300,
        "c": 3,
        "nan": math.nan,
        "inf": math.inf,
        "-": -math.inf,
    }
    with JournalWriter(tmp_path / "0.jsonl") as writer:
        writer.append_metrics({**values, 'quo"te\n': 1.0, "é": True}, 5)
    [event] = read_events(tmp_path / "0.jsonl")[0]
    assert (event["k"], event["s"]) == ("metric", 5)
    assert math.isnan(event["m"].pop("nan"))
    del values["nan"]
    assert event["m"] == {**values, 'quo"te\n': 1.0, "é": 1.0}


def test_strange_values_and_lone_surrogates_do_not_stop_the_journal(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    with JournalWriter(tmp_path / "0.jsonl") as writer:
        writer.append("note", text="\ud800 \x00 ☃", number=numpy.float32(0.5), thing=Path("/x"))
    [event] = read_events(tmp_path / "0.jsonl")[0]
    assert (event["text"], event["number"], event["thing"]) == ("\ud800 \x00 ☃", 0.5, "/x")


def test_kill_9_in_mid_append_loses_no_acknowledged_event(tmp_path: Path) -> None:
    path = tmp_path / "0.jsonl"
    acknowledged: list[int] = []
    for _ in range(6):
        start = acknowledged[-1] + 1000 if acknowledged else 0
        acknowledged += numbers_until_killed(
            APPEND_FOREVER, path, start, lines=random.randrange(1, 200)
        )
    with JournalWriter(path) as writer:
        writer.append("note", text="after", number=-1)
    read = [event["number"] for event in read_events(path)[0]]
    assert set(acknowledged) <= set(read)
    assert len(read) == len(set(read))
    assert read[-1] == -1


def test_a_torn_last_line_waits_and_the_next_writer_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "0.jsonl"
    path.write_bytes(b'{"t":1,"k":"beat"}\n{"t":2,"k":"outp')
    reader = JournalReader(path)
    assert reader.read() == [{"t": 1, "k": "beat"}]
    assert reader.read() == []
    with JournalWriter(path) as writer:
        writer.append("beat")
    assert [event["k"] for event in reader.read()] == ["beat"]
    assert reader.damaged == 1


def test_a_full_disk_is_named_and_later_events_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "0.jsonl"
    script = """
import resource, signal, sys
from jupyter_cloudml.core.errors import Unavailable
from jupyter_cloudml.journal.writer import JournalWriter
writer = JournalWriter(sys.argv[1])
writer.append("note", text="before")
full = lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
for size in (100, 130):
    full(size)
    for text in ("refused" * 30, "refused again"):
        try:
            writer.append("output", output={"output_type": "stream", "name": "stdout", "text": text})
        except Unavailable as error:
            assert "0.jsonl" in str(error) and error.hint, error
        else:
            raise SystemExit("the disk was not full")
full(resource.RLIM_INFINITY)
writer.append("note", text="after")
"""
    subprocess.run([sys.executable, "-c", script, path], check=True)
    reader = JournalReader(path)
    assert [event["text"] for event in reader.read()] == ["before", "after"]
    assert reader.damaged == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_no_space_left_says_so_with_a_way_out() -> None:
    writer = JournalWriter("/dev/full")
    with pytest.raises(Unavailable, match="No space left") as caught:
        writer.append("beat")
    assert "free some space" in caught.value.hint
    writer.close()


def test_a_closed_writer_and_a_bad_path_are_unavailable(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "0.jsonl")
    writer.close()
    writer.close()
    with pytest.raises(Unavailable):
        writer.append("beat")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable, match="file"):
        JournalWriter(tmp_path / "file" / "0.jsonl")


def test_many_threads_and_a_forked_child_write_whole_lines(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "0.jsonl")

    def write(who: int) -> None:
        for number in range(300):
            writer.append("note", who=who, number=number, text="y" * 200)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer._lock.acquire()  # as if another thread were in mid-append at the fork
    child = os.fork()
    if child == 0:
        write(4)
        os._exit(0)
    writer._lock.release()
    assert os.waitpid(child, 0)[1] == 0
    writer.close()
    reader = JournalReader(tmp_path / "0.jsonl")
    events = reader.read()
    assert reader.damaged == 0
    for who in range(5):
        assert [e["number"] for e in events if e["who"] == who] == list(range(300))


def test_readers_at_any_offset_see_every_later_event(tmp_path: Path) -> None:
    path = tmp_path / "0.jsonl"
    with JournalWriter(path) as writer:
        for number in range(200):
            writer.append("note", number=number, text="z" * (number % 50))
    ends = [0]
    for line in path.read_bytes().splitlines(keepends=True):
        ends.append(ends[-1] + len(line))
    for first in random.sample(range(201), 20):
        events, end = read_events(path, ends[first])
        assert [event["number"] for event in events] == list(range(first, 200))
        assert end == ends[-1]
    assert read_events(path, ends[-1] + 1000) == ([], ends[-1] + 1000)


def test_readers_follow_a_growing_journal_without_gap_or_repeat(tmp_path: Path) -> None:
    path = tmp_path / "0.jsonl"
    script = """
import sys
from jupyter_cloudml.journal.writer import JournalWriter
writer = JournalWriter(sys.argv[1])
for number in range(5000):
    writer.append("note", number=number)
"""
    child = subprocess.Popen([sys.executable, "-c", script, path])
    readers = [JournalReader(path) for _ in range(3)]
    seen: list[list[int]] = [[], [], []]
    ended = False
    while not ended:
        ended = child.poll() is not None
        for mine, reader, size in zip(seen, readers, (100, 7, 1 << 20), strict=True):
            mine += [event["number"] for event in reader.read(size)]
    for mine, reader in zip(seen, readers, strict=True):
        while batch := reader.read():
            mine += [event["number"] for event in batch]
        assert mine == list(range(5000))


def test_a_line_longer_than_the_piece_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "0.jsonl"
    with JournalWriter(path) as writer:
        writer.append("note", text="long" * 1000)
        writer.append("note", text="short")
    reader = JournalReader(path)
    read = []
    while batch := reader.read(max_bytes=64):
        read += [len(event["text"]) for event in batch]
    assert read == [4000, 5]


def test_damaged_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "0.jsonl"
    good = json.dumps({"t": 1, "k": "beat"}).encode()
    bad = [
        b"\x00\xff\x00",
        b"[1]",
        b'{"t":1}',
        b'{"k":"x","t":"y"}',
        b'{"t":1,"k":[',
        b"]}",
        b"1,2",
    ]
    lines = [line for damaged in bad for line in (good, b"", damaged)]
    path.write_bytes(b"\n".join([*lines, good, b""]))
    reader = JournalReader(path)
    assert reader.read() == [{"t": 1, "k": "beat"}] * (len(bad) + 1)
    assert reader.damaged == len(bad)


def test_a_missing_journal_is_empty(tmp_path: Path) -> None:
    assert read_events(tmp_path / "none" / "0.jsonl", 5) == ([], 5)


def test_signals_that_append_in_mid_append_do_not_deadlock(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "0.jsonl")
    before = signal.signal(signal.SIGUSR1, lambda *_: writer.append("note", text="handler"))
    try:
        for _ in range(200):
            os.kill(os.getpid(), signal.SIGUSR1)
            writer.append("note", text="main")
    finally:
        signal.signal(signal.SIGUSR1, before)
    writer.close()
    texts = [event["text"] for event in read_events(tmp_path / "0.jsonl")[0]]
    assert texts.count("main") == texts.count("handler") == 200


def test_a_metric_that_is_no_number_leaves_no_line(tmp_path: Path) -> None:
    with JournalWriter(tmp_path / "0.jsonl") as writer:
        with pytest.raises(ValueError, match="high"):
            writer.append_metrics({"loss": 1.0, "accuracy": "high"}, 1)
        with pytest.raises(OverflowError, match="64 bits"):
            writer.append_metrics({"loss": 1.0}, 2**63)
        writer.append_metrics({"loss": "0.5"}, -(2**63))
    [event] = read_events(tmp_path / "0.jsonl")[0]
    assert (event["m"], event["s"]) == ({"loss": 0.5}, -(2**63))


@pytest.mark.parametrize("packed", ['"00"', '"zz"', "7", "null", '"é"'])
def test_a_damaged_metric_line_is_skipped_and_counted(tmp_path: Path, packed: str) -> None:
    path = tmp_path / "0.jsonl"
    path.write_text(
        f'{{"k":"metric","n":["loss"],"b":{packed}}}\n{{"k":"metric","n":3,"b":"00"}}\n'
    )
    with JournalWriter(path) as writer:
        writer.append_metrics({"loss": 1.0}, 1)
    reader = JournalReader(path)
    assert [event["s"] for event in reader.read()] == [1]
    assert reader.damaged == 2
