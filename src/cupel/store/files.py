"""Files and folders that appear whole or not at all, made by one process at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "hold",
    "try_lock",
    "locked",
    "make",
    "make_folder",
    "put",
    "remove_unlocked",
    "rename",
    "replace",
    "sync",
    "temporary",
]

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""What file systems answer that cannot lock."""


def make(path: Path, build: Callable[[Path], object], *, whole: Callable[[Path], bool] = Path.exists) -> Path:
    """Give `path` if it is whole; otherwise build it and move it into place.

    Processes and threads that ask for the same path at once wait for the one that builds it, and use its
    result. When that process dies, even by SIGKILL, the system releases its lock: the next one removes what
    it left and builds from the start.

    Parameters
    ----------
    path
        A file or a folder. Its name should be decided by everything that decides its content.
    build
        Called with an unused path beside `path`, where it writes the file or makes the folder.
    whole
        Whether an existing path can be used. A path that cannot is replaced.

    Raises
    ------
    OSError
        The disk is full, or there is no permission. What `build` raises is passed on. In both cases `path`
        stays as it was, and nothing is left beside it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "東京" / "numbers.txt"
    >>> make(path, lambda unfinished: unfinished.write_text("1 2 3")).read_text()
    '1 2 3'
    >>> make(path, lambda unfinished: unfinished.write_text("never called")).read_text()
    '1 2 3'
    """
    if not (path.exists() and whole(path)):
        with locked(path) as alone:
            if not (path.exists() and whole(path)):
                _put(path, build, alone, lambda: path.exists() and whole(path))
    return path


def replace(path: Path, build: Callable[[Path], object]) -> Path:
    """Build `path` anew, whatever is there, and move it into place; the rest is as in `make`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "numbers.txt"
    >>> for text in ("1 2 3", "4"):
    ...     path = replace(path, lambda unfinished: unfinished.write_text(text))
    >>> path.read_text()
    '4'
    """
    with locked(path) as alone:
        _put(path, build, alone, lambda: False)
    return path


def temporary(path: Path) -> Path:
    """The name that a file has while its only writer writes it, piece by piece; no reader of the folder takes it up.

    `rename` or `put` gives it its own name when it is whole.
    """
    return path.with_name(f".{path.name}.tmp")


def rename(path: Path) -> None:
    """Give a file that was written under its temporary name its own; a power cut may empty it."""
    os.replace(temporary(path), path)


def put(path: Path) -> None:
    """Give a file that was written under its temporary name its own, and have both survive a power cut."""
    sync(temporary(path))
    rename(path)
    sync(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, so that a power cut takes none of them away.

    A folder's name stands in the folder above it: syncing what is put into a new folder does not keep the
    folder itself.

    Raises
    ------
    OSError
        No permission, a full disk, or a file of that name.
    """
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)  # another process may have been faster
        sync(folder.parent)


def sync(path: Path) -> None:
    """Have the disk keep a file's content, or a folder's names."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot do it for folders
            raise
    finally:
        os.close(descriptor)


def _put(path: Path, build: Callable[[Path], object], alone: bool, usable: Callable[[], bool]) -> None:
    if alone:
        for leftover in _unfinished(path):
            _remove(leftover)
    unfinished = _beside(path)
    try:
        build(unfinished)
        _sync_all(unfinished)
        # Without locks another process may have been faster; what it made is as good.
        if not usable():
            _move(unfinished, path)
    finally:
        _remove(unfinished)


def _move(unfinished: Path, path: Path) -> None:
    if path.exists() and (path.is_dir() or unfinished.is_dir()):
        # A folder with files in it is not replaced in one call.
        old = _beside(path)
        path.rename(old)
        unfinished.rename(path)
        _remove(old)
    else:
        unfinished.replace(path)
    sync(path.parent)


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock of `path`. Gives False where the file system has no locks."""
    make_folder(path.parent)
    lock = path.with_name(f".{path.name}.lock")
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            alone = _wait(descriptor)
            # The one who held it before has removed the file, and a third may have made it anew.
            if _is_same(descriptor, lock):
                try:
                    yield alone
                finally:
                    lock.unlink(missing_ok=True)
                return
        finally:
            os.close(descriptor)


def hold(path: Path) -> int:
    """Make a file and lock it for as long as this process lives, or until the descriptor is closed.

    Gives the descriptor. `remove_unlocked` leaves the file alone until then.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    _wait(descriptor)
    return descriptor


def remove_unlocked(path: Path) -> None:
    """Remove a file that a process which has died was holding; where the file system has no locks, nothing is removed."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        if try_lock(descriptor):
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Take the lock if nobody has it. Without locks in the file system, nothing is free: what may be in use stays."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _wait(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


def _is_same(descriptor: int, lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), lock.stat())
    except FileNotFoundError:
        return False


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")


def _unfinished(path: Path) -> list[Path]:
    """What processes that have died left beside `path`."""
    begin, end = f".{path.name}.", ".tmp"
    token = 2 * 8
    return [
        entry
        for entry in path.parent.iterdir()
        if entry.name.startswith(begin)
        and entry.name.endswith(end)
        and len(entry.name) == len(begin) + token + len(end)
    ]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync_all(path: Path) -> None:
    """Have everything under `path` on the disk before its name says that it is whole."""
    if path.is_dir():
        for entry in path.iterdir():
            if not entry.is_symlink():
                _sync_all(entry)
    sync(path)
