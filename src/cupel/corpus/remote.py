"""Stored bytes, wherever they are: local files directly, web servers through `WebFile`, other stores through Daft."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, unquote_to_bytes

import pyarrow as pa

from cupel.corpus.hub import token_for

if TYPE_CHECKING:
    from daft.io import IOConfig
    from pyarrow.fs import S3FileSystem

    from cupel.corpus.web import Version, WebFile

__all__ = [
    "IOOptions",
    "RawFile",
    "Watched",
    "as_arrow",
    "cause_of",
    "is_remote",
    "local_path",
    "open_raw",
    "printable",
    "recorded_path",
    "is_web",
    "web_version",
]

_BUFFER = 4 << 20


@dataclass(frozen=True)
class IOOptions:
    """Where object stores are and how patient to be with them; holds no secrets.

    Credentials come from the environment, as each store's own tools take them (`AWS_…`,
    `GOOGLE_APPLICATION_CREDENTIALS`, `HF_TOKEN`), so that none is ever written into a run's
    folder.

    Attributes
    ----------
    s3_endpoint
        Address of an S3-compatible store that is not Amazon's.
    s3_region
        Its region, where the environment does not say.
    anonymous
        Ask without credentials: public buckets and data sets.
    tries
        How many times a request is tried without making progress.
    seconds
        How long a store may send nothing before a request counts as failed.
    """

    s3_endpoint: str | None = None
    s3_region: str | None = None
    anonymous: bool = False
    tries: int = 6
    seconds: float = 20.0

    def config(self, token: str | None = None) -> IOConfig:
        """The same settings for Daft; `token` goes to web servers."""
        from daft.io import GCSConfig, HTTPConfig, HuggingFaceConfig, IOConfig, S3Config

        wait = max(1, round(1000 * self.seconds))
        return IOConfig(
            s3=S3Config(
                endpoint_url=self.s3_endpoint,
                region_name=self.s3_region,
                anonymous=self.anonymous,
                num_tries=self.tries,
                connect_timeout_ms=wait,
                read_timeout_ms=wait,
            ),
            gcs=GCSConfig(anonymous=self.anonymous, num_tries=self.tries),
            http=HTTPConfig(
                num_tries=self.tries, bearer_token=token, connect_timeout_ms=wait, read_timeout_ms=wait
            ),
            hf=HuggingFaceConfig(anonymous=self.anonymous),
        )

    def s3(self, bucket: str) -> S3FileSystem:
        """The same store as PyArrow reaches it."""
        from pyarrow.fs import S3FileSystem, resolve_s3_region

        endpoint = (
            self.s3_endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        )
        region = self.s3_region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if region is None and endpoint is None:
            region = resolve_s3_region(bucket)
        return S3FileSystem(
            anonymous=self.anonymous,
            endpoint_override=endpoint,
            region=region or "us-east-1",
            connect_timeout=self.seconds,
            request_timeout=self.seconds,
        )


class RawFile(Protocol):
    """What the readers need of a file: bytes from any place."""

    @property
    def closed(self) -> bool: ...

    def read(self, size: int = -1, /) -> bytes: ...

    def seek(self, offset: int, whence: int = 0, /) -> int: ...

    def tell(self) -> int: ...

    def close(self) -> None: ...


class Watched:
    """A stored file that remembers how reading it failed, for libraries that take a failure for broken content.

    Content that is broken goes to quarantine. A store that fails may answer tomorrow: leaving its file out would lose
    documents because of a passing fault.
    """

    def __init__(self, raw: RawFile, path: str) -> None:
        self._raw = raw
        self._is_remote = is_remote(path)
        self._error: OSError | None = None

    def check(self) -> None:
        """Raise the error with which a store failed, if it did; local files are left to the caller.

        Raises
        ------
        OSError
            What reading the stored file raised.
        """
        if self._error is not None and self._is_remote:
            raise self._error

    @property
    def closed(self) -> bool:
        return self._raw.closed

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._raw.read(size)
        except OSError as error:
            self._error = error
            raise

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return self._raw.seek(offset, whence)
        except OSError as error:
            self._error = error
            raise

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._raw.tell()

    def close(self) -> None:
        self._raw.close()


def as_arrow(raw: RawFile) -> pa.NativeFile:
    """The file as Arrow's readers take it."""
    opened: Any = raw
    return pa.PythonFile(opened, mode="r")


def is_remote(path: str) -> bool:
    """Whether `path` names something that Daft's I/O fetches.

    >>> is_remote("s3://bucket/a.jsonl"), is_remote("pool/a.jsonl"), is_remote("file:///a.jsonl")
    (True, False, False)
    """
    return "://" in path and not path.startswith("file://")


def printable(name: str) -> str:
    r"""A name for messages: bytes of it that are not UTF-8 are escaped.

    >>> printable("caf\udce9.txt")
    'caf\\udce9.txt'
    """
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def recorded_path(path: str) -> str:
    r"""The path of a local file as plans, ledgers and JSON hold it.

    A name that is not UTF-8, which neither Arrow nor JSON can hold, is written as a `file://`
    address, percent-encoded.

    >>> recorded_path("/pool/a.txt"), recorded_path(os.fsdecode(b"/pool/caf\xe9.txt"))
    ('/pool/a.txt', 'file:///pool/caf%E9.txt')
    """
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return "file://" + quote(os.fsencode(os.path.abspath(path)))
    return path


def local_path(recorded: str) -> str:
    """The path in the file system that `recorded_path` wrote down."""
    if not recorded.startswith("file://"):
        return recorded
    return os.fsdecode(unquote_to_bytes(recorded.removeprefix("file://")))


def is_web(path: str) -> bool:
    """Whether `path` is the address of a file on a web server."""
    return path.startswith(("http://", "https://"))


def web_version(url: str, io: IOOptions | None) -> Version:
    """What a web server says about the state of a file.

    Raises
    ------
    OSError
        There is no such file, or the server does not answer.
    """
    file = _web(url, io)
    file.close()
    return file.version


def _web(url: str, io: IOOptions | None) -> WebFile:
    from cupel.corpus.web import WebFile

    io = io or IOOptions()
    return WebFile(url, token=token_for(url), tries=io.tries, seconds=io.seconds)


class _Remote:
    """A Daft file as an ordinary one: bytes from any place, fetched by range where served."""

    def __init__(self, path: str, io: IOOptions | None) -> None:
        import daft

        token = token_for(path)
        config = (io or IOOptions()).config(token)
        opened: Any = daft.File(path, io_config=config).open(buffer_size=_BUFFER)
        self._opened = opened.__enter__()
        self._size = int(self._opened.size())
        self._at = 0
        self.closed = False

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; empty at the end, where Daft itself would refuse."""
        left = self._size - self._at
        missing = left if size < 0 else min(size, left)
        parts = []
        while missing > 0:
            try:
                part = bytes(self._opened.read(missing))
            except _faults() as error:
                raise OSError(f"cannot continue reading: {cause_of(error)}") from error
            if not part:
                raise OSError(f"the store gave {self._at} of {self._size} bytes")
            parts.append(part)
            missing -= len(part)
            self._at += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Goes to a place; one past the end counts as the end."""
        self._at = min(max((0, self._at, self._size)[whence] + offset, 0), self._size)
        if self._at < self._size:
            try:
                self._opened.seek(self._at)
            except _faults() as error:
                raise OSError(f"cannot continue reading: {cause_of(error)}") from error
        return self._at

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def close(self) -> None:
        """Lets go of the file."""
        if not self.closed:
            self.closed = True
            self._opened.close()


def open_raw(path: str, io: IOOptions | None = None) -> RawFile:
    """The stored bytes of a local or remote file, seekable.

    Raises
    ------
    OSError
        The file does not exist, may not be read, or the store does not answer.
    """
    if not is_remote(path):
        return open(local_path(path), "rb")
    if is_web(path):
        return _web(path, io)
    try:
        return _Remote(path, io)
    except _faults() as error:
        raise OSError(f"cannot open it: {cause_of(error)}") from error


def _faults() -> tuple[type[Exception], ...]:
    """What Daft raises when a store does not answer as it should."""
    from daft.exceptions import DaftCoreException

    return (DaftCoreException, RuntimeError, ValueError, OSError)


def cause_of(error: Exception) -> str:
    """The first and the last line of Daft's chain of causes: what failed, and on what."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    last = re.sub(r"^\d+: ", "", lines[-1])
    return last[:300] if len(lines) > 1 else lines[0][:300]
