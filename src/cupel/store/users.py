"""Which artifacts running processes use: each process holds a locked file with their names."""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path

from cupel.store.files import make_folder, try_lock

__all__ = ["mark_used", "used"]

_open: dict[tuple[int, Path], int] = {}
"""Descriptors by process and Store; the system closes them, and so gives the locks back, however a process ends."""
_opening = threading.Lock()


def mark_used(store: Path, name: str) -> None:
    """Say that this process uses an artifact, until it ends.

    Raises
    ------
    OSError
        No permission, or a full disk.
    """
    with _opening:
        owner = (os.getpid(), store.absolute())
        if owner not in _open:
            make_folder(store / ".used")
            path = store / ".used" / f"{owner[0]}-{secrets.token_hex(8)}"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
            try_lock(descriptor)
            _open[owner] = descriptor
        os.write(_open[owner], f"{name}\n".encode())


def used(store: Path, *, own: bool) -> frozenset[str]:
    """The names of the artifacts that running processes use, this one counted or not; what dead ones left is removed."""
    mine = _open.get((os.getpid(), store.absolute()))
    names: set[str] = set()
    for path in (store / ".used").glob("*-*"):
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            continue
        try:
            if mine is not None and os.path.samestat(os.fstat(descriptor), os.fstat(mine)):
                names |= set(path.read_text().split()) if own else set()
            elif try_lock(descriptor):
                path.unlink(missing_ok=True)
            else:
                names |= set(path.read_text().split())
        finally:
            os.close(descriptor)
    return frozenset(names)
