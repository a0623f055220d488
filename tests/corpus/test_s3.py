"""An S3-compatible store on this computer, read through Daft as Amazon's would be."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

import cupel
from cupel.corpus.files import find_files
from cupel.corpus.read import ReadOptions, read_shard
from cupel.corpus.remote import IOOptions
from cupel.corpus.shards import plan_shards
from cupel.errors import BadInput, InputChanged, RunFailed

pytest.importorskip("moto", reason="needs moto[s3], flask and flask-cors: an S3 server")

ROWS = [{"id": f"d{number}", "text": f"Silver {number} 東京", "score": number / 4} for number in range(3000)]
BUCKET = "pool"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=BUCKET)
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)
    client.put_object(Bucket=BUCKET, Key="lines/a.jsonl.zst", Body=zstandard.compress(lines))
    client.put_object(Bucket=BUCKET, Key="plain/a.jsonl", Body=lines)
    table = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(ROWS), table, row_group_size=500)
    client.put_object(Bucket=BUCKET, Key="tables/deep/a.parquet", Body=table.getvalue().to_pybytes())
    client.put_object(Bucket=BUCKET, Key="tables/deep/b.png", Body=b"\x89PNG")
    client.close()
    yield address
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture
def io(endpoint: str) -> IOOptions:
    return IOOptions(s3_endpoint=endpoint, s3_region="us-east-1", tries=2)


def texts(address: str, io: IOOptions, target_bytes: int = 128 << 20) -> list[str]:
    shards = plan_shards(find_files([address], io=io), target_bytes=target_bytes, io=io)
    return [
        text
        for shard in shards
        for batch in read_shard(shard, ReadOptions(io=io))
        for text in batch.documents.column("text").to_pylist()
    ]


@pytest.mark.parametrize(
    "address",
    ["s3://pool/lines/a.jsonl.zst", "s3://pool/lines", "s3://pool/tables/", "s3://pool/tables/**/*.parquet"],
)
def test_objects_folders_and_globs(address: str, io: IOOptions) -> None:
    assert texts(address, io) == [row["text"] for row in ROWS]


def test_large_objects_are_cut(io: IOOptions) -> None:
    for address in ("s3://pool/plain/a.jsonl", "s3://pool/tables"):
        files = find_files([address], io=io)
        assert len(plan_shards(files, target_bytes=10_000, io=io)) > 2
        assert texts(address, io, target_bytes=10_000) == [row["text"] for row in ROWS]


def test_a_run_on_a_store_gives_what_a_run_on_files_gives(io: IOOptions, tmp_path: Path) -> None:
    (tmp_path / "tables" / "deep").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "tables" / "deep" / "a.parquet")
    recipe = cupel.Recipe.from_dict({"name": "x", "steps": ["exact"]})
    local = cupel.refine(recipe, input=tmp_path / "tables", output=tmp_path / "local")
    remote = cupel.refine(
        recipe,
        input="s3://pool/tables",
        output=tmp_path / "remote",
        reading=ReadOptions(io=io),
    )
    assert remote.manifest["content_hash"] == local.manifest["content_hash"]
    assert remote.manifest["fields"]["columns"] == {"score": "double"}
    (story,) = cupel.why(tmp_path / "remote", "d7")
    assert (story.before, story.note) == (ROWS[7]["text"], "")


def test_the_environment_may_name_the_store(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert [file.path for file in find_files(["s3://pool/lines"])] == ["s3://pool/lines/a.jsonl.zst"]


def test_another_object_of_the_same_size_is_another_input(io: IOOptions, endpoint: str) -> None:
    import boto3

    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    put = partial(client.put_object, Bucket=BUCKET, Key="changing/a.jsonl")
    put(Body=b'{"text": "silver"}\n' * 100_000)
    (before,) = find_files(["s3://pool/changing"], io=io)
    assert find_files(["s3://pool/changing"], io=io) == [before]
    shards = plan_shards([before], io=io)
    put(Body=b'{"text": "silver"}\n' * 29_999 + b'{"text": "copper"}\n' + b'{"text": "silver"}\n' * 70_000)
    (after,) = find_files(["s3://pool/changing"], io=io)
    assert after.bytes == before.bytes
    assert after.digest != before.digest
    with pytest.raises(InputChanged, match=r"s3://pool/changing/a\.jsonl changed"):
        list(read_shard(shards[0], ReadOptions(io=io)))
    client.delete_object(Bucket=BUCKET, Key="changing/a.jsonl")
    with pytest.raises((InputChanged, RunFailed), match=r"s3://pool/changing/a\.jsonl"):
        list(read_shard(shards[0], ReadOptions(io=io)))
    client.close()


@pytest.mark.parametrize("address", ["s3://pool/none.jsonl", "s3://pool/none", "s3://no-such-bucket/a.jsonl"])
def test_what_is_not_there_is_named(address: str, io: IOOptions) -> None:
    with pytest.raises(BadInput, match=f"cannot find {address}"):
        find_files([address], io=io)
