"""Whether a file is still the same: digests that change when it does, at little cost.

What is looked at, and what that costs per file:

- A local file of up to 1 MiB: all of it. Touching or copying it does not change the digest.
- A larger local file: 16 samples of 64 KiB, including its first and last bytes; its size; and the times of its last
  modification (mtime) and status change (ctime). The latter cannot be set by hand, so a change between the samples is
  noticed even if mtime was set back. So is a mere `chmod`.
- A file on a web server, an S3 object, a file on a hub: its ETag, in one request. If there is none, or only a weak
  one: its beginning, middle and end, 64 KiB each, in three range requests.
- Anything else remote: the same three samples.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

from cupel.corpus import hub
from cupel.corpus.remote import IOOptions, is_remote, is_web, local_path, open_raw, web_version
from cupel.errors import InputChanged

__all__ = ["check_unchanged", "digest_of", "digest_of_files", "stamp_of"]

_PIECE = 64 * 1024
_LOCAL_SAMPLES = 16
_REMOTE_SAMPLES = 3


def digest_of(path: str, size: int | None = None, io: IOOptions | None = None) -> str:
    """A cheap digest of a file that changes when the file does.

    Parameters
    ----------
    size
        Its stored size, if known; looked up otherwise.
    io
        Settings for remote stores.

    Raises
    ------
    OSError
        The file does not exist (if no size was given), or its store does not answer.
    """
    if is_remote(path):
        return _remote_digest(path, io)
    path = local_path(path)
    state = hashlib.blake2b(digest_size=16)
    size = os.stat(path).st_size if size is None else size
    state.update(b"%d" % size)
    try:
        with open(path, "rb") as file:
            if size > _LOCAL_SAMPLES * _PIECE:
                status = os.fstat(file.fileno())
                state.update(b"%d %d" % (status.st_mtime_ns, status.st_ctime_ns))
            _sample(file, size, _LOCAL_SAMPLES, state)
    except OSError as error:
        # It cannot be read; reading it will say so, in the quarantine.
        state.update(str(error.errno).encode())
    return state.hexdigest()


def digest_of_files(
    paths: Sequence[str], sizes: Sequence[int | None] | None = None, io: IOOptions | None = None
) -> str:
    """A digest of files that are read together, such as an image and its caption; that of `digest_of` for one.

    Raises
    ------
    OSError
        As `digest_of` says.
    """
    sizes = sizes or [None] * len(paths)
    digests = [digest_of(path, size, io) for path, size in zip(paths, sizes, strict=True)]
    if len(digests) == 1:
        return digests[0]
    return hashlib.blake2b("".join(digests).encode(), digest_size=16).hexdigest()


def stamp_of(*paths: str) -> str:
    """What shows without reading them that local files are unchanged; empty if one is remote or missing."""
    stamps = []
    for path in paths:
        if is_remote(path):
            return ""
        try:
            status = os.stat(local_path(path))
        except OSError:
            return ""
        stamps.append(f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}")
    return " ".join(stamps)


def check_unchanged(paths: Sequence[str], digest: str, stamp: str, io: IOOptions | None = None) -> None:
    """Make sure that what was read, a file and those beside it, is what was listed.

    Raises
    ------
    InputChanged
        It was written to, replaced or removed in the meantime.
    OSError
        Its store does not answer.
    """
    if stamp and stamp == stamp_of(*paths):
        return
    path = " or ".join(paths)
    try:
        now = digest_of_files(paths, None, io)
    except FileNotFoundError:
        raise InputChanged(
            f"{path} was removed while it was read; put it back and start again in another folder, or with "
            "--restart"
        ) from None
    if now != digest:
        raise InputChanged(
            f"{path} changed while it was read; once nothing writes to it, start again with --restart or in "
            "another folder"
        )


def _sample(file: Any, size: int, samples: int, state: Any) -> None:
    """All of a small file, or pieces of a large one, evenly spaced from its first bytes to its last."""
    if size <= samples * _PIECE:
        state.update(file.read(size + 1))
        return
    for number in range(samples):
        file.seek((size - _PIECE) * number // (samples - 1))
        state.update(file.read(_PIECE))


def _remote_digest(path: str, io: IOOptions | None) -> str:
    state = hashlib.blake2b(path.encode(), digest_size=16)
    etag = _etag(path, io)
    if etag is not None:
        state.update(etag.encode())
        return state.hexdigest()
    raw = open_raw(path, io)
    try:
        size = raw.seek(0, os.SEEK_END)
        raw.seek(0)
        state.update(b" %d " % size)
        _sample(raw, size, _REMOTE_SAMPLES, state)
    finally:
        raw.close()
    return state.hexdigest()


def _etag(path: str, io: IOOptions | None) -> str | None:
    """Size and strong ETag of a remote file, if its store has them."""
    if is_web(path):
        version = web_version(path, io)
    elif path.startswith("hf://") and (address := hub.web_address(path)) is not None:
        try:
            version = web_version(address, io)
        except OSError:
            return None
    elif path.startswith("s3://"):
        return _s3_etag(path, io or IOOptions())
    else:
        return None
    return f"{version.size} {version.strong_etag}" if version.strong_etag else None


def _s3_etag(path: str, io: IOOptions) -> str | None:
    """Size and ETag of an object, through PyArrow, since Daft does not expose the ETag."""
    import pyarrow as pa

    bucket, _, key = path.removeprefix("s3://").partition("/")
    try:
        with io.s3(bucket).open_input_stream(f"{bucket}/{key}") as stream:
            headers = {_text(name).lower(): _text(value) for name, value in (stream.metadata() or {}).items()}
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException):
        return None
    etag = headers.get("etag")
    return f"{headers.get('content-length')} {etag}" if etag else None


def _text(value: bytes | str) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
