"""A name that was not asked for and cannot be rebuilt there does not cost the names that can."""

from __future__ import annotations

import sys
import types

import pytest

from jupyter_cloudml.core.errors import CloudMLError
from jupyter_cloudml.wire import BlobStore, decode, encode


class _Fails:
    def __reduce__(self):
        return _fail, ([1, 2],)


def _fail(_):
    raise RuntimeError("not here")


@pytest.fixture
def values():
    import numpy as np

    shared = ["shared"]
    return {
        "a": [shared],
        "bad": [np.arange(5000.0).astype(object), _Fails(), {"inside": 1}],
        "b": {"shared": shared, "data": bytearray(b"x" * 9000)},
        "worse": [_Fails()],
        "c": [np.arange(9000), shared],
    }


def test_others_are_rebuilt_with_their_identities(values, tmp_path):
    encoded = encode(values, namespace={}, blobs=BlobStore(tmp_path), required={"a", "b", "c"})
    far: dict = {}
    decoded = decode(encoded.manifest, namespace=far, blobs=BlobStore(tmp_path))
    assert set(far) == {"a", "b", "c"}
    assert far["a"][0] is far["b"]["shared"] is far["c"][1]
    assert far["b"]["data"] == b"x" * 9000
    assert far["c"][0].sum() == sum(range(9000))
    assert set(decoded.left_out) == {"bad", "worse"}
    assert "not here" in decoded.left_out["bad"]
    for number, obj in decoded.objects.memo.items():
        assert type(encoded.objects.memo[number]) is type(obj)


def test_name_that_shares_a_part_with_one_that_failed_is_left_out_too(tmp_path):
    part = {"k": 1}
    values = {"bad": [part, _Fails()], "near": [part], "good": [2]}
    encoded = encode(values, namespace={}, blobs=BlobStore(tmp_path), required={"good"})
    far: dict = {}
    decoded = decode(encoded.manifest, namespace=far, blobs=BlobStore(tmp_path))
    assert far == {"good": [2]}
    assert set(decoded.left_out) == {"bad", "near"}


def test_required_name_that_cannot_be_rebuilt_fails(values, tmp_path):
    encoded = encode(values, namespace={}, blobs=BlobStore(tmp_path), required={"bad"})
    with pytest.raises(CloudMLError, match="not here"):
        decode(encoded.manifest, namespace={}, blobs=BlobStore(tmp_path))


def test_module_that_is_missing_there_costs_only_its_name(tmp_path, monkeypatch):
    module = types.ModuleType("only_here")
    monkeypatch.setitem(sys.modules, "only_here", module)
    encoded = encode({"m": module, "x": 1}, namespace={}, blobs=BlobStore(tmp_path), required={"x"})
    monkeypatch.delitem(sys.modules, "only_here")
    far: dict = {}
    decoded = decode(encoded.manifest, namespace=far, blobs=BlobStore(tmp_path))
    assert far == {"x": 1}
    assert "only_here" in decoded.left_out["m"]
