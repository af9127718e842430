"""From a URI to a place, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from partwise.errors import PartwiseError
from partwise.library.stores.places import LancePlace, open_place


def test_folders_and_buckets_are_places_of_lancedb(tmp_path: Path) -> None:
    here, bucket = open_place(None, tmp_path), open_place("s3://bucket/a/b/", tmp_path)
    assert isinstance(here, LancePlace) and here.uri == str(tmp_path)
    assert isinstance(bucket, LancePlace) and bucket.uri == "s3://bucket/a/b"
    assert not any(tmp_path.iterdir()), "nothing is made before it is needed"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("ftp://host/x", r"ftp://host/x is no store that partwise knows: s3://BUCKET/PREFIX or"),
        ("/srv/music", r"/srv/music is no store"),
        ("bucket", r"bucket is no store"),
        ("s3://", r"names no bucket"),
        ("s3://key:word@bucket/x", r"s3://bucket/x must be an address.*AWS_ACCESS_KEY_ID"),
        ("s3://bucket/x?secret=word", r"s3://bucket/x must be an address"),
        ("milvus://me:word@host:1", r"milvus://host:1 must be an address.*PARTWISE_MILVUS_TOKEN"),
        ("ftp://me:word@host/x", r"ftp://host/x is no store"),
    ],
)
def test_what_is_no_place_is_refused_without_its_secrets(
    uri: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(PartwiseError, match=message) as caught:
        open_place(uri, tmp_path)
    assert "word" not in str(caught.value)


def test_an_unknown_precision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PartwiseError, match=r"'int4' is no precision .* float32, float16, int8"):
        open_place(None, tmp_path, "int4")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(PartwiseError, match=r"pip install 'partwise\[scale\]'"):
        open_place("milvus://host:19530", tmp_path).names()


def test_a_bucket_that_cannot_be_reached_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret word")
    with pytest.raises(PartwiseError, match="the store s3://bucket/x cannot be used") as caught:
        open_place("s3://bucket/x", tmp_path).names()
    assert "\n" not in str(caught.value) and "secret word" not in str(caught.value)
