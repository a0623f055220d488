"""Files on web servers, read by range: a stalled server is given up, a cut transfer resumes.

Every request has a time limit: `seconds` to connect and for each wait for bytes; a transfer slower than
`MIN_BYTES_PER_SECOND` over that time counts as stalled, too. A request that fails is repeated from the byte at which it
broke off, after a pause that doubles each time or the one that the server asks for in Retry-After. Redirects are
followed, and proxies of the environment used; the token is sent to no other host. Every answer must be about the
version of the file that was opened: ETag, Last-Modified and size are compared each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from cupel.connections import connections_to
from cupel.errors import InputChanged

__all__ = ["Version", "WebFile", "get"]

_Answer = TypeVar("_Answer")

MIN_BYTES_PER_SECOND = 100
MAX_PAUSE_SECONDS = 60.0
_BUFFER = 4 << 20
_PIECE = 1 << 16
_MAX_REDIRECTS = 10
_PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Statuses of a server that may answer otherwise a little later."""


@dataclass(frozen=True)
class Version:
    """What a server says about the state of a file; None where it says nothing."""

    size: int | None
    etag: str | None
    modified: str | None

    @property
    def strong_etag(self) -> str | None:
        """The ETag, if it changes with every byte (RFC 9110, 8.8.3)."""
        return self.etag if self.etag and not self.etag.startswith("W/") else None

    def differs(self, other: Version) -> bool:
        """Whether both say something, and not the same."""
        pairs = ((self.size, other.size), (self.etag, other.etag), (self.modified, other.modified))
        return any(mine is not None and theirs is not None and mine != theirs for mine, theirs in pairs)


class _Failed(Exception):
    """A request that may succeed when it is repeated; after `pause` seconds, if the server says so."""

    def __init__(self, why: str, pause: float | None = None) -> None:
        super().__init__(why)
        self.pause = pause


def get(url: str, *, token: str | None = None, tries: int = 6, seconds: float = 20.0) -> tuple[bytes, Any]:
    """A small file whole, and the headers of the answer.

    Raises
    ------
    OSError
        The server has no such file, or did not answer in all tries. The message names the URL.
    """

    def fetch() -> tuple[bytes, Any]:
        response = _request("GET", url, {}, token, seconds)
        with response:
            if response.status >= 400:
                raise FileNotFoundError(f"{url}: {_status(response)}")
            return b"".join(_pieces(response, seconds)), response.headers

    return _repeated(fetch, url, tries)


def _repeated(
    request: Callable[[], _Answer], url: str, tries: int, held: Callable[[], int] = lambda: 0
) -> _Answer:
    """Carry out a request until it succeeds; real progress (`held`, in bytes) starts the count of tries over."""
    failures, before = 0, 0
    while True:
        try:
            return request()
        except _Failed as failure:
            # A few bytes more are no progress: a server that trickles would never be given up.
            failures = 1 if held() >= before + _PIECE else failures + 1
            before = held()
            if failures >= tries:
                times = f" ({failures} tries)" if failures > 1 else ""
                raise OSError(f"{url}: {failure}{times}") from None
            pause = min(0.5 * 2 ** (failures - 1), 8.0) if failure.pause is None else failure.pause
            time.sleep(min(pause, MAX_PAUSE_SECONDS))


def _request(method: str, url: str, headers: dict[str, str], token: str | None, seconds: float) -> Any:
    """The answer to a request, its body yet to be read."""
    import urllib3

    sent = {"Accept-Encoding": "identity", "User-Agent": "cupel", **headers}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    try:
        response = connections_to(url).request(
            method,
            url,
            headers=sent,
            timeout=urllib3.Timeout(connect=seconds, read=seconds),
            preload_content=False,
            redirect=True,
            # `total` would count redirects, too.
            retries=urllib3.Retry(None, connect=0, read=0, other=0, status=0, redirect=_MAX_REDIRECTS),
        )
    except urllib3.exceptions.MaxRetryError as error:
        if isinstance(error.reason, urllib3.exceptions.ResponseError):
            raise OSError(f"{url}: more than {_MAX_REDIRECTS} redirects") from None
        raise _Failed(_why(error.reason or error, seconds)) from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise _Failed(_why(error, seconds)) from None
    if response.status in _PASSING:
        response.drain_conn() if method == "HEAD" else response.close()
        pause = response.headers.get("Retry-After", "")
        raise _Failed(_status(response), float(pause) if pause.isdigit() else None)
    return response


def _status(response: Any) -> str:
    return f"the server answers {response.status} {response.reason or ''}".rstrip()


def _pieces(response: Any, seconds: float) -> Iterator[bytes]:
    """The body, as long as it comes fast enough."""
    import urllib3

    begun, received = time.monotonic(), 0
    while True:
        try:
            piece: bytes = response.read1(_PIECE)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _Failed(_why(error, seconds)) from None
        if not piece:
            return
        yield piece
        received += len(piece)
        spent = time.monotonic() - begun
        if spent > seconds:
            if received < MIN_BYTES_PER_SECOND * spent:
                raise _Failed(f"the server sent only {received:,} bytes in {spent:.0f} seconds")
            begun, received = time.monotonic(), 0


class WebFile:
    """A file of a web server as an ordinary one: bytes from any place.

    Parameters
    ----------
    url
        Its address.
    token
        Sent as a bearer token.
    tries
        How often a request is tried without getting a byte further.
    seconds
        How long the server may send nothing.

    Raises
    ------
    OSError
        The server has no such file, or did not answer in all tries. The message names the URL.
    InputChanged
        While reading: the file is not the one that was opened.
    """

    def __init__(self, url: str, *, token: str | None = None, tries: int = 6, seconds: float = 20.0) -> None:
        self.url = url
        self.closed = False
        self._token = token
        self._tries = max(1, tries)
        self._seconds = seconds
        self._at = 0
        self._buffer = b""
        self._start = 0
        self._ranges = True
        self._body: tuple[Any, int] | None = None
        self.version = Version(None, None, None)
        self._repeat(self._open)
        self._size = self.version.size or 0

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; empty at the end."""
        stop = self._size if size < 0 else min(self._size, self._at + size)
        parts = []
        while self._at < stop:
            begin = self._at - self._start
            if not 0 <= begin < len(self._buffer):
                self._start, self._buffer = self._at, b""
                length = min(max(_BUFFER if size < 0 or size > _PIECE else _PIECE, stop - self._at), _BUFFER)
                self._repeat(lambda length=length: self._fill(length))  # type: ignore[misc]
                begin = 0
            part = self._buffer[begin : begin + stop - self._at]
            parts.append(part)
            self._at += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place; one behind the end counts as the end."""
        self._at = min(max((0, self._at, self._size)[whence] + offset, 0), self._size)
        return self._at

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def close(self) -> None:
        """Let go of the connection."""
        self.closed = True
        self._drop_body()

    def _drop_body(self) -> None:
        if self._body is not None:
            self._body[0].close()
            self._body = None

    def _repeat(self, request: Callable[[], None]) -> None:
        _repeated(request, self.url, self._tries, lambda: len(self._buffer))

    def _ask(self, method: str, headers: dict[str, str]) -> Any:
        return _request(method, self.url, headers, self._token, self._seconds)

    def _open(self) -> None:
        """Ask for size and version: by HEAD, or by a first byte where that is not allowed."""
        response = self._ask("HEAD", {})
        response.drain_conn()
        if response.status >= 400 or "Content-Length" not in response.headers:
            response = self._ask("GET", {"Range": "bytes=0-0"})
            response.close()
        if response.status == 416:  # no first byte: the file is empty
            self.version = Version(0, response.headers.get("ETag"), response.headers.get("Last-Modified"))
            return
        if response.status >= 400:
            raise FileNotFoundError(f"{self.url}: {_status(response)}")
        self.version = _version(response)
        if self.version.size is None:
            self.version = Version(self._count(), self.version.etag, self.version.modified)

    def _count(self) -> int:
        """The size of a file whose server does not tell it, by reading the file."""
        with self._ask("GET", {}) as response:
            return sum(len(piece) for piece in _pieces(response, self._seconds))

    def _fill(self, length: int) -> None:
        """Fetch what is missing of `length` bytes from the buffer's start."""
        at = self._start + len(self._buffer)
        stop = min(self._start + length, self._size)
        if not self._ranges:
            self._fill_in_order(at, stop)
            return
        headers = {"Range": f"bytes={at}-{stop - 1}"}
        if self.version.strong_etag:
            headers["If-Match"] = self.version.strong_etag
        response = self._ask("GET", headers)
        try:
            self._check(response)
            if response.status == 200:
                # It serves no ranges: what lies before is passed over.
                self._ranges = False
                self._body = (response, 0)
                self._fill_in_order(at, stop)
                return
            self._take(response, stop)
        finally:
            if self._body is None:
                response.close()

    def _fill_in_order(self, at: int, stop: int) -> None:
        """The same from a server without ranges: its one answer is read on, or begun again."""
        if self._body is None or self._body[1] > at:
            self._drop_body()
            response = self._ask("GET", {})
            self._body = (response, 0)
            self._check(response)
        response, place = self._body
        try:
            for piece in _pieces(response, self._seconds):
                self._buffer += piece[max(0, at - place) :]
                place += len(piece)
                self._body = (response, place)
                if place >= stop:
                    return
        except _Failed:
            self._drop_body()
            raise
        self._drop_body()
        raise _Failed(f"the connection was cut after {place:,} of {self._size:,} bytes")

    def _take(self, response: Any, stop: int) -> None:
        missing = stop - self._start - len(self._buffer)
        for piece in _pieces(response, self._seconds):
            self._buffer += piece[:missing]
            missing -= len(piece)
            if missing <= 0:
                return
        raise _Failed(
            f"the connection was cut after {self._start + len(self._buffer):,} of {self._size:,} bytes"
        )

    def _check(self, response: Any) -> None:
        if (
            response.status == 412
            or (response.status in (200, 206) and self.version.differs(_version(response)))
            or response.status == 416
        ):
            raise InputChanged(
                f"{self.url} changed while it was read; once nothing writes to it, start again with --restart or "
                "in another folder"
            )
        if response.status not in (200, 206):
            raise OSError(f"{self.url}: {_status(response)}")


def _version(response: Any) -> Version:
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    if response.status != 206:
        total = response.headers.get("Content-Length", "")
    size = int(total) if total.isdigit() else None
    return Version(size, response.headers.get("ETag"), response.headers.get("Last-Modified"))


def _why(error: BaseException, seconds: float) -> str:
    import urllib3

    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return f"no connection within {seconds:g} seconds"
    if isinstance(error, urllib3.exceptions.TimeoutError | TimeoutError):
        return f"the server sent nothing for {seconds:g} seconds"
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return f"no connection: {error.__cause__ or error}"
    if isinstance(error, urllib3.exceptions.ProtocolError | urllib3.exceptions.IncompleteRead):
        return "the connection was cut"
    return str(error)
