"""What was made and is kept, copied to where a user wants it, without harm to what lies there."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from cupel.errors import BadInput, OutputInUse
from cupel.store.files import make

__all__ = ["deliver", "refuse_foreign"]


def refuse_foreign(folder: Path, read: Callable[[Path], object], what: str) -> None:
    """Never write among somebody's files, nor remove them.

    Parameters
    ----------
    read
        Raises `BadInput` where the folder holds no such thing.
    what
        What it is called.

    Raises
    ------
    OutputInUse
        The folder is a file, or holds something else.
    """
    if folder.is_file():
        raise OutputInUse(f"{folder}: is a file; choose a new folder")
    if folder.is_dir() and any(folder.iterdir()):
        try:
            read(folder)
        except BadInput:
            raise OutputInUse(f"{folder}: not empty, and no {what}; choose an empty or new folder") from None


def deliver(kept: Path, folder: Path, *, is_there: Callable[[], bool], holds: str, restart: bool) -> None:
    """Copy what is kept into a folder, whole or not at all, unless it is there already.

    Parameters
    ----------
    is_there
        Whether the folder, which is not empty, holds the same.
    holds
        What it holds otherwise, for the message.
    restart
        Replace that.

    Raises
    ------
    OutputInUse
        The folder holds something else of ours.
    """
    if folder.exists() and any(folder.iterdir()):
        if is_there():
            return
        if not restart:
            raise OutputInUse(f"{folder}: holds {holds}; choose another folder, or replace it with --restart")
        shutil.rmtree(folder)
    elif folder.exists():
        folder.rmdir()
    make(folder, lambda unfinished: shutil.copytree(kept, unfinished))
