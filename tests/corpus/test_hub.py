"""A hub of data sets on this computer: Hugging Face's tree API and file addresses."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from cupel.corpus import hub
from cupel.corpus.files import find_files, scan
from cupel.corpus.read import ReadOptions
from cupel.corpus.remote import IOOptions
from cupel.errors import BadInput
from tests.corpus.reading import read_all

TEXTS = [f"Gold {number} 東京" for number in range(500)]
PAGE = 2
"""Entries of one page of a listing."""


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": TEXTS}), sink, row_group_size=100)
    return sink.getvalue()


LINES = b"".join(json.dumps({"text": text}).encode() + b"\n" for text in TEXTS)
FILES = {
    "README.md": b"# Data",
    ".gitattributes": b"*.parquet lfs",
    "data/train-0 é.parquet": parquet(),
    "data/lines/train.jsonl.zst": zstandard.compress(LINES),
    "test.jsonl": LINES[: len(LINES) // 2],
}
TREE = re.compile(r"/api/datasets/org/name/tree/main(?:/(.+))?")
RESOLVE = re.compile(r"/datasets/org/name/resolve/main/(.+)")


class Hub(BaseHTTPRequestHandler):
    """Lists by pages, gives files by range, wants the token for both."""

    protocol_version = "HTTP/1.1"
    failures = 0
    cuts = 0
    seen_without_token = 0

    def log_message(self, *_: object) -> None:
        return

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if self.headers.get("Authorization") != "Bearer secret":
            Hub.seen_without_token += 1
            self.answer(401, b"")
        elif Hub.failures > 0:
            Hub.failures -= 1
            self.answer(503, b"")
        elif listed := TREE.fullmatch(unquote(asked.path)):
            self.list(listed[1] or "", int(parse_qs(asked.query).get("cursor", ["0"])[0]))
        elif (named := RESOLVE.fullmatch(unquote(asked.path))) and named[1] in FILES:
            self.give(FILES[named[1]])
        else:
            self.answer(404, b"")

    def list(self, folder: str, start: int) -> None:
        entries: list[dict[str, object]] = [{"type": "directory", "path": "data", "size": 0}]
        for path, data in FILES.items():
            if not folder or path.startswith(folder + "/"):
                entries.append({"type": "file", "path": path, "size": len(data)})
        if len(entries) == 1:
            self.answer(404, b"")
            return
        host = f"http://127.0.0.1:{self.server.server_address[1]}"
        following = f'<{host}{urlsplit(self.path).path}?recursive=true&cursor={start + PAGE}>; rel="next"'
        more = {"Link": following} if start + PAGE < len(entries) else {}
        self.answer(200, json.dumps(entries[start : start + PAGE]).encode(), more)

    def give(self, data: bytes) -> None:
        byte_range = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if byte_range is None:
            self.answer(200, data, {"Accept-Ranges": "bytes"})
            return
        first = int(byte_range[1])
        last = min(int(byte_range[2]) if byte_range[2] else len(data) - 1, len(data) - 1)
        self.answer(206, data[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{len(data)}"})

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        size = len(body)
        if Hub.cuts > 0 and status == 200:
            Hub.cuts -= 1
            body = body[: size // 2]
            self.close_connection = True
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Hub.failures = Hub.cuts = Hub.seen_without_token = 0
    running = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{running.server_port}/")
    monkeypatch.setenv("HF_TOKEN", "secret")
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def paths(address: str) -> list[str]:
    return [unquote(file.path).partition("/resolve/main/")[2] for file in find_files([address])]


def test_a_data_set_by_its_name(address: str) -> None:
    everything = ["README.md", "data/lines/train.jsonl.zst", "data/train-0 é.parquet", "test.jsonl"]
    assert [path for path in paths("org/name") if not path.startswith(".")] == everything


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("hf://datasets/org/name/data", ["data/lines/train.jsonl.zst", "data/train-0 é.parquet"]),
        ("hf://datasets/org/name@main/data/", ["data/lines/train.jsonl.zst", "data/train-0 é.parquet"]),
        ("hf://datasets/org/name/data/*.parquet", ["data/train-0 é.parquet"]),
        ("hf://datasets/org/name/**/*.jsonl*", ["data/lines/train.jsonl.zst", "test.jsonl"]),
        ("hf://datasets/org/name/test.jsonl", ["test.jsonl"]),
    ],
)
def test_files_folders_and_globs(pattern: str, expected: list[str], address: str) -> None:
    assert paths(pattern) == expected


def test_patterns_leave_files_of_a_store_out(address: str) -> None:
    scanned = scan(["org/name"], exclude=["lines", "data/*.parquet"])
    assert [file.relative for file in scanned.files if not file.relative.startswith(".")] == [
        "README.md",
        "test.jsonl",
    ]
    assert [(kind.kind, kind.names) for kind in scanned.left_out] == [
        ("excluded", ["data/train-0 é.parquet", "data/lines/train.jsonl.zst"])
    ]
    (named,) = find_files(["hf://datasets/org/name/test.jsonl"], exclude=["*.jsonl"])
    assert named.relative == "test.jsonl"


def test_files_are_read_by_range(address: str) -> None:
    assert read_all("hf://datasets/org/name/data/*.parquet").texts == TEXTS
    contents = read_all("hf://datasets/org/name/data/lines/train.jsonl.zst")
    assert contents.texts == TEXTS
    assert contents.rows[0]["source"] == "train"
    assert Hub.seen_without_token == 0


@pytest.mark.parametrize("pattern", ["org/none", "hf://datasets/org/name/none", "hf://datasets/org/name@v9"])
def test_what_is_not_there_is_named(pattern: str, address: str) -> None:
    with pytest.raises(
        BadInput, match=f"cannot find .*{pattern}: {address}.*(answers 404|has nothing there)"
    ):
        find_files([pattern])


def test_an_address_of_another_kind(address: str) -> None:
    with pytest.raises(BadInput, match="expected hf://datasets/ORG/NAME"):
        find_files(["hf://spaces/org/name"])


def test_a_busy_hub_is_asked_again(address: str) -> None:
    Hub.failures = 2
    assert paths("hf://datasets/org/name/test.jsonl") == ["test.jsonl"]
    Hub.failures = 9
    with pytest.raises(BadInput, match="answers 503"):
        find_files(["org/name"], io=IOOptions(tries=1))


def test_a_listing_that_is_cut_short_is_asked_for_again(address: str) -> None:
    Hub.cuts = 1
    assert paths("hf://datasets/org/name/test.jsonl") == ["test.jsonl"]
    Hub.cuts = 9
    with pytest.raises(BadInput, match=r"cannot find .*org/name: .*the connection was cut"):
        find_files(["org/name"], io=IOOptions(tries=1))


def test_another_file_of_the_same_size_is_another_input(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (before,) = find_files(["hf://datasets/org/name/test.jsonl"])
    assert find_files(["hf://datasets/org/name/test.jsonl"]) == [before]
    monkeypatch.setitem(FILES, "test.jsonl", FILES["test.jsonl"].replace(b"Gold 100", b"Lead 100"))
    (after,) = find_files(["hf://datasets/org/name/test.jsonl"])
    assert after.bytes == before.bytes
    assert after.digest != before.digest


def test_the_token_goes_to_the_hub_alone(address: str) -> None:
    assert hub.token_for(f"{address}/datasets/org/name/resolve/main/a.jsonl") == "secret"
    assert hub.token_for("https://example.org/a.jsonl") is None
    assert hub.token_for(f"{address}.example.org/a.jsonl") is None


def test_no_other_hub_no_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", "https://huggingface.co", "https://huggingface.co/"):
        monkeypatch.setenv("HF_ENDPOINT", value)
        assert hub.endpoint() is None
    assert ReadOptions().io is None
