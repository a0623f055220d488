"""Files on a web server: by range, split, and when the server fails."""

from __future__ import annotations

import gzip
import io
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from cupel.corpus import web
from cupel.corpus.files import find_files
from cupel.corpus.read import ReadOptions, read_shard
from cupel.corpus.remote import IOOptions
from cupel.corpus.shards import plan_shards
from cupel.errors import BadInput, RunFailed
from tests.corpus.reading import make_tar, read_all

LINES = b"".join(b'{"text": "line %d"}\n' % n for n in range(50_000))


def table(write: Callable[[pa.Table, io.BytesIO], None]) -> bytes:
    target = io.BytesIO()
    texts = [f"line {n} {n * 7919 % 104729:x}" for n in range(50_000)]
    write(pa.table({"text": texts}), target)
    return target.getvalue()


def make_zip(data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("pool.jsonl", data)
    return target.getvalue()


FILES = {
    "/pool.jsonl": LINES,
    "/pool.jsonl.gz": gzip.compress(LINES),
    "/pool.parquet": table(lambda rows, target: pq.write_table(rows, target, row_group_size=5000)),
    "/pool.arrow": table(lambda rows, target: feather.write_feather(rows, target)),
    "/pool.zip": make_zip(LINES),
    "/pool.tar": make_tar({"pool.jsonl": LINES}),
    "/page.html": b"<p>Silver",
    "/unknown.xyz": b"Gold",
}


class Server(BaseHTTPRequestHandler):
    """Serves files, by range, unless it is told to fail: always, or once after a number of answers."""

    protocol_version = "HTTP/1.1"
    fails = False
    answers_left: int | None = None
    requests = 0

    def log_message(self, *_: object) -> None:
        return

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        Server.requests += 1
        data = FILES.get(self.path)
        if body and Server.answers_left is not None:
            Server.fails = Server.answers_left == 0
            Server.answers_left -= 1
        if data is None or (body and Server.fails):
            self.send_response(404 if data is None else 503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        asked = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        part = data
        if asked:
            first = int(asked[1])
            last = min(int(asked[2]) if asked[2] else len(data) - 1, len(data) - 1)
            part = data[first : last + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if body:
            self.wfile.write(part)


@pytest.fixture
def server() -> Iterator[str]:
    Server.fails, Server.answers_left = False, None
    running = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def test_files_on_a_web_server(server: str) -> None:
    plain = read_all(f"{server}/pool.jsonl")
    packed = read_all(f"{server}/pool.jsonl.gz")
    assert len(plain.rows) == 50_000
    assert plain.texts == packed.texts
    assert plain.rows[0]["path"] == f"{server}/pool.jsonl"
    assert plain.rows[0]["source"] == "pool"
    assert read_all(f"{server}/page.html").rows[0]["html"] == b"<p>Silver"


def test_splitting_changes_nothing(server: str) -> None:
    whole = read_all(f"{server}/pool.jsonl")
    assert read_all(f"{server}/pool.jsonl", target_bytes=300_000).rows == whole.rows


def test_line_numbers_of_a_remote_file_cost_no_request_per_line(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [b'{"text": "line"}', b"", b"broken"] * 6_000
    monkeypatch.setitem(FILES, "/broken.jsonl", b"\n".join(lines) + b"\n")
    Server.requests = 0
    contents = read_all(f"{server}/broken.jsonl", target_bytes=75_000)
    assert [entry.position for entry in contents.quarantined] == list(range(3, 18_001, 3))
    assert Server.requests < 40


def test_no_such_file(server: str) -> None:
    with pytest.raises(BadInput, match="cannot find"):
        find_files([f"{server}/none.jsonl"])


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("/pool")])
def test_a_server_that_fails_stops_the_run(server: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(read_all(f"{server}{name}").rows) == 50_000
    options = IOOptions(tries=1)
    shards = plan_shards(find_files([f"{server}{name}"], io=options))
    Server.fails = True
    with pytest.raises(RunFailed, match="start the same command again"):
        list(read_shard(shards[0], ReadOptions(io=options)))
    Server.fails, Server.answers_left = False, 2
    monkeypatch.setattr(web, "_BUFFER", 1 << 16)
    batches = []
    with pytest.raises(RunFailed, match="start the same command again"):
        batches.extend(read_shard(shards[0], ReadOptions(io=options)))
    assert not any(batch.quarantined for batch in batches)


def test_a_server_that_fails_while_files_are_listed(server: str) -> None:
    Server.answers_left = 0
    with pytest.raises(BadInput, match=r"cannot read .*/unknown\.xyz: .*answers 503"):
        find_files([f"{server}/unknown.xyz"], io=IOOptions(tries=1))


def test_options_come_back_from_a_saved_plan() -> None:
    from dataclasses import asdict

    options = ReadOptions(io=IOOptions(s3_endpoint="http://127.0.0.1:9000", anonymous=True))
    assert ReadOptions(**asdict(options)) == options
