from __future__ import annotations

import json
import subprocess
import sys
import threading
import traceback
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from jupyter_cloudml.core.errors import (
    BadInput,
    Conflict,
    Corrupt,
    NotFound,
    PermissionDenied,
    Unauthorised,
    Unavailable,
)
from jupyter_cloudml.stores.azure.account import account_of
from jupyter_cloudml.stores.azure.store import AzureStore
from jupyter_cloudml.stores.config import StoreOptions
from jupyter_cloudml.stores.open import storage_options
from jupyter_cloudml.testing.proxy import FaultyProxy, Seen
from tests.engines.azurite import Azurite

from .conftest import Opened

MIB = 1 << 20
LARGE = 40 * MIB
PART = 16 * MIB


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is sent in three blocks; no two of its pages are the same."""
    path = tmp_path_factory.mktemp("large") / "data"
    path.write_bytes(b"".join(n.to_bytes(4, "big") * 1024 for n in range(LARGE // 4096)))
    return path


def test_the_encryption_scope_is_named_by_every_request_that_makes_a_blob(
    azure_server: Azurite, line: FaultyProxy, opened: Opened, large: Path
) -> None:
    store = opened(azure_server, line=line, encryption="cmk:finance")
    store.put("small", b"1")
    store.put("large", large)
    store.put("first", large, if_absent=True)
    store.put_many({"many": b"2"})
    store.copy("small", "copied")
    makers = [seen for seen in line.seen if seen.method == "PUT"]
    assert len(makers) == 2 + 2 * (3 + 1) + 1
    assert {seen.headers.get("x-ms-encryption-scope") for seen in makers} == {"finance"}
    reads = {seen.headers.get("x-ms-encryption-scope") for seen in line.seen if seen not in makers}
    assert reads <= {None}


def test_an_encryption_of_another_vendor_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(BadInput, match=r"AES256.*none of Azure"):
        AzureStore.from_options("az://c", StoreOptions(encryption="AES256"))


def test_a_wrong_key_is_unauthorised_and_no_secret_is_told(
    azure_server: Azurite, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    container = azure_server.new_bucket()
    opened(azure_server, container)
    wrong = Azurite()
    wrong.ports = azure_server.ports
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", wrong.connection_string)
    store = AzureStore.from_options(f"az://{container}", StoreOptions())
    for call in (
        store.list,
        lambda: store.put("x", b""),
        lambda: store.get_many(["x"], tmp_path),
        lambda: store.stat("x"),
    ):
        with pytest.raises((Unauthorised, PermissionDenied)) as caught:
            call()
        told = "".join(traceback.format_exception(caught.value))
        assert wrong.key not in told
        assert "az login" in str(caught.value) or "Data Contributor" in str(caught.value)
    assert wrong.key not in repr(account_of(StoreOptions(), wrong.environ))
    monkeypatch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING", wrong.connection_string.replace(wrong.key, "?")
    )
    with pytest.raises(BadInput, match="not base64"):
        AzureStore.from_options(f"az://{container}", StoreOptions()).list()


def test_a_sas_is_enough_and_an_expired_one_is_not(
    azure_server: Azurite, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from datetime import datetime, timedelta, timezone

    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    container = azure_server.new_bucket()
    opened(azure_server, container)
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING")
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", azure_server.endpoint)

    def store_until(hours: float) -> AzureStore:
        sas = generate_container_sas(
            azure_server.account,
            container,
            azure_server.key,
            permission=ContainerSasPermissions.from_string("racwdl"),
            start=datetime.now(timezone.utc) - timedelta(hours=9),
            expiry=datetime.now(timezone.utc) + timedelta(hours=hours),
        )
        monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", f"?{sas}")
        return AzureStore.from_options(f"az://{container}", StoreOptions())

    store = store_until(1)
    store.put("a b/ü", b"1")
    store.copy("a b/ü", "copy")
    assert [info.key for info in store.walk()] == ["a b/ü", "copy"]
    assert store.read("copy") == b"1"
    with pytest.raises(BadInput, match="a SAS cannot sign links"):
        store.presign("copy")
    with pytest.raises((Unauthorised, PermissionDenied)) as caught:
        store_until(-1).read("copy")
    assert "sig=" not in "".join(traceback.format_exception(caught.value))
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", "http://127.0.0.1:9/cloudml")
    with pytest.raises(Unavailable) as lost:
        store_until(1).read("copy")
    assert "sig=" not in "".join(traceback.format_exception(lost.value))


def test_nobody_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="AZURE_STORAGE_ACCOUNT, or endpoint"):
        account_of(StoreOptions(), {})
    account = account_of(StoreOptions(), {"AZURE_STORAGE_ACCOUNT": "lake"})
    assert (account.endpoint, account.key) == ("https://lake.blob.core.windows.net", None)
    assert account.has_token


def test_a_public_container_is_read_by_nobody(
    azure_server: Azurite, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(azure_server)
    store.put("x", b"1")
    nobody = opened(azure_server, store.root.removeprefix("az://"), anonymous=True)
    with pytest.raises((Unauthorised, PermissionDenied, NotFound)):
        nobody.read("x")
    with azure_server.client() as client:
        client.get_container_client(store.root.removeprefix("az://")).set_container_access_policy(
            signed_identifiers={}, public_access="container"
        )
    assert nobody.read("x") == b"1"
    with pytest.raises(BadInput, match="cannot be signed"):
        nobody.presign("x")


def test_a_profile_is_a_section_of_the_configuration_of_the_azure_cli(
    azure_server: Azurite, opened: Opened, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(
        f"[work]\nconnection_string = {azure_server.connection_string}\n"
        "[other]\naccount = acme\nkey = aGk=\n"
    )
    container = azure_server.new_bucket()
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING", raising=False)
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    store = AzureStore.from_options(f"az://{container}", StoreOptions(profile="work"))
    assert store.list().objects == ()
    other = account_of(StoreOptions(profile="other"), {"AZURE_CONFIG_DIR": str(tmp_path)})
    assert (other.name, other.key) == ("acme", "aGk=")
    with pytest.raises(BadInput, match="there are: work, other"):
        AzureStore.from_options("az://c", StoreOptions(profile="wrok"))


def test_a_key_does_not_go_to_another_account(azure_server: Azurite) -> None:
    account = account_of(
        StoreOptions(endpoint="https://other.blob.core.windows.net"), azure_server.environ
    )
    assert (account.name, account.key, account.sas) == ("other", None, None)


def test_a_missing_container_is_said_by_name(
    azure_server: Azurite, opened: Opened, tmp_path: Path, large: Path
) -> None:
    missing = opened(azure_server, "no-such-container")
    calls = [
        missing.list,
        lambda: missing.read("x"),
        lambda: missing.stat("x"),
        lambda: missing.put("x", b""),
        lambda: missing.put("x", large),
        lambda: missing.put_many({"x": b""}),
        lambda: missing.get_many(["x"], tmp_path),
        lambda: missing.delete(["x"]),
    ]
    for call in calls:
        with pytest.raises(NotFound, match="there is no container az://no-such-container"):
            call()
    store = opened(azure_server)
    with pytest.raises(NotFound, match=f"there is no object {store.root}/nope"):
        store.read("nope")


def test_a_download_that_broke_off_moves_only_what_is_missing(
    azure_server: Azurite, line: FaultyProxy, opened: Opened, large: Path, tmp_path: Path
) -> None:
    store = opened(azure_server, line=line)
    store.put("large", large)
    line.forget()
    line.cut_down_after = PART + 5 * MIB
    with pytest.raises(Unavailable):
        store.get("large", tmp_path / "back")
    assert not (tmp_path / "back").exists()
    line.forget()
    line.cut_down_after = None
    told: list[int] = []
    store.get("large", tmp_path / "back", progress=told.append)
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    assert sum(told) == LARGE
    assert line.down < LARGE


def test_an_upload_that_broke_off_sends_only_what_is_missing(
    azure_server: Azurite, line: FaultyProxy, opened: Opened, large: Path
) -> None:
    store = opened(azure_server, line=line)

    def tell(_: int) -> None:
        line.cut_up_after = line.up  # a block has arrived: that was the last

    with pytest.raises(Unavailable):
        store.put("large", large, progress=tell)
    line.cut_up_after = None
    line.forget()
    with pytest.raises(NotFound):
        store.stat("large")
    told: list[int] = []
    store.put("large", large, progress=told.append)
    assert sum(told) == LARGE
    assert line.up < LARGE
    assert store.read("large") == large.read_bytes()


def test_a_killed_server_leaves_neither_a_blob_nor_a_file(
    own_azure: Azurite, opened: Opened, large: Path, tmp_path: Path
) -> None:
    store = opened(own_azure)
    store.put("large", large)
    with pytest.raises(Unavailable, match="az://"):
        store.get("large", tmp_path / "back", progress=lambda _: own_azure.kill())
    assert not (tmp_path / "back").exists()
    own_azure.start()
    other = opened(own_azure)
    with pytest.raises(Unavailable, match="az://"):
        other.put("new", large, progress=lambda _: own_azure.kill())
    own_azure.start()
    with pytest.raises(NotFound):
        other.stat("new")


def test_blocks_that_another_upload_threw_away_are_sent_again(
    azure_server: Azurite, line: FaultyProxy, opened: Opened, large: Path
) -> None:
    store, other = opened(azure_server, line=line), None
    other = opened(azure_server, store.root.removeprefix("az://"))
    done: list[int] = []

    def tell(_: int) -> None:
        if not done:
            done.append(1)
            other.put("large", b"in between")

    store.put("large", large, progress=tell)
    assert store.read("large") == large.read_bytes()


def test_a_conditional_put_whose_answer_was_lost_is_known_as_ours(
    azure_server: Azurite, line: FaultyProxy, opened: Opened
) -> None:
    store = opened(azure_server, line=line)
    container = store.root.removeprefix("az://")
    lost: list[int] = []
    direct = opened(azure_server, container)

    def answer(seen: Seen) -> bytes | None:
        """The request arrives, and the client hears of an overload."""
        if seen.method != "PUT" or lost:
            return None
        lost.append(1)
        mark = seen.headers["x-ms-meta-cloudml_writer"]
        with azure_server.client() as client:
            blob = client.get_blob_client(container, "x")
            blob.upload_blob(b"1", metadata={"cloudml_writer": mark})
        return b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"

    line.answer = answer
    info = store.put("x", b"1", if_absent=True)
    assert direct.stat("x").etag == info.etag
    with pytest.raises(Conflict):
        store.put("x", b"1", if_absent=True)


def test_bytes_that_changed_on_their_way_are_never_a_file(
    azure_server: Azurite, line: FaultyProxy, opened: Opened, large: Path, tmp_path: Path
) -> None:
    store = opened(azure_server, line=line)
    store.put("small", b"x" * 2000)
    store.put("large", large)
    line.flip = True
    with pytest.raises(Corrupt):
        store.read("small")
    with pytest.raises(Corrupt):
        store.get("small", tmp_path / "small")
    with pytest.raises(Corrupt, match=r"az://.*large"):
        store.get("large", tmp_path / "large")
    with pytest.raises(Corrupt):
        store.get_many(["small"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == []


@pytest.mark.parametrize("size", [1, LARGE])
def test_of_writers_who_want_to_be_first_exactly_one_wins(
    azure_server: Azurite, opened: Opened, tmp_path: Path, size: int
) -> None:
    store = opened(azure_server)
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


def test_links_let_a_stranger_read_and_write_for_a_time(
    azure_server: Azurite, opened: Opened
) -> None:
    store = opened(azure_server)
    store.put("a b/ü", b"1")
    with urllib.request.urlopen(store.presign("a b/ü"), timeout=30) as answer:
        assert answer.read() == b"1"
    link = store.presign("new", method="PUT", expires_s=60)
    put = urllib.request.Request(
        link, data=b"2", method="PUT", headers={"x-ms-blob-type": "BlockBlob"}
    )
    with urllib.request.urlopen(put, timeout=30):
        assert store.read("new") == b"2"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(link, timeout=30)  # for PUT only
    with pytest.raises(BadInput, match="seven days"):
        store.presign("x", expires_s=8 * 86_400)


def test_checksums_are_those_of_the_service_or_our_own(
    azure_server: Azurite, opened: Opened, large: Path
) -> None:
    store = opened(azure_server)
    assert store.put("small", b"hello").checksum == "md5:5d41402abc4b2a76b9719d911017c592"
    assert store.stat("small").checksum == "md5:5d41402abc4b2a76b9719d911017c592"
    info = store.put("large", large)
    assert info.checksum is not None
    assert info.checksum.startswith("crc32c:")
    assert store.stat("large") == info


def test_odd_keys_are_kept_as_they_are_or_refused(azure_server: Azurite, opened: Opened) -> None:
    store = opened(azure_server)
    keys = ["a//b", "ü ?#%2F+&=", "x/", "q'\"<>"]
    for key in keys:
        assert store.read(store.put(key, key.encode()).key) == key.encode()
    assert [info.key for info in store.walk()] == sorted(keys)
    for key in ("", "a\nb", "a/../b", "./a", "x" * 1025):
        with pytest.raises(BadInput):
            store.put(key, b"")


def test_polars_reads_with_what_the_store_tells_it(
    azure_server: Azurite, opened: Opened, tmp_path: Path
) -> None:
    import polars

    store = opened(azure_server)
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
