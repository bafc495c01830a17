from __future__ import annotations

import json
import os
import threading
import traceback
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from jupyter_cloudml.core.errors import (
    BadInput,
    CloudMLError,
    Conflict,
    Corrupt,
    NotFound,
    PermissionDenied,
    Unauthorised,
    Unavailable,
)
from jupyter_cloudml.stores.config import StoreOptions
from jupyter_cloudml.stores.gcs.store import GOOGLE, GcsStore, endpoint_of
from jupyter_cloudml.stores.gcs.upload import PART
from jupyter_cloudml.stores.open import storage_options
from jupyter_cloudml.stores.transfer.memo import Memo
from tests.engines.fake_gcs_server import FakeGcsServer
from tests.engines.own_gcs import OwnGcs

from .conftest import Opened

MIB = 1 << 20
KEY = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"
LARGE = 72 * MIB


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is sent in five parts, or one stream; no two of its blocks are the same."""
    path = tmp_path_factory.mktemp("large") / "data"
    path.write_bytes(b"".join(n.to_bytes(4, "big") * 1024 for n in range(LARGE // 4096)))
    return path


def asked(server: OwnGcs, store: GcsStore, method: str = "") -> list[dict[str, object]]:
    bucket = store.root.removeprefix("gs://")
    every = [r for r in server.requests() if bucket in r["target"].replace("%2D", "-")]
    return [r for r in every if method in ("", r["method"])]


def test_the_key_of_cloud_kms_is_named_by_every_request_that_makes_an_object(
    gcs_server: OwnGcs, opened: Opened, large: Path
) -> None:
    store = opened(gcs_server, encryption=f"cmek:{KEY}")
    store.put("small", b"1")
    store.put("large", large)
    store.put("stream", large, if_absent=True)
    store.put_many({"many": b"2"})
    store.copy("small", "copied")
    for key in ("small", "large", "stream", "many", "copied"):
        assert store.stat(key).encryption == f"{KEY}/cryptoKeyVersions/1", key
    makers = [r for r in asked(gcs_server, store) if r["method"] == "POST"]
    named = [r for r in makers if "uploadId" not in r["target"]]
    assert len(named) == 6  # one of them asks whether the endpoint has the XML API
    for request in named:
        said = f"{request['target']} {request['headers']}".replace("%2F", "/")
        assert KEY in said, request
    reads = [r for r in asked(gcs_server, store, "GET") if KEY in str(r["headers"])]
    assert reads == []


def test_small_objects_are_encrypted_with_the_key_of_the_bucket_where_none_is_named(
    gcs_server: OwnGcs, opened: Opened
) -> None:
    store = opened(gcs_server)
    infos = store.put_many({f"a/{n}": str(n).encode() for n in range(20)})
    assert [store.stat(info.key).etag for info in infos[:3]] == [i.etag for i in infos[:3]]
    assert store.stat("a/1").encryption is None


def test_a_key_of_another_vendor_is_refused_before_anything_is_sent(opened: Opened) -> None:
    with pytest.raises(BadInput, match=r"aws:kms.*none of Google"):
        GcsStore.from_options("gs://b", StoreOptions(encryption="aws:kms:alias/x"))


def test_tokens_come_from_the_default_chain_and_are_renewed(
    closed_gcs: OwnGcs, opened: Opened, tmp_path: Path
) -> None:
    store = opened(closed_gcs)
    store.put("x", b"1")
    closed_gcs.control.expire_tokens()
    assert store.read("x") == b"1"
    store.put_many({f"m/{n}": b"2" for n in range(5)})
    assert len(store.get_many([f"m/{n}" for n in range(5)], tmp_path)) == 5


def test_a_key_file_named_as_profile_is_used(
    closed_gcs: OwnGcs, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(closed_gcs, profile=str(closed_gcs.control.account_file))
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    store.put("x", b"1")
    assert store.read("x") == b"1"


def test_a_configuration_of_gcloud_is_a_profile(
    closed_gcs: OwnGcs, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = opened(closed_gcs, profile="work")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    (tmp_path / "configurations").mkdir()
    (tmp_path / "configurations" / "config_work").write_text("[core]\naccount = me@x.org\n")
    with pytest.raises(Unauthorised, match=r"has not logged in.*gcloud auth login"):
        store.list()
    home = tmp_path / "legacy_credentials" / "me@x.org"
    home.mkdir(parents=True)
    (home / "adc.json").write_text(closed_gcs.control.account_file.read_text())
    assert store.list().objects == ()
    other = opened(closed_gcs, profile="wrok")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    with pytest.raises(BadInput, match=r"'wrok' is no configuration of gcloud .there are: work"):
        other.list()


def test_nobody_and_a_wrong_key_are_unauthorised_and_no_secret_is_told(
    closed_gcs: OwnGcs, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bucket = closed_gcs.new_bucket()
    nobody = opened(closed_gcs, bucket)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    for call in (nobody.list, lambda: nobody.put("x", b""), lambda: nobody.put_many({"x": b""})):
        with pytest.raises(Unauthorised, match="gcloud auth application-default login"):
            call()
    with OwnGcs() as other:
        said = json.loads(other.control.account_file.read_text())
    said["token_uri"] = f"{closed_gcs.endpoint}/token"
    (tmp_path / "key.json").write_text(json.dumps(said))
    wrong = opened(closed_gcs, bucket, profile=str(tmp_path / "key.json"))
    with pytest.raises(Unauthorised) as caught:
        wrong.list()
    told = "".join(traceback.format_exception(caught.value))
    assert said["private_key"][60:120] not in told
    assert "ya29." not in told


def test_tokens_of_google_go_to_google_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    elsewhere = GcsStore.from_options("gs://b", StoreOptions(endpoint="https://gcs.example.org"))
    assert elsewhere._tokens.is_anonymous
    google = GcsStore.from_options("gs://b", StoreOptions(endpoint=GOOGLE))
    assert not google._tokens.is_anonymous
    public = StoreOptions(endpoint=GOOGLE, anonymous=True)
    assert GcsStore.from_options("gs://b", public)._tokens.is_anonymous
    assert GcsStore.engine_options("gs://b", public) == {"google_skip_signature": "true"}


def test_endpoints_are_those_of_the_configuration_then_of_the_emulator_then_googles() -> None:
    emulator = {"STORAGE_EMULATOR_HOST": "localhost:4443"}
    assert endpoint_of(StoreOptions(endpoint="https://x.y/"), emulator) == "https://x.y"
    assert endpoint_of(StoreOptions(), emulator) == "http://localhost:4443"
    assert endpoint_of(StoreOptions(), {}) == GOOGLE


def test_a_forbidden_bucket_and_a_missing_one_are_said_by_name(
    gcs_server: OwnGcs, opened: Opened, tmp_path: Path, large: Path
) -> None:
    missing = opened(gcs_server, "no-such-bucket")
    calls = [
        missing.list,
        lambda: missing.stat("x"),
        lambda: missing.read("x"),
        lambda: missing.put("x", b""),
        lambda: missing.put("x", large),
        lambda: missing.put("x", large, if_absent=True),
        lambda: missing.put_many({"x": b""}),
        lambda: missing.get_many(["x"], tmp_path),
        lambda: missing.delete(["x"]),
        lambda: missing.copy("x", "y"),
    ]
    for call in calls:
        with pytest.raises(NotFound, match="there is no bucket gs://no-such-bucket"):
            call()
    store = opened(gcs_server)
    gcs_server.control.deny(store.root.removeprefix("gs://"))
    for call in (store.list, lambda: store.put("x", b""), lambda: store.put_many({"x": b""})):
        with pytest.raises(PermissionDenied):
            call()


def test_a_download_that_broke_off_moves_only_what_is_missing(
    own_gcs: OwnGcs, opened: Opened, large: Path, tmp_path: Path
) -> None:
    store = opened(own_gcs)
    store.put("large", large)
    moved: list[int] = []

    def tell(count: int) -> None:
        moved.append(count)
        if sum(moved) > PART + MIB:
            own_gcs.kill()

    with pytest.raises(Unavailable):
        store.get("large", tmp_path / "back", progress=tell)
    assert not (tmp_path / "back").exists()
    own_gcs.start()
    before = len(own_gcs.requests())
    again: list[int] = []
    store.get("large", tmp_path / "back", progress=again.append)
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    assert sum(again) == LARGE
    fetched = sum(r["sent"] for r in own_gcs.requests()[before:] if "alt=media" in r["target"])
    assert fetched < LARGE
    assert [path.name for path in tmp_path.iterdir()] == ["back"]


def test_an_upload_that_broke_off_sends_only_what_is_missing(
    own_gcs: OwnGcs, opened: Opened, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, note = opened(own_gcs), Memo.sent

    def note_and_kill(*said: Any) -> None:
        note(*said)
        own_gcs.kill()

    with monkeypatch.context() as patch:
        patch.setattr(Memo, "sent", note_and_kill)
        with pytest.raises(Unavailable):
            store.put("large", large)
    own_gcs.start()
    with pytest.raises(NotFound):
        store.stat("large")
    before = len(own_gcs.requests())
    told: list[int] = []
    info = store.put("large", large, progress=told.append)
    assert sum(told) == LARGE
    sent = [r for r in own_gcs.requests()[before:] if r["method"] == "PUT"]
    assert 0 < len(sent) < 5
    assert store.read("large") == large.read_bytes()
    assert store.stat("large") == info


def test_a_conditional_stream_that_broke_off_goes_on_inside_a_part(
    gcs_server: OwnGcs, opened: Opened, large: Path
) -> None:
    store = opened(gcs_server)
    gcs_server.control.fault(
        method="PUT", contains=f"{store.root[5:]}/o?", cut_after=3 * MIB + 5, times=1
    )
    store.put("large", large, if_absent=True)
    ranges = [str(r["headers"]["content-range"]) for r in asked(gcs_server, store, "PUT")]
    assert ranges[0] == f"bytes */{LARGE}"
    assert ranges[1] == f"bytes {3 * MIB}-{LARGE - 1}/{LARGE}"
    assert store.read("large") == large.read_bytes()
    with pytest.raises(Conflict):
        store.put("large", large, if_absent=True)


def test_a_stream_of_which_nothing_is_taken_is_given_up(
    gcs_server: OwnGcs, opened: Opened, large: Path
) -> None:
    store = opened(gcs_server)
    gcs_server.control.fault(method="PUT", contains=f"{store.root[5:]}/o?", status=308, times=50)
    with pytest.raises(Unavailable, match="takes no more"):
        store.put("large", large, if_absent=True)
    assert len(asked(gcs_server, store, "PUT")) < 20


def test_a_file_that_is_touched_after_its_stream_was_taken_is_no_conflict(
    gcs_server: OwnGcs, opened: Opened, tmp_path: Path
) -> None:
    (tmp_path / "x").write_bytes(bytes(17 * MIB))
    store, told = opened(gcs_server), [0]

    def touch(count: int) -> None:
        told[0] += count
        if told[0] == 17 * MIB:
            os.utime(tmp_path / "x", (1, 1))

    info = store.put("x", tmp_path / "x", if_absent=True, progress=touch)
    assert store.stat("x") == info


def test_a_conditional_stream_outlives_a_killed_server(
    own_gcs: OwnGcs, opened: Opened, large: Path
) -> None:
    store = opened(own_gcs)
    told: list[int] = []

    def tell(count: int) -> None:
        told.append(count)
        if sum(told) > LARGE // 2:
            own_gcs.kill()

    with pytest.raises(Unavailable):
        store.put("large", large, if_absent=True, progress=tell)
    own_gcs.start()
    again: list[int] = []
    store.put("large", large, if_absent=True, progress=again.append)
    assert sum(again) == LARGE
    last = str(asked(own_gcs, store, "PUT")[-1]["headers"]["content-range"])  # type: ignore[index]
    start, end = last.removeprefix("bytes ").removesuffix(f"/{LARGE}").split("-")
    assert int(start) > LARGE // 4
    assert int(end) == LARGE - 1
    assert store.read("large") == large.read_bytes()


def test_an_overloaded_server_is_asked_again(gcs_server: OwnGcs, opened: Opened) -> None:
    store = opened(gcs_server)
    gcs_server.control.fault(contains=store.root[5:], status=503, times=3)
    store.put("x", b"1")
    assert [r["status"] for r in asked(gcs_server, store, "POST")][-4:] == [503, 503, 503, 200]


def test_a_conditional_put_whose_answer_was_lost_is_known_as_ours(
    gcs_server: OwnGcs, opened: Opened
) -> None:
    store = opened(gcs_server)
    gcs_server.control.fault(method="POST", contains=store.root[5:], lose_answer=True)
    info = store.put("x", b"1", if_absent=True)
    assert [r["status"] for r in asked(gcs_server, store, "POST")] == [200, 412]
    assert store.stat("x") == info
    with pytest.raises(Conflict):
        store.put("x", b"1", if_absent=True)


def test_bytes_that_changed_on_their_way_are_never_a_file(
    gcs_server: OwnGcs, opened: Opened, large: Path, tmp_path: Path
) -> None:
    store = opened(gcs_server)
    store.put("small", b"hello")
    store.put("large", large)
    corrupt = {"method": "GET", "corrupt": True}
    gcs_server.control.fault(**corrupt, contains="small?alt=media")
    with pytest.raises(Corrupt):
        store.read("small")
    gcs_server.control.fault(**corrupt, contains="large?alt=media")
    with pytest.raises(Corrupt, match=r"gs://.*large"):
        store.get("large", tmp_path / "large")
    gcs_server.control.fault(**corrupt, contains="/small")
    with pytest.raises(Corrupt):
        store.get_many(["small"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == []


@pytest.mark.parametrize("size", [1, LARGE])
def test_of_writers_who_want_to_be_first_exactly_one_wins(
    gcs_server: OwnGcs, opened: Opened, tmp_path: Path, size: int
) -> None:
    store = opened(gcs_server)
    wins: list[bytes] = []

    def write(word: bytes) -> None:
        path = tmp_path / word.decode()
        path.write_bytes(word * size)
        try:
            store.put("x", path, if_absent=True)
            wins.append(word)
        except Conflict:
            pass

    threads = [threading.Thread(target=write, args=(w,)) for w in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wins) == 1
    assert store.read("x", 0, 3) == (wins[0] * 3)[: min(3, size)]


def test_a_source_that_changes_is_not_moved_away(gcs_server: OwnGcs, opened: Opened) -> None:
    store = opened(gcs_server)
    store.put("a", b"1")
    gcs_server.control.fault(method="DELETE", contains=store.root[5:], status=412)
    with pytest.raises(Conflict):
        store.move("a", "b")
    assert store.read("a") == store.read("b") == b"1"


def test_links_let_a_stranger_read_and_write_for_a_time(closed_gcs: OwnGcs, opened: Opened) -> None:
    store = opened(closed_gcs)
    store.put("a b/ü", b"1")
    with urllib.request.urlopen(store.presign("a b/ü"), timeout=30) as answer:
        assert answer.read() == b"1"
    link = store.presign("new", method="PUT", expires_s=60)
    put = urllib.request.Request(link, data=b"2", method="PUT")
    with urllib.request.urlopen(put, timeout=30):
        assert store.read("new") == b"2"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(link, timeout=30)  # for PUT only
    with pytest.raises(BadInput, match="seven days"):
        store.presign("x", expires_s=8 * 86_400)
    with pytest.raises(BadInput, match="DELETE"):
        store.presign("x", method="DELETE")


def test_a_link_to_write_demands_the_key_of_cloud_kms(closed_gcs: OwnGcs, opened: Opened) -> None:
    store = opened(closed_gcs, encryption=f"cmek:{KEY}")
    link = store.presign("x", method="PUT")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(urllib.request.Request(link, data=b"1", method="PUT"), timeout=30)
    headers = {"x-goog-encryption-kms-key-name": KEY}
    put = urllib.request.Request(link, data=b"1", method="PUT", headers=headers)
    with urllib.request.urlopen(put, timeout=30):
        assert store.stat("x").encryption == f"{KEY}/cryptoKeyVersions/1"


def test_nobody_signs_no_link(
    gcs_server: OwnGcs, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(gcs_server)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    with pytest.raises(Unauthorised, match="cannot be signed"):
        store.presign("x")


@pytest.mark.parametrize("which", ["gcs_server", "closed_gcs"])
def test_polars_reads_with_what_the_store_tells_it(
    which: str, request: pytest.FixtureRequest, opened: Opened, tmp_path: Path
) -> None:
    import subprocess
    import sys

    import polars

    server = request.getfixturevalue(which)
    store = opened(server)
    polars.DataFrame({"a": [1, 2]}).write_parquet(tmp_path / "x.parquet")
    store.put("x.parquet", tmp_path / "x.parquet")
    uri = f"{store.root}/x.parquet"
    code = (
        "import json, sys, polars; uri, options = sys.argv[1], json.load(sys.stdin);"
        "print(polars.scan_parquet(uri, storage_options=options).collect()['a'].sum())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, uri],
        input=json.dumps(storage_options(uri)),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "3", done.stderr[-800:]


def test_odd_keys_are_kept_as_they_are(
    gcs_server: OwnGcs, opened: Opened, tmp_path: Path, large: Path
) -> None:
    store = opened(gcs_server)
    keys = ["a//b", "ü ?#%2F+&=", "x/", "a/../b", "q'\"<>"]
    for key in keys:
        assert store.read(store.put(key, key.encode()).key) == key.encode()
    store.put_many(dict.fromkeys(keys, b"many"))
    assert [info.key for info in store.walk()] == sorted(keys)
    assert [store.read(key) for key in keys] == [b"many"] * len(keys)
    store.put("a/../large", large)
    assert store.stat("a/../large").size == LARGE
    for key in ("", "a\nb", "x" * 1025):
        with pytest.raises(BadInput):
            store.put(key, b"")


def test_the_public_emulator_takes_large_files_and_conditions_too(
    fake_gcs_server: FakeGcsServer, opened: Opened, large: Path, tmp_path: Path
) -> None:
    store = opened(fake_gcs_server)
    info = store.put("large", large)
    store.get("large", tmp_path / "back", if_match=info.etag)
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    with pytest.raises(Conflict):
        store.put("large", b"x", if_absent=True)
    with pytest.raises(Conflict):
        store.read("large", if_match="123")
    store.put_many({f"m/{n}": b"1" for n in range(30)})
    assert len(store.get_many([f"m/{n}" for n in range(30)], tmp_path / "m")) == 30


def test_errors_name_the_object_and_the_way_out(opened: Opened, gcs_server: OwnGcs) -> None:
    store = opened(gcs_server)
    with pytest.raises(NotFound, match=f"there is no object {store.root}/nope"):
        store.read("nope")
    gone = opened(gcs_server, "b", endpoint="http://127.0.0.1:9")
    with pytest.raises(Unavailable, match=r"gs://b/x.*see whether the endpoint is right"):
        gone.read("x")
    with pytest.raises(CloudMLError, match="gs://b/x"):
        gone.put_many({"x": b"1"})
