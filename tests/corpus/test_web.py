"""Web servers that stall, trickle, cut connections, are busy, redirect, or change a file."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import cupel
from cupel.corpus.files import find_files
from cupel.corpus.read import ReadOptions, read_shard
from cupel.corpus.remote import IOOptions
from cupel.corpus.shards import plan_shards
from cupel.corpus.web import WebFile
from cupel.errors import BadInput, InputChanged, RunFailed
from tests.corpus.reading import read_all

LINES = b"".join(b'{"text": "line %06d of the file"}\n' % n for n in range(60_000))


@dataclass
class Behavior:
    """What a server does; faults are used up, one a GET."""

    data: bytes = LINES
    etag: str | None = None
    modified: str | None = None
    ranges: bool = True
    faults: list[str] = field(default_factory=list)
    head_faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    proxy_logins: set[str | None] = field(default_factory=set)
    released: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        return

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        does = self.server.does
        does.proxy_logins.add(self.headers.get("Proxy-Authorization"))
        if self.path.startswith("/moved/"):
            self.answer(302, b"", {"Location": self.path.removeprefix("/moved")})
            return
        if self.path.startswith("/circle"):
            self.answer(302, b"", {"Location": self.path})
            return
        asked = self.headers.get("Range", "")
        does.asked.append(f"{self.command} {asked}".strip())
        faults = does.head_faults if self.command == "HEAD" else does.faults
        fault = (
            faults[0]
            if len(faults) == 1 and faults[0].startswith("always ")
            else faults.pop(0)
            if faults
            else ""
        )
        fault = fault.removeprefix("always ")
        if fault == "stall":
            does.released.wait()
            self.close_connection = True
            return
        if fault.isdigit():
            self.answer(int(fault), b"", {"Retry-After": "0"})
            return
        match = re.match(r"bytes=(\d+)-(\d*)", asked) if does.ranges else None
        if self.headers.get("If-Match", does.etag) != does.etag:
            self.answer(412, b"", {})
            return
        data, headers = does.data, {}
        if match:
            first, last = int(match[1]), min(int(match[2] or len(data)), len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            data = data[first : last + 1]
        self.answer(206 if match else 200, data, headers, fault)

    def answer(self, status: int, data: bytes, headers: dict[str, str], fault: str = "") -> None:
        does = self.server.does
        self.send_response(status)
        named = {
            "ETag": does.etag,
            "Last-Modified": does.modified,
            **headers,
            "Content-Length": str(len(data)),
        }
        for name, value in named.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault:
            self.close_connection = True
        if fault == "trickle":
            for at in range(len(data)):
                if does.released.wait(0.05):
                    return
                self.wfile.write(data[at : at + 1])
        if fault == "cut":
            data = data[: len(data) // 2]
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    does: Behavior

    def handle_error(self, *_: object) -> None:
        """Clients that go away are part of these tests."""


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server(("127.0.0.1", 0), Handler)
    running.does = Behavior()
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.does.released.set()
    running.shutdown()
    running.server_close()


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/pool.jsonl"


def read(server: Server, tries: int = 4, seconds: float = 0.3) -> bytes:
    file = WebFile(url(server), tries=tries, seconds=seconds)
    try:
        return file.read()
    finally:
        file.close()


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize(
    "faults", [["stall"], ["cut", "cut"], ["503", "429"], ["500", "cut", "stall"], ["trickle"]]
)
def test_passing_faults_are_survived(ranges: bool, faults: list[str], server: Server) -> None:
    server.does = Behavior(ranges=ranges, faults=faults, etag='"one"')
    assert read(server) == LINES


def test_a_cut_transfer_goes_on_where_it_broke_off(server: Server) -> None:
    server.does = Behavior(faults=["cut"], etag='"one"')
    assert read(server) == LINES
    assert server.does.asked == [
        "HEAD",
        f"GET bytes=0-{len(LINES) - 1}",
        f"GET bytes={len(LINES) // 2}-{len(LINES) - 1}",
    ]


@pytest.mark.parametrize("times", [1, 3])
def test_redirects_are_followed(times: int, server: Server) -> None:
    server.does = Behavior(etag='"one"', faults=["cut"])
    moved = url(server).replace("/pool", "/moved" * times + "/pool")
    file = WebFile(moved, tries=2)
    assert file.read() == LINES
    assert file.version.strong_etag == '"one"'
    file.close()
    (file,) = find_files([moved])
    assert (file.path, file.bytes, file.format) == (moved, len(LINES), "jsonl")


def test_redirects_without_end(server: Server) -> None:
    with pytest.raises(BadInput, match=r"cannot find .*/circle\.jsonl: more than 10 redirects"):
        find_files([url(server).replace("pool", "circle")])
    assert server.does.asked == []


def test_proxies_of_the_environment_are_used(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{server.server_port}")
    file = WebFile("http://pool.invalid/pool.jsonl", tries=1)
    assert file.read() == LINES
    file.close()
    assert server.does.proxy_logins == {"Basic bWU6c2VjcmV0"}
    monkeypatch.setenv("no_proxy", "pool.invalid")
    with pytest.raises(OSError, match=r"http://pool\.invalid/pool\.jsonl: no connection"):
        WebFile("http://pool.invalid/pool.jsonl", tries=1)


def test_a_query_is_not_part_of_the_name(server: Server) -> None:
    server.does.data = b"id,text\n1,Silver\n"
    address = url(server).replace("pool.jsonl", "caf%C3%A9.csv?download=true&signature=a/b.txt#c")
    (file,) = find_files([address])
    assert (file.path, file.format, file.relative, file.source) == (address, "csv", "café.csv", "café")
    contents = read_all(address)
    assert (contents.texts, contents.rows[0]["path"]) == (["Silver"], address)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("always stall", "sent nothing for 0.3 seconds"),
        ("always 503", "answers 503"),
        ("always trickle", "sent only .* bytes"),
        ("404", "answers 404"),
    ],
)
def test_a_lasting_fault_names_the_url(fault: str, message: str, server: Server) -> None:
    server.does.faults = [fault]
    with pytest.raises(OSError, match=f"{re.escape(url(server))}: .*({message})"):
        read(server, tries=2)


def test_a_run_on_a_stalled_server_ends_with_a_sentence(server: Server, tmp_path: Path) -> None:
    reading = ReadOptions(io=IOOptions(tries=1, seconds=0.3))
    recipe = cupel.Recipe.from_dict({"name": "x", "steps": ["exact"]})
    server.does.etag = '"one"'
    server.does.faults = ["always stall"]
    with pytest.raises(
        RunFailed, match=f"{re.escape(url(server))}.*sent nothing.*start the same command again"
    ):
        cupel.refine(recipe, input=url(server), output=tmp_path / "out", reading=reading)
    server.does.faults = []
    result = cupel.refine(recipe, input=url(server), output=tmp_path / "out", reading=reading)
    assert result.manifest["documents"]["in"] == 60_000
    server.does.head_faults = ["always stall"]
    with pytest.raises(BadInput, match="sent nothing"):
        find_files([url(server)], io=reading.io)


@pytest.mark.parametrize("modified", [None, "Wed, 21 Oct 2015 07:28:00 GMT"])
@pytest.mark.parametrize("etag", [None, '"one"', 'W/"one"'])
@pytest.mark.parametrize("ranges", [True, False])
def test_another_content_of_the_same_size_is_another_input(
    etag: str | None, modified: str | None, ranges: bool, server: Server
) -> None:
    server.does = Behavior(etag=etag, modified=modified, ranges=ranges)
    (before,) = find_files([url(server)])
    assert find_files([url(server)]) == [before]
    shards = plan_shards([before])
    middle = len(LINES) // 2
    server.does.data = LINES[:middle] + b"x" * 5 + LINES[middle + 5 :]
    server.does.etag = etag and etag.replace("one", "two")
    (after,) = find_files([url(server)])
    assert after.bytes == before.bytes
    assert after.digest != before.digest
    with pytest.raises(InputChanged, match=re.escape(url(server))):
        list(read_shard(shards[0]))


def test_a_file_replaced_between_two_ranges_is_noticed(server: Server) -> None:
    server.does = Behavior(data=LINES * 4, etag='"one"')
    file = WebFile(url(server))
    file.read(10)
    server.does.etag = '"two"'
    with pytest.raises(InputChanged, match="changed while it was read"):
        file.read()


def test_an_empty_file_and_one_without_a_length(server: Server) -> None:
    server.does.data = b""
    assert read(server) == b""
    server.does.data = LINES
    server.does.head_faults = ["404"]
    assert read(server) == LINES
