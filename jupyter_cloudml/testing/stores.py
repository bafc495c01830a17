"""What every store must do, as tests. Subclass, give the fixtures ``store`` and ``prefix``, and run pytest."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path

import pytest

from ..core.errors import BadInput, Conflict, NotFound
from ..stores.port import ObjectInfo, Store

BIG = 33 << 20
"""More than two parts of every store."""
ODD_NAMES = ("a b", "ä€", "p%20q", "q?x=1#y", "plus+plus", "~t", "[1]{2}", "quote'\"")


class StoreSuite:
    """Conformance of a store; every test is a promise of ``stores.port.Store``."""

    can_presign = True
    lists_by_key = True
    """``walk`` goes by keys, not by the parts of paths."""

    @pytest.fixture
    def store(self) -> Store:
        """Backend authors: override this."""
        raise LookupError("override the fixture 'store'")

    @pytest.fixture
    def prefix(self) -> Iterator[str]:
        """Backend authors: override this: a prefix with a slash at its end, and nothing below it."""
        raise LookupError("override the fixture 'prefix'")

    @pytest.fixture
    def big(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        path = tmp_path_factory.getbasetemp() / "store-suite.bin"
        if not path.exists():
            path.write_bytes(os.urandom(BIG))
        return path

    def test_what_was_put_is_there(self, store: Store, prefix: str) -> None:
        put = store.put(prefix + "a/x.bin", b"hello world")
        found = store.stat(prefix + "a/x.bin")
        assert (found.key, found.size, found.etag) == (prefix + "a/x.bin", 11, put.etag)
        assert found.modified.tzinfo is not None
        assert abs((datetime.now(timezone.utc) - found.modified).total_seconds()) < 3600
        assert store.read(found.key) == b"hello world"

    def test_ranges(self, store: Store, prefix: str) -> None:
        key = prefix + "x"
        store.put(key, bytes(range(200)))
        assert store.read(key, 10, 5) == bytes(range(10, 15))
        assert store.read(key, 190) == bytes(range(190, 200))
        assert store.read(key, 190, 50) == bytes(range(190, 200))
        assert store.read(key, 200, 5) == b""
        assert store.read(key, 500) == b""
        assert store.read(key, 3, 0) == b""
        found = store.read_ranges(key, [(0, 3), (150, 2), (199, 9), (300, 1)])
        assert found == [b"\x00\x01\x02", b"\x96\x97", b"\xc7", b""]

    def test_an_empty_object(self, store: Store, prefix: str, tmp_path: Path) -> None:
        store.put(prefix + "none", b"")
        assert store.stat(prefix + "none").size == 0
        assert store.read(prefix + "none") == b""
        store.get(prefix + "none", tmp_path / "none")
        assert (tmp_path / "none").read_bytes() == b""

    def test_a_missing_object_is_not_found(self, store: Store, prefix: str, tmp_path: Path) -> None:
        (tmp_path / "kept").write_bytes(b"old")
        for ask in (
            lambda: store.stat(prefix + "no"),
            lambda: store.read(prefix + "no"),
            lambda: store.read_ranges(prefix + "no", [(0, 1), (2, 3)]),
            lambda: store.get(prefix + "no", tmp_path / "kept"),
            lambda: store.get_many([prefix + "no"], tmp_path),
            lambda: store.copy(prefix + "no", prefix + "yes"),
        ):
            with pytest.raises(NotFound, match="no"):
                ask()
        assert [path.name for path in tmp_path.iterdir()] == ["kept"]
        assert (tmp_path / "kept").read_bytes() == b"old"
        assert list(store.walk(prefix)) == []

    def test_listing_by_prefix_and_delimiter(self, store: Store, prefix: str) -> None:
        keys = ["a.txt", "a/1", "a/2", "a/b/3", "ab", "c"]
        store.put_many({prefix + key: key.encode() for key in keys})
        top = store.list(prefix)
        assert [o.key for o in top.objects] == [prefix + k for k in ("a.txt", "ab", "c")]
        assert list(top.prefixes) == [prefix + "a/"]
        assert top.next is None
        assert [o.key for o in store.list(prefix + "a/").objects] == [
            prefix + "a/1",
            prefix + "a/2",
        ]
        assert [o.key for o in store.list(prefix + "ab").objects] == [prefix + "ab"]
        walked = [o.key for o in store.walk(prefix)]
        assert (walked if self.lists_by_key else sorted(walked)) == [prefix + key for key in keys]
        assert [o.key for o in store.walk(prefix + "a/b")] == [prefix + "a/b/3"]
        deep = store.list(prefix, delimiter=None)
        assert [o.key for o in deep.objects] == walked
        assert [o.size for o in deep.objects] == [len(key) - len(prefix) for key in walked]
        nothing = store.list(prefix + "zzz")
        assert (nothing.objects, nothing.prefixes, nothing.next) == ((), (), None)

    @pytest.mark.parametrize("delimiter", ["/", None])
    def test_pages_show_every_name_once(
        self, store: Store, prefix: str, delimiter: str | None
    ) -> None:
        keys = [prefix + key for key in ("a/1", "a/2", "b", "c/1", "d", "e", "f/1")]
        store.put_many(dict.fromkeys(keys, b"."))
        expected = [o.key for o in store.list(prefix, delimiter=delimiter).objects]
        found: list[str] = []
        prefixes: list[str] = []
        token: str | None = None
        for _ in range(20):
            page = store.list(prefix, delimiter=delimiter, limit=2, token=token)
            assert len(page.objects) + len(page.prefixes) <= 2
            found += [o.key for o in page.objects]
            prefixes += page.prefixes
            token = page.next
            if token is None:
                break
        assert found == expected
        assert prefixes == ([prefix + p for p in ("a/", "c/", "f/")] if delimiter else [])

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_odd_names_mean_themselves(
        self, store: Store, prefix: str, name: str, tmp_path: Path
    ) -> None:
        key = f"{prefix}odd/{name}"
        store.put(key, b"one")
        assert [o.key for o in store.walk(prefix)] == [key]
        assert store.read(key) == b"one"
        store.put_many({key: b"many"})
        assert [info.key for info in store.get_many([key], tmp_path, strip=prefix)] == [key]
        assert (tmp_path / "odd" / name).read_bytes() == b"many"
        store.copy(key, key + ".copy")
        assert store.read(key + ".copy") == b"many"
        store.delete([key, key + ".copy"])
        assert list(store.walk(prefix)) == []

    def test_a_big_file_goes_there_and_back(
        self, store: Store, prefix: str, big: Path, tmp_path: Path
    ) -> None:
        there: list[int] = []
        back: list[int] = []
        put = store.put(prefix + "big", big, progress=there.append)
        info = store.get(prefix + "big", tmp_path / "new" / "big", progress=back.append)
        assert (tmp_path / "new" / "big").read_bytes() == big.read_bytes()
        assert (info.size, info.etag) == (BIG, put.etag)
        assert (sum(there), sum(back)) == (BIG, BIG)
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["big"]

    def test_a_put_replaces_and_changes_the_etag(self, store: Store, prefix: str) -> None:
        first = store.put(prefix + "x", b"1")
        second = store.put(prefix + "x", b"2")
        assert first.etag != second.etag
        assert store.read(prefix + "x") == b"2"

    def test_if_absent(self, store: Store, prefix: str, big: Path) -> None:
        store.put(prefix + "x", b"1", if_absent=True)
        for source in (b"2", big):
            with pytest.raises(Conflict):
                store.put(prefix + "x", source, if_absent=True)
        assert store.read(prefix + "x") == b"1"

    def test_if_match(self, store: Store, prefix: str, big: Path, tmp_path: Path) -> None:
        old = store.put(prefix + "x", b"1")
        new = store.put(prefix + "x", b"22", if_match=old.etag)
        for source in (b"3", big):
            with pytest.raises(Conflict):
                store.put(prefix + "x", source, if_match=old.etag)
        with pytest.raises(Conflict):
            store.read(prefix + "x", if_match=old.etag)
        with pytest.raises(Conflict):
            store.get(prefix + "x", tmp_path / "x", if_match=old.etag)
        assert list(tmp_path.iterdir()) == []
        assert store.read(prefix + "x", if_match=new.etag) == b"22"
        store.get(prefix + "x", tmp_path / "x", if_match=new.etag)
        assert (tmp_path / "x").read_bytes() == b"22"

    def test_of_many_first_writers_one_wins(self, store: Store, prefix: str) -> None:
        start = threading.Barrier(6)

        def write(number: int) -> ObjectInfo | None:
            start.wait()
            try:
                return store.put(prefix + "x", b"%d" % number, if_absent=True)
            except Conflict:
                return None

        with ThreadPoolExecutor(6) as pool:
            won = [n for n, info in enumerate(pool.map(write, range(6))) if info is not None]
        assert len(won) == 1
        assert store.read(prefix + "x") == b"%d" % won[0]

    def test_many_there_and_back(self, store: Store, prefix: str, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"from a file")
        sources: dict[str, Path | bytes] = {
            f"{prefix}m/{n % 3}/{n:03}": os.urandom(100 + n) for n in range(60)
        }
        sources[prefix + "m/file"] = tmp_path / "file"
        there: list[int] = []
        back: list[int] = []
        put = store.put_many(sources, progress=there.append)
        got = store.get_many(
            list(sources), tmp_path / "out", strip=prefix + "m/", progress=back.append
        )
        assert [i.key for i in put] == [i.key for i in got] == list(sources)
        assert [i.etag for i in got] == [store.stat(key).etag for key in sources]
        for key, source in sources.items():
            data = source if isinstance(source, bytes) else source.read_bytes()
            assert (tmp_path / "out" / key.removeprefix(prefix + "m/")).read_bytes() == data
        assert sum(there) == sum(back) == sum(info.size for info in put)
        assert not [p for p in (tmp_path / "out").rglob("*") if p.name.startswith(".")]

    def test_a_key_that_would_leave_the_folder_is_refused(
        self, store: Store, tmp_path: Path
    ) -> None:
        for key in ("a/../../x", "..", "a/", ""):
            with pytest.raises(BadInput):
                store.get_many([key], tmp_path / "out")
        assert list(tmp_path.rglob("x")) == []

    def test_two_keys_never_land_on_one_file(
        self, store: Store, prefix: str, tmp_path: Path
    ) -> None:
        keys = [prefix + "a/b", prefix + "a//b"]
        with pytest.raises(BadInput, match="would be one file"):
            store.get_many(keys, tmp_path / "out", strip=prefix)
        assert not (tmp_path / "out").exists()

    def test_copy_and_move(self, store: Store, prefix: str) -> None:
        store.put(prefix + "x", b"1")
        assert store.copy(prefix + "x", prefix + "d/y").size == 1
        assert store.move(prefix + "x", prefix + "z").key == prefix + "z"
        assert [o.key for o in store.walk(prefix)] == [prefix + "d/y", prefix + "z"]
        assert store.read(prefix + "z") == b"1"

    def test_delete_takes_what_is_there(self, store: Store, prefix: str) -> None:
        store.put_many({prefix + "x": b"1", prefix + "y": b"2"})
        store.delete([prefix + "x", prefix + "none"])
        assert [o.key for o in store.walk(prefix)] == [prefix + "y"]
        assert store.delete([]) == 0

    def test_a_link_lets_its_bearer_read(self, store: Store, prefix: str) -> None:
        from urllib.request import urlopen

        store.put(prefix + "x", b"shared")
        if not self.can_presign:
            with pytest.raises(BadInput):
                store.presign(prefix + "x")
            return
        with urlopen(store.presign(prefix + "x", expires_s=60), timeout=30) as answer:  # noqa: S310
            assert answer.read() == b"shared"
        with pytest.raises(BadInput):
            store.presign(prefix + "x", method="DELETE")
