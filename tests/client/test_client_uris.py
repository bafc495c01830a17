"""URIs are written to specs, journals and records: one that holds a secret goes no further, and is not repeated."""

from __future__ import annotations

import math

import numpy as np
import pytest

from jupyter_cloudml.client.flags import PREP_FLAGS
from jupyter_cloudml.client.line import parse_line
from jupyter_cloudml.client.locations import checkpoint_uri, data_uris
from jupyter_cloudml.client.preparation import absolute, with_values
from jupyter_cloudml.core.errors import BadInput
from jupyter_cloudml.core.uris import local_path, split_uri
from jupyter_cloudml.stores.open import open_store, storage_options

SECRET = "hunter2"
WITH_SECRET = [
    f"s3://AKIA:{SECRET}@bucket/key",
    f"s3://AKIA:sl/ash{SECRET}@bucket/key",
    f"sftp://me:{SECRET}@host/key",
    f"https://bucket.s3.amazonaws.com/key?X-Amz-Signature={SECRET}",
    f"https://storage.googleapis.com/b/key?X-Goog-Algorithm=x&X-Goog-Signature={SECRET}",
    f"az://container/key?sv=2024-01-01&sig={SECRET}",
]


@pytest.mark.parametrize("uri", WITH_SECRET)
@pytest.mark.parametrize(
    "use",
    [
        split_uri,
        open_store,
        storage_options,
        absolute,
        checkpoint_uri,
        lambda uri: data_uris({"train": uri}),
    ],
)
def test_a_uri_with_a_secret_is_refused_without_repeating_it(use, uri):
    with pytest.raises(BadInput) as caught:
        use(uri)
    assert SECRET not in f"{caught.value!r} {caught.value}"
    assert caught.value.hint


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/a:b@c/d?e=f&signal=1#g",
        "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/key",
        "hdfs://host:8020/a@b",
        "abfss://container@account.dfs.core.windows.net/key",
    ],
)
def test_a_uri_that_only_looks_like_it_is_taken(uri):
    assert split_uri(uri)[1]


@pytest.mark.parametrize("name", ["a?b", "a#b", "part-?.csv", "100% & [x]", "ä ö\nü"])
def test_a_file_uri_means_the_file_that_it_names(tmp_path, name):
    assert split_uri((tmp_path / name).as_uri()) == split_uri(str(tmp_path / name))
    assert local_path(f"file://{tmp_path}/a?b#c") == tmp_path / "a?b#c"
    assert local_path(f"file://localhost{tmp_path}/x") == tmp_path / "x"


@pytest.mark.parametrize("line", ["--source t=a t=b", "--source t=a --source t=b"])
def test_one_name_for_two_sources_is_refused(line):
    with pytest.raises(BadInput, match="already"):
        parse_line("%%cloudprep", line, PREP_FLAGS, ())
    assert parse_line("%%cloudprep", "--source t=a u=b", PREP_FLAGS, ())["sources"] == {
        "t": "a",
        "u": "b",
    }


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("SELECT 1 /* $v\n */ -- $v", "SELECT 1 /* $v\n */ -- $v"),
        ("SELECT $$it's $v$$, $v", "SELECT $$it's $v$$, 1"),
        ("SELECT $nan", "SELECT CAST('nan' AS DOUBLE)"),
        ("SELECT $day", "SELECT DATE '2026-01-02'"),
        ("SELECT 1 IN $many", "SELECT 1 IN (1, 2)"),
        ("SELECT $evil", "SELECT 'a''; --'"),
    ],
)
def test_values_stand_where_sql_has_values(text, made):
    values = {
        "v": 1,
        "nan": math.nan,
        "day": np.datetime64("2026-01-02"),
        "many": np.array([1, 2]),
        "evil": "a'; --",
    }
    assert with_values(text, values) == made
