"""``s3://`` against SeaweedFS: the suite, encryption, configuration, and every way in which S3 says no."""

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

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
from jupyter_cloudml.stores.config import StoreOptions, StoresConfig
from jupyter_cloudml.stores.open import open_store, storage_options
from jupyter_cloudml.stores.s3.errors import error_of
from jupyter_cloudml.stores.s3.store import S3Store
from jupyter_cloudml.testing import StoreSuite

pytestmark = pytest.mark.engine


class TestS3(StoreSuite):
    lists_by_key = False

    @pytest.fixture
    def store(self, store):
        return store

    @pytest.fixture
    def prefix(self, prefix):
        return prefix


# what is kept


def test_the_store_keeps_our_checksum_of_the_whole_and_get_compares_it(store, prefix, tmp_path):
    path = tmp_path / "big"
    path.write_bytes(os.urandom(33 << 20))
    put = store.put(prefix + "big", path)
    assert put.checksum.startswith("crc32c:")
    assert store.stat(prefix + "big").checksum == put.checksum
    small = store.put(prefix + "small", b"123456789")
    assert small.checksum == store.stat(prefix + "small").checksum == "crc32c:e3069283"


@pytest.mark.parametrize("size", [5_000, 40 << 20])
def test_bytes_that_arrive_changed_are_corrupt_and_nothing_has_the_name(
    store, through, proxy, prefix, tmp_path, size
):
    (tmp_path / "x").write_bytes(os.urandom(size))
    store.put(prefix + "x", tmp_path / "x")
    proxy.flip = True
    with pytest.raises(Corrupt, match=prefix + "x"):
        through().get(prefix + "x", tmp_path / "out" / "x")
    assert list((tmp_path / "out").iterdir()) == []
    proxy.flip = False
    through().get(prefix + "x", tmp_path / "out" / "x")
    assert (tmp_path / "out" / "x").read_bytes() == (tmp_path / "x").read_bytes()


@pytest.mark.parametrize(
    ("encryption", "headers"),
    [
        ("AES256", {"x-amz-server-side-encryption": "AES256"}),
        (
            "aws:kms:alias/lake",
            {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": "alias/lake",
            },
        ),
    ],
)
def test_encryption_headers_are_really_on_the_requests(
    through, proxy, prefix, tmp_path, encryption, headers
):
    """SeaweedFS has no KMS, so a recording server answers for it; what is put at once, in parts, in masses and copied."""
    (tmp_path / "big").write_bytes(os.urandom(17 << 20))
    store = through(encryption=encryption)
    if "kms" in encryption:
        proxy.answer = _yes_to_writes
    store.put(prefix + "one", b"1")
    store.put(prefix + "big", tmp_path / "big")
    store.put_many({prefix + "many": b"1"})
    if "kms" not in encryption:
        store.copy(prefix + "one", prefix + "copy")
    makers = [
        seen
        for seen in proxy.seen
        if seen.method in ("PUT", "POST")
        and "partNumber" not in seen.target
        and "uploadId" not in seen.target
    ]
    assert len(makers) == (3 if "kms" in encryption else 4)
    for seen in makers:
        assert {name: seen.headers.get(name) for name in headers} == headers, seen
    if "kms" not in encryption:
        assert store.stat(prefix + "one").encryption == "AES256"


def _yes_to_writes(seen):
    if seen.method not in ("PUT", "POST"):
        return None
    body = b""
    if "uploads" in seen.target:
        body = (
            b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
        )
    elif "uploadId" in seen.target and seen.method == "POST":
        body = b"<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
    return b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Length: %d\r\n\r\n' % len(body) + body


# who and where


def test_options_come_from_cloudml_toml_by_the_longest_uri(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cloudml.toml").write_text(
        '[stores.all]\nuri = "s3://lake"\nendpoint = "http://127.0.0.1:1"\n'
        '[stores.part]\nuri = "s3://lake/part/"\nencryption = "aws:kms:k"\nregion = "eu-west-3"\n'
    )
    from jupyter_cloudml.stores.config import load_stores

    config = load_stores(tmp_path, user_file=tmp_path / "none.toml")
    assert config.options_for("s3://lake/x").endpoint == "http://127.0.0.1:1"
    assert config.options_for("s3://lake/part/x").region == "eu-west-3"
    assert config.options_for("s3://lake/party").region is None
    assert config.options_for("s3://lakes/x") == StoreOptions()
    assert StoresConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[stores.x]\nurl = "s3://b"', "stores.x.url"),
        ('[stores.x]\nregion = "r"', "has no uri"),
        ('[stores.x]\nuri = "s3://"', "names no bucket"),
        ('[stores.x]\nuri = "s3://b"\nencryption = "rot13"', "rot13"),
        ('[stores]\nx = "s3://b"', "should be a table"),
        ("stores = 3", "should be a table"),
    ],
)
def test_a_wrong_option_names_the_file_and_the_value(tmp_path, text, said):
    from jupyter_cloudml.stores.config import load_stores

    (tmp_path / "cloudml.toml").write_text(text)
    with pytest.raises(BadInput, match=said) as caught:
        load_stores(tmp_path, user_file=tmp_path / "none.toml")
    assert "cloudml.toml" in str(caught.value)


SAYS_KEYS = """
import datetime, json, pathlib, sys
here = pathlib.Path(sys.argv[1])
with (here / "asked").open("a") as asked:
    asked.write("x")
now = datetime.datetime.now(datetime.timezone.utc)
told = {"Version": 1, "Expiration": (now + datetime.timedelta(seconds=2)).isoformat()}
print(json.dumps({**told, **json.loads((here / "keys.json").read_text())}))
"""


def test_keys_that_run_out_are_asked_for_again_and_the_same_store_goes_on(
    s3_server, bucket, tmp_path, monkeypatch
):
    def hand_out(secret):
        told = {"AccessKeyId": s3_server.access_key, "SecretAccessKey": secret}
        (tmp_path / "keys.json").write_text(json.dumps(told))

    (tmp_path / "says.py").write_text(SAYS_KEYS)
    (tmp_path / "config").write_text(
        f"[profile short]\nregion = us-east-1\nendpoint_url = {s3_server.endpoint}\n"
        f"credential_process = {sys.executable} {tmp_path / 'says.py'} {tmp_path}\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    config = StoresConfig({"x": StoreOptions(uri=f"s3://{bucket}", profile="short")})
    hand_out(s3_server.secret_key)
    store, key = open_store(f"s3://{bucket}/rotated/x", config=config)
    store.put(key, b"first")
    asked = len((tmp_path / "asked").read_text())
    assert store.read(key) == b"first"
    assert len((tmp_path / "asked").read_text()) > asked, "they run out within seconds"
    hand_out("no longer the one")
    with pytest.raises(Unauthorised):
        store.put(key, b"second")
    hand_out(s3_server.secret_key)
    store.put(key, b"third")
    assert store.read(key) == b"third"
    [info] = store.walk("rotated/")
    assert info.size == 5


def test_a_named_profile_brings_keys_and_endpoint(s3_server, bucket, tmp_path, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text(
        f"[profile work]\nendpoint_url = {s3_server.endpoint}\nregion = us-east-1\n"
    )
    (tmp_path / "credentials").write_text(
        f"[work]\naws_access_key_id = {s3_server.access_key}\n"
        f"aws_secret_access_key = {s3_server.secret_key}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    config = StoresConfig({"x": StoreOptions(uri=f"s3://{bucket}", profile="work")})
    store, key = open_store(f"s3://{bucket}/profile/x", config=config)
    store.put(key, b"1")
    store.put_many({key: b"2"})
    assert store.read(key) == b"2"
    found = storage_options(f"s3://{bucket}/x", config=config)
    assert found["aws_endpoint_url"] == s3_server.endpoint
    assert found["aws_secret_access_key"] == s3_server.secret_key
    wrong = StoresConfig({"x": StoreOptions(uri=f"s3://{bucket}", profile="nobody")})
    with pytest.raises(BadInput, match="nobody"):
        open_store(f"s3://{bucket}/x", config=wrong)[0].list()


def test_without_credentials_it_says_so(bucket, monkeypatch, s3_server, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store = S3Store(f"s3://{bucket}", StoreOptions(endpoint=s3_server.endpoint))
    for ask in (lambda: store.list(), lambda: store.get_many(["x"], tmp_path)):
        with pytest.raises(Unauthorised, match="no credentials"):
            ask()


def test_wrong_keys_are_unauthorised_and_never_shown(bucket, chain, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    store = S3Store(f"s3://{bucket}", StoreOptions())
    for ask in (
        lambda: store.list(),
        lambda: store.stat("x"),
        lambda: store.put("x", b"1"),
        lambda: store.get("x", tmp_path / "x"),
        lambda: store.get_many(["x"], tmp_path),
        lambda: store.put_many({"x": b"1"}),
        lambda: store.delete(["x"]),
    ):
        with pytest.raises(Unauthorised, match="does not accept") as caught:
            ask()
        assert "not-the-secret" not in repr(caught.value) + repr(store)


def test_a_bucket_that_is_not_there(chain, tmp_path):
    store = S3Store("s3://no-such-bucket-here", StoreOptions())
    for ask in (
        lambda: store.stat("x"),
        lambda: store.read("x"),
        lambda: store.get("x", tmp_path / "x"),
        lambda: store.get_many(["x"], tmp_path),
        lambda: store.list(),
    ):
        with pytest.raises(NotFound, match="no bucket s3://no-such-bucket-here"):
            ask()


@pytest.mark.parametrize(
    ("status", "code", "more", "kind", "said"),
    [
        (400, "ExpiredToken", "", Unauthorised, "have expired"),
        (403, "AccessDenied", "", PermissionDenied, "may not"),
        (301, "PermanentRedirect", "", BadInput, "region eu-north-1|another region"),
        (
            400,
            "AuthorizationHeaderMalformed",
            "<Region>eu-north-1</Region>",
            BadInput,
            "eu-north-1",
        ),
        (503, "SlowDown", "", Unavailable, "SlowDown|503"),
    ],
)
def test_what_aws_says_when_it_says_no(
    through, proxy, tmp_path, status, code, more, kind, said, monkeypatch
):
    """Answers as AWS documents them, to boto3's and to obstore's requests, and to HEAD, whose answer has no body."""
    body = f"<Error><Code>{code}</Code><Message>m</Message>{more}</Error>".encode()

    def answer(seen):
        sent = b"" if seen.method == "HEAD" else body
        head = f"HTTP/1.1 {status} No\r\nContent-Type: application/xml\r\n"
        head += "x-amz-bucket-region: eu-north-1\r\n" if status == 301 else ""
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + sent

    proxy.answer = answer
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    store = through()
    asks = [lambda: store.stat("x"), lambda: store.list(), lambda: store.put("x", b"1")]
    if status != 503:  # obstore tries again for a while
        asks.append(lambda: store.get_many(["x"], tmp_path))
    for ask in asks:
        with pytest.raises(kind, match=said):
            ask()


def test_nobody_listens(bucket, chain, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    store = S3Store(f"s3://{bucket}", StoreOptions(endpoint=f"http://127.0.0.1:{port}"))
    for ask in (
        lambda: store.list(),
        lambda: store.read("x"),
        lambda: store.get_many(["x"], tmp_path),
    ):
        with pytest.raises(Unavailable, match=f"s3://{bucket}") as caught:
            ask()
        assert caught.value.retryable


def test_a_presigned_link_runs_out_and_allows_one_thing(store, prefix):
    store.put(prefix + "x", b"1")
    link = store.presign(prefix + "x", method="PUT", expires_s=60)
    request = urllib.request.Request(link, data=b"from outside", method="PUT")
    with urllib.request.urlopen(request, timeout=30):
        pass
    assert store.read(prefix + "x") == b"from outside"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(link, timeout=30)
    caught.value.close()


def test_a_closed_set_of_keys_is_not_needed_to_open(tmp_path):
    """Opening talks to nobody and imports no SDK."""
    code = (
        "import sys\n"
        "from jupyter_cloudml.stores.open import open_store\n"
        "open_store('s3://bucket/key')\n"
        "heavy = {'boto3', 'botocore', 'obstore', 'google', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)


def test_an_error_of_our_own_is_not_taken_for_the_stores():
    assert error_of(KeyError("x"), "s3://b/k") is None


def test_two_writers_of_one_large_object(bucket, chain, prefix, tmp_path):
    """Both send all parts; the first to finish wins, the other is told and leaves no upload behind."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(os.urandom(17 << 20))
    store = S3Store(f"s3://{bucket}", StoreOptions())
    late = []

    def other(count):
        if not late:
            late.append(count)
            store.put(prefix + "x", tmp_path / "b", if_absent=True)

    with pytest.raises(Conflict, match="first"):
        store.put(prefix + "x", tmp_path / "a", if_absent=True, progress=other)
    assert store.stat(prefix + "x").size == 17 << 20
    store.get(prefix + "x", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == (tmp_path / "b").read_bytes()
    client = store._access.client
    assert not client.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads")
