"""What reads S3 past boto3: what tells that bytes are right, every answer that is not the usual one, and TLS."""

import contextlib
import hashlib
import os
import socket
import ssl
import threading
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from jupyter_cloudml.core.errors import BadInput, Corrupt, NotFound, Unavailable
from jupyter_cloudml.stores.config import StoreOptions
from jupyter_cloudml.stores.s3.access import Access
from jupyter_cloudml.stores.s3.gets import Gets
from jupyter_cloudml.stores.s3.signing import signed
from jupyter_cloudml.stores.s3.sockets import Sockets
from jupyter_cloudml.stores.s3.store import S3Store
from jupyter_cloudml.stores.transfer import many

pytestmark = pytest.mark.engine


@pytest.fixture
def put_all(store, bucket, chain, monkeypatch):
    """``put_all(sources, known_by)``: so that a CRC32C in the metadata, or a checksum, or the etag alone tells of each."""

    def put(sources, known_by):
        if known_by == "metadata":
            store.put_many(sources)
            return
        with monkeypatch.context() as patch:
            if known_by == "etag":
                patch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
            other = S3Store(f"s3://{bucket}", StoreOptions())
            for key, data in sources.items():
                other.put(key, data)

    return put


@pytest.mark.parametrize("known_by", ["metadata", "checksum", "etag"])
def test_small_objects_that_arrive_changed_are_corrupt_too(
    put_all, through, proxy, prefix, tmp_path, known_by
):
    sources = {f"{prefix}{n}": os.urandom(5_000) for n in range(3)}
    put_all(sources, known_by)
    proxy.flip = True
    with pytest.raises(Corrupt, match=prefix):
        through().get_many(sources, tmp_path / "out", strip=prefix)
    assert list((tmp_path / "out").glob("*")) == []


@pytest.mark.parametrize("known_by", ["metadata", "checksum", "etag"])
def test_etags_that_are_no_checksums_cost_a_second_look_once(
    put_all, through, proxy, prefix, tmp_path, known_by
):
    """As S3 has them where it encrypts by a key of KMS. Nothing, where something else tells that the bytes are right."""
    sources = {f"{prefix}{n}": os.urandom(5_000) for n in range(40)}
    put_all(sources, known_by)
    real = many._Etags.allow
    asked = []

    def other(self, etag, data, **_words):
        asked.append(etag)
        return real(self, "0" * 32, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(many._Etags, "allow", other)
        patch.setattr(many, "_GET_THREADS", 4)
        through().get_many(sources, tmp_path / "out", strip=prefix)
    for key, data in sources.items():
        assert (tmp_path / "out" / key.removeprefix(prefix)).read_bytes() == data
    fetched = sum(seen.method == "GET" for seen in proxy.seen)
    assert len(asked) == (40 if known_by == "etag" else 0)
    assert 40 < fetched <= 50 if known_by == "etag" else fetched == 40


def test_a_crc_that_others_left_behind_is_passed_over(store, bucket, prefix, tmp_path):
    """As where a file system over S3 writes new bytes and keeps the metadata. The etag tells that they are right."""
    for number in range(3):
        store._access.client.put_object(
            Bucket=bucket,
            Key=f"{prefix}{number}",
            Body=b"new",
            Metadata={many.CRC_NAME: "00000000"},
        )
    keys = [f"{prefix}{number}" for number in range(3)]
    store.get_many(keys, tmp_path / "out", strip=prefix)
    assert {path.read_bytes() for path in (tmp_path / "out").iterdir()} == {b"new"}


def test_the_crc_of_small_objects_is_in_their_metadata(store, bucket, prefix):
    store.put_many({prefix + "x": b"123456789"})
    kept = store._access.client.head_object(Bucket=bucket, Key=prefix + "x")["Metadata"]
    assert kept == {"cloudml-crc32c": "e3069283"}


def test_odd_names_go_another_way(store, prefix, tmp_path):
    keys = [prefix + "line\nbreak", prefix + "dir/"]
    for key in keys:
        store.put(key, b"")
    assert sorted(info.key for info in store.walk(prefix)) == sorted(keys)
    store.put_many({keys[0]: b"1"})
    store.get_many([keys[0]], tmp_path, strip=prefix)
    assert (tmp_path / "line\nbreak").read_bytes() == b"1"


@pytest.mark.parametrize("token", [None, "a/token+of=the session"])
@pytest.mark.parametrize("key", ["plain/name.txt", "a b/ü~(1)*'!@&=+$,;:?.csv"])
def test_requests_are_signed_as_botocore_signs_them(key, token):
    url = f"https://example.org:444/bucket/{quote(key, safe='/-_.~')}"
    request = AWSRequest("GET", url, headers={"host": "example.org:444", "x-amz-meta-a": "b"})
    request.context["payload_signing_enabled"] = True
    S3SigV4Auth(Credentials("AKID", "secret", token), "s3", "eu-north-1").add_auth(request)
    when = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    ours = signed(
        "GET",
        urlsplit(url).path,
        {"host": "example.org:444", "x-amz-meta-a": "b"},
        keys=ReadOnlyCredentials("AKID", "secret", token),
        region="eu-north-1",
        when=when.replace(tzinfo=timezone.utc),
    )
    assert ours == {name.lower(): value for name, value in request.headers.items()}


@pytest.fixture
def usual(store, through, proxy, prefix):
    """Three objects, and the store through a proxy that has been warmed up."""
    sources = {f"{prefix}{n}": os.urandom(5_000) for n in range(3)}
    store.put_many(sources)
    seen = through()
    seen.list(prefix)
    proxy.forget()
    return seen, sources


def answers(proxy, make):
    """The first small GET of each object is answered by ``make(data)``, all else as ever."""
    asked = set()

    def answer(seen):
        is_ours = seen.method == "GET" and seen.headers.get("user-agent") == "jupyter-cloudml"
        if not is_ours or seen.target in asked:
            return None
        asked.add(seen.target)
        return make(seen.target)

    proxy.answer = answer
    return asked


ODD = {
    "an error": b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n",
    "another range": b"HTTP/1.1 206 Partial\r\nContent-Length: 1\r\n\r\nx",
    "of unknown length": b"HTTP/1.1 200 OK\r\n\r\n",
    "in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "of no date": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
    "no http": b"220 mail.example.org ESMTP\r\n\r\n",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "more than was said": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxyz",
    "endless headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 30_000 + b"\r\n",
}


@pytest.mark.parametrize("odd", ODD)
def test_whatever_else_is_answered_the_object_is_asked_for_again(
    usual, proxy, prefix, tmp_path, odd
):
    store, sources = usual
    asked = answers(proxy, lambda _target: ODD[odd])
    infos = store.get_many(sources, tmp_path / "out", strip=prefix)
    assert len(asked) == 3
    assert [info.size for info in infos] == [5_000] * 3
    for key, data in sources.items():
        assert (tmp_path / "out" / key.removeprefix(prefix)).read_bytes() == data


def test_a_server_that_ends_each_connection_is_connected_to_again(usual, proxy, prefix, tmp_path):
    store, sources = usual
    (key,) = [*sources][:1]
    head = f'HTTP/1.1 200 OK\r\nETag: "{hashlib.md5(b"x").hexdigest()}"\r\nConnection: close\r\n'
    head += "Last-Modified: Mon, 23 Nov 2026 01:02:03 GMT\r\nContent-Length: 1\r\n\r\nx"
    proxy.answer = lambda _seen: head.encode()
    for _ in range(3):
        (info,) = store.get_many([key], tmp_path / "out", strip=prefix)
        assert info.modified == datetime(2026, 11, 23, 1, 2, 3, tzinfo=timezone.utc)
    assert len(proxy.seen) == 3


def test_an_idle_connection_that_was_cut_is_no_error(usual, proxy, prefix, tmp_path):
    store, sources = usual
    store.get_many(sources, tmp_path / "out", strip=prefix)
    proxy._reset_all()
    store.get_many(sources, tmp_path / "again", strip=prefix)
    assert len([*(tmp_path / "again").iterdir()]) == 3


def test_what_is_larger_goes_the_way_of_large_ones(usual, prefix, tmp_path, monkeypatch):
    store, sources = usual
    monkeypatch.setattr(many, "_SMALL_BYTES", 4_999)
    store.get_many(sources, tmp_path / "out", strip=prefix)
    for key, data in sources.items():
        assert (tmp_path / "out" / key.removeprefix(prefix)).read_bytes() == data


def test_one_that_is_gone_is_named_and_no_half_is_left(usual, prefix, tmp_path):
    store, sources = usual
    with pytest.raises(NotFound, match=f"{prefix}none"):
        store.get_many([*sources, f"{prefix}none"], tmp_path / "out", strip=prefix)
    assert not [path for path in (tmp_path / "out").glob("*") if path.stat().st_size != 5_000]


def test_a_server_that_dies_between_them_is_unavailable(
    usual, proxy, prefix, tmp_path, monkeypatch
):
    store, sources = usual
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    proxy.cut_down_after = 6_000
    with pytest.raises(Unavailable, match="link to s3:"):
        store.get_many(sources, tmp_path / "out", strip=prefix)


def test_behind_a_proxy_they_go_through_it(store, bucket, proxy, prefix, tmp_path, monkeypatch):
    sources = {f"{prefix}{n}": os.urandom(5_000) for n in range(3)}
    monkeypatch.setenv("HTTP_PROXY", proxy.endpoint)
    monkeypatch.setenv("http_proxy", proxy.endpoint)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    behind = S3Store(f"s3://{bucket}", StoreOptions())
    behind.put_many(sources)
    proxy.forget()
    behind.get_many(sources, tmp_path / "out", strip=prefix)
    for key, data in sources.items():
        assert (tmp_path / "out" / key.removeprefix(prefix)).read_bytes() == data
    assert len(proxy.seen) == 3
    assert all(seen.target.startswith("http://") for seen in proxy.seen)


def test_what_was_left_on_a_connection_is_never_another_objects(usual, proxy, prefix, tmp_path):
    store, sources = usual
    first, second = [*sources][:2]
    evil = _answer(b"EVIL")
    proxy.answer = lambda seen: (
        _answer(b"x" * 8_000) + evil if seen.target.endswith(first) else None
    )
    store.get_many([first], tmp_path, strip=prefix)
    store.get_many([second], tmp_path, strip=prefix)
    assert (tmp_path / second.removeprefix(prefix)).read_bytes() == sources[second]


def _answer(body, more=""):
    head = f'HTTP/1.1 200 OK\r\nETag: "{hashlib.md5(body).hexdigest()}"\r\n{more}'
    head += "Last-Modified: Mon, 23 Nov 2026 01:02:03 GMT\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


HEADS = {
    "with a body": _answer(b"a body"),
    "of a negative length": _answer(b"").replace(b"Length: 0", b"Length: -1"),
    **{name: ODD[name] for name in ("an error", "of no date", "no http")},
}
RANGES = {
    "of another place": b"Content-Range: bytes 1-5000/5001\r\n",
    "of no place": b"",
    "of another object": b'Content-Range: bytes 0-4999/5000\r\nETag: "other"\r\n',
}


@pytest.mark.parametrize("odd", HEADS)
def test_an_odd_answer_to_head_is_asked_for_again(usual, proxy, odd):
    store, sources = usual
    (key,) = [*sources][:1]
    odd_ones = [HEADS[odd]]
    proxy.answer = lambda seen: odd_ones.pop() if seen.method == "HEAD" and odd_ones else None
    assert store.stat(key).size == 5_000
    assert store.read(key) == sources[key]


@pytest.mark.parametrize("odd", RANGES)
def test_a_range_of_something_else_is_asked_for_again(usual, proxy, prefix, tmp_path, odd):
    store, sources = usual
    (key,) = [*sources][:1]
    head = b"HTTP/1.1 206 Partial\r\nContent-Length: 5000\r\n" + RANGES[odd] + b"\r\n"
    asked = answers(proxy, lambda _target: head + bytes(5_000))
    store.get(key, tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == sources[key]
    asked.clear()
    etag = store.stat(key).etag
    assert store.read(key, 0, 5_000, if_match=etag) == sources[key]
    assert len(asked) == 1


def test_a_server_that_refuses_again_and_again_is_asked_the_usual_way(usual, proxy):
    store, sources = usual
    (key,) = [*sources][:1]
    proxy.answer = lambda seen: (
        ODD["an error"] if seen.headers.get("user-agent") == "jupyter-cloudml" else None
    )
    for _ in range(20):
        assert store.read(key) == sources[key]
    ours = [seen for seen in proxy.seen if seen.headers.get("user-agent") == "jupyter-cloudml"]
    assert len(ours) == 16
    store._access.gets._not_before = 0
    proxy.answer = None
    assert store.read(key) == sources[key]
    assert len(proxy.seen) == 16 + 20 + 1


def test_keys_that_are_not_there_and_large_objects_are_no_refusals(usual, prefix, tmp_path):
    store, sources = usual
    for _ in range(20):
        with pytest.raises(NotFound):
            store.stat(f"{prefix}none")
    gets = store._access.gets
    assert all(gets.whole(key, 10) is None for _ in range(8) for key in sources)
    assert gets.stat(next(iter(sources))) is not None


NO_RANGES = [
    (b"", 0, 100, b""),
    (b"", 5, None, b""),
    (b"abcde", 0, 100, b"abcde"),
    (b"abcde", 5, 3, b""),
    (b"abcde", 3, 5, None),
    (b"abcde", 0, 3, None),
]


@pytest.mark.parametrize(("body", "start", "length", "given"), NO_RANGES)
def test_of_a_server_that_knows_no_ranges_no_wrong_bytes_are_taken(
    usual, proxy, prefix, body, start, length, given
):
    store, _ = usual
    proxy.answer = lambda _seen: _answer(body)
    if given is not None:
        assert store.read(f"{prefix}0", start, length) == given
        return
    with pytest.raises(BadInput, match="other bytes"):
        store.read(f"{prefix}0", start, length)


@pytest.mark.parametrize("said", ["bytes 1-5/6", "bytes 0-4/1000", "bytes 0-4/5x", "0-4", ""])
def test_bytes_of_another_range_are_never_taken(usual, proxy, prefix, tmp_path, said):
    store, _ = usual
    head = f"HTTP/1.1 206 Partial\r\nContent-Range: {said}\r\nContent-Length: 5\r\n\r\n"
    proxy.answer = lambda _seen: head.encode() + b"WRONG"
    with pytest.raises(BadInput, match="other bytes"):
        store.read(f"{prefix}0", 0, 100)


def test_an_answer_that_ends_its_connection_is_read_whole(usual, proxy, prefix):
    """By boto3, too: http.client lets go of the connection before its body is read."""
    store, _ = usual
    head = "HTTP/1.0 206 Partial\r\nContent-Range: bytes 0-4/5\r\nContent-Length: 5\r\n\r\n"
    proxy.answer = lambda _seen: head.encode() + b"right"
    assert store.read(f"{prefix}0", 0, 5) == b"right"


def test_many_at_once_are_no_refusals(usual, proxy, prefix, tmp_path):
    store, _ = usual
    many_keys = {f"{prefix}many/{n}": b"x" * 300_000 for n in range(64)}
    store.put_many(many_keys)
    proxy.forget()
    proxy.bytes_per_s = 40 << 20
    store.get_many(many_keys, tmp_path / "out", strip=prefix)
    ours = [seen for seen in proxy.seen if seen.headers.get("user-agent") == "jupyter-cloudml"]
    assert len(ours) == len(proxy.seen) == 64


def test_a_line_break_never_becomes_a_header(usual, proxy, prefix):
    store, sources = usual
    (key,) = [*sources][:1]
    assert not store._access.gets.pour(key, 0, 5_000, 'e"\r\nX-Injected: 1', lambda _data: None)
    assert proxy.seen == []


def test_the_name_of_a_bucket_is_no_part_of_an_address():
    gets = Gets("https://example.org:444/at/", "a?b#c/d", "eu-north-1", None, Sockets(""))
    assert gets._path == "/at/a%3Fb%23c%2Fd"


def test_a_bucket_of_another_region_is_asked_there(chain, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setattr(Access, "_ask_region", lambda _self: "eu-west-1")
    access = Access("s3://bucket", StoreOptions(region="us-east-1"))
    assert access.gets._place == ("https", "s3.eu-west-1.amazonaws.com")
    assert access.gets._region == "eu-west-1"
    named = StoreOptions(region="us-east-1", endpoint="https://x.s3.us-east-1.vpce.amazonaws.com")
    assert Access("s3://bucket", named).gets._place[1] == "x.s3.us-east-1.vpce.amazonaws.com"


# over TLS


@pytest.fixture
def tls(tmp_path, monkeypatch, chain):
    """``tls(answer)``: a store behind TLS that answers every request so, and closes; None says nothing."""
    key, certificate = _certificate(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("localhost", 0))
    held = []

    def serve(answer, closes):
        with contextlib.suppress(OSError):
            while True:
                link, _ = listener.accept()
                make.connections += 1
                link.settimeout(10)
                with contextlib.suppress(OSError):
                    link = context.wrap_socket(link, server_side=True)
                    held.append(link)
                    while link.recv(65536) and answer is not None:
                        link.sendall(answer)
                        if closes:
                            link.close()

    def make(answer, closes=True):
        threading.Thread(target=serve, args=(answer, closes), daemon=True).start()
        endpoint = f"https://localhost:{listener.getsockname()[1]}"
        return S3Store("s3://bucket", StoreOptions(endpoint=endpoint))

    make.connections = 0
    yield make
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    for link in held:
        link.close()


def _certificate(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return folder / "key.pem", folder / "cert.pem"


def test_over_tls_an_object_comes_whole(tls):
    assert tls(_answer(b"hello")).read("x") == b"hello"


def test_over_tls_a_connection_is_used_again(tls):
    store = tls(_answer(b"hello"), closes=False)
    assert [store.read("x") for _ in range(5)] == [b"hello"] * 5
    assert tls.connections == 1


def test_over_tls_an_answer_that_ends_early_is_an_error(tls, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    store = tls(_answer(b"hello").replace(b"Length: 5", b"Length: 100"))
    with pytest.raises(Unavailable, match="bytes early"):
        store.read("x")


def test_over_tls_a_silent_server_is_given_up(tls, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr("jupyter_cloudml.stores.s3.sockets._SILENCE_S", 0.3)
    with pytest.raises(Unavailable):
        tls(None).read("x")
