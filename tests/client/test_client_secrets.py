from __future__ import annotations

import pytest

from jupyter_cloudml.client.secrets import (
    refuse_written_secrets,
    secret_values,
    split_environ,
    without_secrets,
)
from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.wire import BlobStore, encode

VALUE = "pass-word-1234"


def test_a_missing_secret_is_named_and_no_value_is_ever_in_the_message():
    with pytest.raises(BadInput, match="--secret B") as caught:
        secret_values(["A", "B"], {"A": VALUE})
    assert VALUE not in str(caught.value)


def test_variables_that_hold_a_secret_leave_the_environment():
    environ = {"A": VALUE, "URL": f"http://u:{VALUE}@h", "PATH": "/bin"}
    assert without_secrets(environ, ["A"], [VALUE]) == {"PATH": "/bin"}


@pytest.mark.parametrize(
    "held", [VALUE, [1, {"k": VALUE}], VALUE * 100_000, VALUE.encode() * 100_000]
)
def test_a_captured_value_that_holds_a_secret_is_refused_and_leaves_no_blob(tmp_path, held):
    blobs = BlobStore(tmp_path, fan_out=True)
    encoded = encode({"held": held}, namespace={}, blobs=blobs)
    with pytest.raises(BadInput, match="secret A"):
        refuse_written_secrets({"A": VALUE}, "held", encoded.manifest, blobs)
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and VALUE.encode() in p.read_bytes()]


def test_a_secret_in_the_cells_own_text_is_refused(tmp_path):
    with pytest.raises(BadInput, match="own text"):
        refuse_written_secrets({"A": VALUE}, f"x = {VALUE!r}", {}, BlobStore(tmp_path))


def test_harmless_values_pass(tmp_path):
    blobs = BlobStore(tmp_path, fan_out=True)
    encoded = encode({"x": [1, 2]}, namespace={}, blobs=blobs)
    refuse_written_secrets({"A": VALUE}, "x", encoded.manifest, blobs)


def test_a_secret_too_short_to_be_redacted_is_refused_by_name():
    with pytest.raises(BadInput, match="--secret PIN is shorter than 4") as caught:
        secret_values(["PIN"], {"PIN": "739"})
    assert "739" not in str(caught.value)


def test_variables_that_look_like_secrets_are_told_from_the_others(tmp_path):
    (tmp_path / "key.json").touch()
    secret = {
        "AWS_SECRET_ACCESS_KEY": "abcd1234efgh",
        "HF_TOKEN": "hf_abcdefghijklm",
        "PGPASSWORD": "long-word",
        "PIP_INDEX_URL": "https://me:pw@host/simple",
        "MY_CI": "ghp_0123456789abcdef",
        "HOLDS_ONE": "--with long-word inside",
    }
    open_to_all = {
        "PATH": "/bin",
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "key.json"),
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "SSH_AUTH_SOCK": str(tmp_path),
        "HTTP_PROXY": "http://proxy:3128",
        "EMPTY_TOKEN": "",
    }
    assert split_environ({**open_to_all, **secret}) == (open_to_all, secret)
