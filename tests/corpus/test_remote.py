"""Files on a web server, through Daft: by range, split, and when the server fails."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cupel.corpus.files import find_files
from cupel.corpus.read import ReadOptions, read_shard
from cupel.corpus.remote import IOOptions
from cupel.corpus.shards import plan_shards
from cupel.errors import BadInput, RunFailed
from tests.corpus.reading import read_all

LINES = b"".join(b'{"text": "line %d"}\n' % n for n in range(50_000))
FILES = {
    "/pool.jsonl": LINES,
    "/pool.jsonl.gz": gzip.compress(LINES),
    "/page.html": b"<p>Silver",
}


class Server(BaseHTTPRequestHandler):
    """Serves files, by range, until it is told to fail."""

    protocol_version = "HTTP/1.1"
    fails = False

    def log_message(self, *_: object) -> None:
        return

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        data = FILES.get(self.path)
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
    Server.fails = False
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


def test_no_such_file(server: str) -> None:
    with pytest.raises(BadInput, match="cannot find"):
        find_files([f"{server}/none.jsonl"])


def test_a_server_that_fails_stops_the_run(server: str) -> None:
    io = IOOptions(tries=1)
    shards = plan_shards(find_files([f"{server}/pool.jsonl"], io=io))
    Server.fails = True
    with pytest.raises(RunFailed, match="start the same command again"):
        list(read_shard(shards[0], ReadOptions(io=io)))


def test_options_come_back_from_a_saved_plan() -> None:
    from dataclasses import asdict

    options = ReadOptions(io=IOOptions(s3_endpoint="http://127.0.0.1:9000", anonymous=True))
    assert ReadOptions(**asdict(options)) == options
