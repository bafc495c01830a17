"""The cache: fetched once, right by etag, never larger than its limit, and whole whoever is killed when."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from jupyter_cloudml.core.errors import BadInput, NotFound, TooLarge, Unavailable
from jupyter_cloudml.stores.cache import locks, space
from jupyter_cloudml.stores.cache.root import cache_limit, cache_root
from jupyter_cloudml.stores.cache.space import Space
from jupyter_cloudml.stores.cache.views import Cache
from tests.stores.cache.conftest import all_files, waits_for_lock

MIB = 1 << 20


def path_of(cache, view):
    path, held = cache.hold(view)
    held.release()
    return path


def test_an_object_is_fetched_once_and_keeps_its_name(cache, remote):
    remote.write("a/b/train.csv", b"1,2")
    for _ in range(3):
        path = path_of(cache, cache.fetch(remote, "a/b/train.csv"))
        assert (path.name, path.read_bytes()) == ("train.csv", b"1,2")
    assert remote.fetched == ["a/b/train.csv"]


@pytest.mark.timeout(60)
def test_a_view_and_its_objects_never_wait_for_each_other(cache, remote, monkeypatch):
    monkeypatch.setattr("jupyter_cloudml.stores.cache.layout._LOCKS", 1)
    for name in ("x.txt", "y.txt"):
        remote.write(f"data/{name}", name.encode())
    assert len(all_files(path_of(cache, cache.fetch(remote, "data")))) == 2
    assert path_of(cache, cache.fetch(remote, "data/x.txt")).read_text() == "x.txt"


def test_a_folder_is_a_folder_and_only_what_is_new_is_fetched_again(cache, remote):
    for name in ("x.txt", "deep/er/y.txt", "z.txt"):
        remote.write(f"data/train/{name}", name.encode())
    remote.write("data/training.txt", b"another")
    first = path_of(cache, cache.fetch(remote, "data/train"))
    assert first.name == "train"
    assert {str(p.relative_to(first)): p.read_text() for p in all_files(first)} == {
        "x.txt": "x.txt",
        "deep/er/y.txt": "deep/er/y.txt",
        "z.txt": "z.txt",
    }
    remote.fetched.clear()
    remote.write("data/train/x.txt", b"changed")
    second = path_of(cache, cache.fetch(remote, "data/train/"))
    assert remote.fetched == ["data/train/x.txt"]
    assert (second / "x.txt").read_bytes() == b"changed"
    assert (first / "x.txt").read_bytes() == b"x.txt"
    assert (second / "z.txt").samefile(first / "z.txt")


def test_large_objects_and_small_ones_arrive_together(cache, remote):
    sizes = {"a": 5 * MIB, "b": 10, "c": 6 * MIB, "d": 20}
    for name, size in sizes.items():
        remote.write(f"d/{name}", os.urandom(size))
    moved = []
    path = path_of(cache, cache.fetch(remote, "d", moved.append))
    for name in sizes:
        assert (path / name).read_bytes() == (remote.base / "d" / name).read_bytes()
    assert sum(moved) == sum(sizes.values())
    moved.clear()
    cache.fetch(remote, "d", moved.append)
    assert sum(moved) == sum(sizes.values())


def test_the_same_bytes_under_two_names_are_kept_once(cache, remote):
    remote.write("a", b"same" * 1000)
    remote.write("b", b"same" * 1000)
    one, two = (path_of(cache, cache.fetch(remote, key)) for key in "ab")
    assert one.samefile(two)
    assert Space(cache.layout, cache.limit).used() == 4000


def test_nothing_there_is_said(cache, remote):
    with pytest.raises(NotFound, match="far://bucket/none"):
        cache.fetch(remote, "none")


def test_names_that_cannot_be_files_are_refused(cache, remote, monkeypatch):
    remote.write("d/a", b"1")
    real = next(remote.walk("d/"))

    def walk(prefix=""):
        import dataclasses

        yield dataclasses.replace(real, key="d/../../../etc/passwd")

    monkeypatch.setattr(remote, "walk", walk)
    with pytest.raises(BadInput, match="passwd"):
        cache.fetch(remote, "d/")


def test_a_copy_that_somebody_wrote_into_is_fetched_again(cache, remote):
    remote.write("d/a", b"right")
    remote.write("d/b", b"right too")
    path = path_of(cache, cache.fetch(remote, "d"))
    (path / "a").chmod(0o600)
    (path / "a").write_bytes(b"wrong")
    again = path_of(cache, cache.fetch(remote, "d"))
    assert again == path
    assert (again / "a").read_bytes() == b"right"
    assert remote.fetched.count("d/b") == 1


def test_copies_are_read_only_and_nobody_elses(cache, remote):
    remote.write("a", b"1")
    path = path_of(cache, cache.fetch(remote, "a"))
    assert path.stat().st_mode & 0o777 == 0o444
    assert cache.layout.root.stat().st_mode & 0o777 == 0o700


def test_what_was_unused_for_longest_goes_first(tmp_path, remote):
    cache = Cache.at(tmp_path / "cache", 3 * MIB)
    for key in "abcd":
        remote.write(key, os.urandom(MIB))
    views = {key: cache.fetch(remote, key) for key in "abc"}
    for key in "bca":
        path_of(cache, views[key])
    views["d"] = cache.fetch(remote, "d")
    assert Space(cache.layout, cache.limit).used() == 3 * MIB
    assert cache.hold(views["b"]) is None
    remote.fetched.clear()
    for key in "acd":
        cache.fetch(remote, key)
    assert remote.fetched == []


def test_what_is_used_never_goes_and_no_room_is_said(tmp_path, remote):
    cache = Cache.at(tmp_path / "cache", 2 * MIB)
    for key in "abc":
        remote.write(key, os.urandom(MIB))
    held = [cache.hold(cache.fetch(remote, key)) for key in "ab"]
    with pytest.raises(Unavailable, match=r"no room for 1\.0 MiB.*live jobs"):
        cache.fetch(remote, "c")
    for path, _ in held:
        assert path.stat().st_size == MIB
    held[0][1].release()
    cache.fetch(remote, "c")
    assert held[1][0].exists()
    assert not held[0][0].exists()
    held[1][1].release()


def test_what_a_process_holds_stays_until_it_dies(tmp_path, remote, start):
    cache = Cache.at(tmp_path / "cache", MIB)
    remote.write("a", os.urandom(MIB))
    remote.write("b", os.urandom(MIB))
    job = start(
        "path, held = cache.hold(cache.fetch(remote, 'a'))\nprint(path)\nsys.stdin.read()", MIB
    )
    path = Path(job.line())
    with pytest.raises(Unavailable, match="no room"):
        cache.fetch(remote, "b")
    assert path.exists()
    job.kill()
    cache.fetch(remote, "b")
    assert not path.exists()


def test_more_than_the_cache_may_hold_is_refused_before_anything_is_fetched(tmp_path, remote):
    cache = Cache.at(tmp_path / "cache", MIB)
    remote.write("d/a", bytes(600_000))
    remote.write("d/b", bytes(600_000))
    with pytest.raises(TooLarge, match=r"do not fit.*stream"):
        cache.fetch(remote, "d")
    assert remote.fetched == []


SLOW = """
class Slow(Remote):
    def get(self, key, path, **options):
        path.with_name(path.name + '.part').write_bytes(b'half')
        print('fetching', flush=True)
        sys.stdin.readline()
        return super().get(key, path, **options)
remote = Slow(remote.base)
view = cache.fetch(remote, 'a')
print(len(remote.fetched), cache.hold(view)[0].read_bytes().decode(), flush=True)
"""


def test_of_two_processes_one_fetches_and_the_other_takes_it(remote, start):
    remote.write("a", b"whole")
    one, two = start(SLOW), None
    assert one.line() == "fetching"
    two = start(SLOW)
    while not waits_for_lock(two.pid):
        assert two.says_nothing()
    one.tell()
    assert one.line() == "1 whole"
    assert two.line() == "0 whole"
    assert one.end() == two.end() == 0


def test_a_fetch_that_is_killed_leaves_nothing_that_is_taken_for_whole(cache, remote, start):
    remote.write("a", b"whole")
    one = start(SLOW)
    assert one.line() == "fetching"
    two = start(SLOW)
    while not waits_for_lock(two.pid):
        assert two.says_nothing()
    one.kill()
    assert two.line() == "fetching"
    two.tell()
    assert two.line() == "1 whole"
    assert two.end() == 0
    assert all_files(cache.layout.partials) == []


def test_what_a_dead_process_left_half_done_gives_way_to_others(tmp_path, remote, start):
    cache = Cache.at(tmp_path / "cache", MIB)
    remote.write("a", bytes(700_000))
    remote.write("b", os.urandom(700_000))
    one = start(SLOW, MIB)
    assert one.line() == "fetching"
    with pytest.raises(Unavailable, match="no room"):
        cache.fetch(remote, "b")
    one.kill()
    cache.fetch(remote, "b")
    assert Space(cache.layout, cache.limit).used() == 700_000


def test_an_object_written_anew_while_it_is_fetched_is_fetched_as_it_is_then(cache, remote):
    remote.write("a", b"old")
    real = remote.get

    def get(key, path, **options):
        if not remote.fetched:
            remote.write("a", b"newer")
        return real(key, path, **options)

    remote.get = get
    assert path_of(cache, cache.fetch(remote, "a")).read_bytes() == b"newer"


def test_threads_of_one_process_share_a_fetch(cache, remote):
    remote.write("a", os.urandom(MIB))
    threads = [threading.Thread(target=cache.fetch, args=(remote, "a")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert remote.fetched == ["a"]


STORM = """
import random
chance = random.Random(int(sys.stdin.readline()))
while True:
    key = chance.choice("abcdefghij")
    view = cache.fetch(remote, key)
    found = cache.hold(view)
    if found is not None:
        path, held = found
        data = path.read_bytes()
        assert data == key.encode() * 300_000, key
        held.release()
    print('.', flush=True)
"""


def test_processes_that_fetch_evict_and_die_never_see_wrong_bytes(tmp_path, remote, start):
    for key in "abcdefghij":
        remote.write(key, key.encode() * 300_000)
    limit = 2_000_000
    cache = Cache.at(tmp_path / "cache", limit)
    live = []
    for seed in range(9):
        process = start(STORM, limit)
        process.tell(str(seed))
        live.append(process)
        if len(live) == 3:
            for _ in range(10):
                assert live[-1].line() == "."
            live.pop(0).kill()
    for process in live:
        assert process.line() == "."
        process.kill()
    assert Space(cache.layout, cache.limit).used() <= limit
    for key in "abcdefghij":
        assert path_of(cache, cache.fetch(remote, key)).read_bytes() == key.encode() * 300_000


def test_room_whose_owner_takes_it_away_meanwhile_is_neither_counted_nor_freed(
    tmp_path, remote, monkeypatch
):
    """Room that was given, and room after ``arrived``: both are listed, and gone when somebody looks again."""
    cache = Cache.at(tmp_path / "cache", 1_000_000)
    remote.write("a", bytes(700_000))
    cache.fetch(remote, "a")
    held = Space(cache.layout, cache.limit)
    ghosts = [cache.layout.partial("ab" * 16, size) for size in (700_000, 0)]
    listed = space._names

    def names(folder):
        return listed(folder) + (ghosts if folder == cache.layout.partials else [])

    monkeypatch.setattr(space, "_names", names)
    assert not set(ghosts) & {victim.path for victim in held._victims()}
    assert [held._evict(space._Victim(0, ghost, space._PARTIAL)) for ghost in ghosts] == [0, 0]
    assert space._taken(ghosts[1]) == 0


def test_a_full_disk_is_said_and_leaves_nothing_half(tmp_path, remote):
    root = tmp_path / "disk"
    root.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(root)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        assert not os.environ.get("CI"), f"no disk can be mounted: {done.stderr}"
        pytest.skip(f"no disk can be mounted: {done.stderr}")
    try:
        cache = Cache.at(root / "cache", 1 << 30)
        remote.write("a", bytes(10 * MIB))
        remote.write("b", os.urandom(20 * MIB))
        a = cache.fetch(remote, "a")
        cache.fetch(remote, "b")
        assert cache.hold(a) is None
        with (root / "other").open("wb") as file:
            file.write(bytes(18 * MIB))
        shutil.rmtree(root / "cache")
        cache.layout.root.mkdir()
        remote.write("c", os.urandom(30 * MIB))
        with pytest.raises(Unavailable, match=r"no room for 30\.0 MiB.*free space on that disk"):
            cache.fetch(remote, "c")
        assert Space(cache.layout, cache.limit).used() == 0
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


def test_a_lock_of_a_file_that_was_deleted_is_taken_anew(tmp_path):
    path = tmp_path / "x.lock"
    first = locks.acquire(path)
    got = []
    waiter = threading.Thread(target=lambda: got.append(locks.acquire(path)))
    waiter.start()
    while not waits_for_lock(os.getpid()):
        assert waiter.is_alive()
    path.unlink()
    first.release()
    waiter.join(60)
    assert locks.acquire(path, wait=False) is None
    got[0].release()


def test_place_and_limit_are_those_of_the_environment(tmp_path):
    assert cache_root({"CLOUDML_CACHE": "/x/y"}).as_posix() == "/x/y"
    assert cache_root({"XDG_CACHE_HOME": "/c"}).as_posix() == "/c/jupyter_cloudml/data"
    assert cache_root({"HOME": "/h"}).as_posix() == "/h/.cache/jupyter_cloudml/data"
    assert cache_limit({"CLOUDML_CACHE_LIMIT": "20G"}, tmp_path) == 20 << 30
    assert cache_limit({}, tmp_path / "a" / "b") == shutil.disk_usage(tmp_path).total // 2
    with pytest.raises(BadInput, match="CLOUDML_CACHE_LIMIT='much'"):
        cache_limit({"CLOUDML_CACHE_LIMIT": "much"}, tmp_path)
