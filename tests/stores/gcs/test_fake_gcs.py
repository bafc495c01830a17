"""Our fake against the vendor's own client, which knows the service better than we do."""

from __future__ import annotations

import datetime
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage import transfer_manager
from google.oauth2 import service_account

from tests.engines.own_gcs import OwnGcs

MIB = 1 << 20
KEY = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"
RESUMABLE_QUANTUM = 256 << 10


@pytest.fixture
def client(gcs_server: OwnGcs) -> Iterator[storage.Client]:
    made = storage.Client(
        project="cloudml",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": gcs_server.endpoint},
    )
    yield made
    made.close()


@pytest.fixture
def bucket(client: storage.Client, gcs_server: OwnGcs) -> storage.Bucket:
    return client.bucket(gcs_server.new_bucket())


def test_what_was_uploaded_comes_back_with_its_hashes(bucket: storage.Bucket) -> None:
    blob = bucket.blob("a/ü b+c?.bin")
    blob.upload_from_string(b"hello", checksum="crc32c")
    found = bucket.get_blob("a/ü b+c?.bin")
    assert (found.size, found.crc32c, found.md5_hash) == (5, "mnG7TA==", "XUFAKrxLKna5cZ2REBfFkg==")
    assert found.download_as_bytes(checksum="md5") == b"hello"
    assert found.download_as_bytes(start=1, end=3) == b"ell"


def test_a_wrong_checksum_stores_nothing(bucket: storage.Bucket, tmp_path: Path) -> None:
    blob = bucket.blob("x")
    blob.md5_hash = "XUFAKrxLKna5cZ2REBfFkg=="
    with pytest.raises(exceptions.BadRequest):
        blob.upload_from_string(b"other")
    assert bucket.get_blob("x") is None


def test_preconditions_let_one_of_two_writers_win(bucket: storage.Bucket) -> None:
    blob = bucket.blob("x")
    blob.upload_from_string(b"1", if_generation_match=0)
    first = blob.generation
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("x").upload_from_string(b"2", if_generation_match=0)
    bucket.blob("x").upload_from_string(b"3", if_generation_match=first)
    with pytest.raises(exceptions.PreconditionFailed):
        bucket.blob("x").delete(if_generation_match=first)
    assert bucket.blob("x").download_as_bytes() == b"3"


def test_pages_and_prefixes_are_complete_and_in_order(bucket: storage.Bucket) -> None:
    names = [f"d{i % 7}/{i:03}" for i in range(60)] + ["d0", "z"]
    for name in names:
        bucket.blob(name).upload_from_string(b"")
    assert [b.name for b in bucket.list_blobs(page_size=7)] == sorted(names)
    listing = bucket.list_blobs(delimiter="/", page_size=2)
    assert [b.name for b in listing] == ["d0", "z"]
    assert listing.prefixes == {f"d{i}/" for i in range(7)}
    assert [
        b.name for b in bucket.list_blobs(prefix="d0", start_offset="d0/01", end_offset="d0/4")
    ] == [name for name in sorted(names) if name.startswith("d0/") and "d0/01" <= name < "d0/4"]


def test_a_resumable_session_tells_what_it_has_and_goes_on_there(
    bucket: storage.Bucket, gcs_server: OwnGcs
) -> None:
    data = bytes(range(256)) * 8192
    session = bucket.blob("big").create_resumable_upload_session(size=len(data))
    gcs_server.control.fault(method="PUT", contains=session[-32:], cut_after=700_000)
    with pytest.raises(OSError):  # noqa: PT011 - reset or broken pipe, as the system has it
        put(session, data, f"bytes 0-{len(data) - 1}/{len(data)}")
    status, headers = put(session, b"", f"bytes */{len(data)}")
    have = 2 * RESUMABLE_QUANTUM
    assert (status, headers["Range"]) == (308, f"bytes=0-{have - 1}")
    assert bucket.get_blob("big") is None
    status, _ = put(session, data[have:], f"bytes {have}-{len(data) - 1}/{len(data)}")
    assert status == 200
    assert bucket.blob("big").download_as_bytes() == data


def put(url: str, data: bytes, content_range: str) -> tuple[int, Any]:
    request = urllib.request.Request(
        url, data=data, method="PUT", headers={"Content-Range": content_range}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers
    except urllib.error.HTTPError as exc:
        exc.close()
        return exc.code, exc.headers


def test_parts_in_parallel_make_one_object_without_md5(
    bucket: storage.Bucket, tmp_path: Path
) -> None:
    path = tmp_path / "big"
    path.write_bytes(bytes(range(256)) * (11 * MIB // 256))
    transfer_manager.upload_chunks_concurrently(
        str(path), bucket.blob("big"), chunk_size=5 * MIB, worker_type="thread", max_workers=3
    )
    found = bucket.get_blob("big")
    assert (found.size, found.md5_hash) == (11 * MIB, None)
    assert found.download_as_bytes(checksum="crc32c") == path.read_bytes()


def test_key_names_are_kept_and_copies_have_their_own(bucket: storage.Bucket) -> None:
    bucket.blob("x", kms_key_name=KEY).upload_from_string(b"1")
    assert bucket.get_blob("x").kms_key_name == f"{KEY}/cryptoKeyVersions/1"
    bucket.blob("y").rewrite(bucket.blob("x"))
    assert bucket.get_blob("y").kms_key_name is None


def test_objects_and_sessions_outlive_a_killed_server(own_gcs: OwnGcs) -> None:
    client = storage.Client(
        project="p",
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": own_gcs.endpoint},
    )
    bucket = client.bucket(own_gcs.new_bucket())
    bucket.blob("x").upload_from_string(b"1")
    session = bucket.blob("y").create_resumable_upload_session(size=3)
    own_gcs.kill()
    own_gcs.start()
    assert bucket.blob("x").download_as_bytes() == b"1"
    put = urllib.request.Request(session, data=b"abc", method="PUT")
    with urllib.request.urlopen(put, timeout=30) as answer:
        assert answer.status == 200
    assert [blob.name for blob in bucket.list_blobs()] == ["x", "y"]
    client.close()


def account(server: OwnGcs) -> Any:
    return service_account.Credentials.from_service_account_file(
        str(server.control.account_file), scopes=["https://www.googleapis.com/auth/cloud-platform"]
    )


def test_tokens_are_asked_for_and_expire(closed_gcs: OwnGcs) -> None:
    name = closed_gcs.new_bucket()
    options = {"api_endpoint": closed_gcs.endpoint}
    client = storage.Client(project="p", credentials=account(closed_gcs), client_options=options)
    client.bucket(name).blob("x").upload_from_string(b"1")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{closed_gcs.endpoint}/{name}/x", timeout=30)
    closed_gcs.control.expire_tokens()
    answer = client._http.get(f"{closed_gcs.endpoint}/{name}/x", max_allowed_time=30)
    assert answer.content == b"1"  # a new token was asked for
    closed_gcs.control.deny(name)
    with pytest.raises(exceptions.Forbidden):
        client.bucket(name).blob("x").download_as_bytes()
    client.close()


def test_signed_links_are_verified(closed_gcs: OwnGcs) -> None:
    client = storage.Client(
        project="p",
        credentials=account(closed_gcs),
        client_options={"api_endpoint": closed_gcs.endpoint},
    )
    blob = client.bucket(closed_gcs.new_bucket()).blob("a b/ü")
    blob.upload_from_string(b"1")
    sign = {
        "version": "v4",
        "expiration": datetime.timedelta(minutes=5),
        "api_access_endpoint": closed_gcs.endpoint,
    }
    with urllib.request.urlopen(blob.generate_signed_url(**sign), timeout=30) as answer:
        assert answer.read() == b"1"
    forged = blob.generate_signed_url(**sign).replace("a%20b", "a%20c")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(forged, timeout=30)
    client.close()
