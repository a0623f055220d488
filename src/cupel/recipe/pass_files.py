"""Files of a finished pass, read back by a later one: a damaged file is reported, and rebuilt by the next run.

A run that is taken up again compares every file with its seal. While it goes on it does not: it has just written
them. What changes in the meantime is found by the checksums of their pages, or by what Arrow cannot read.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cupel.errors import CupelError, Damaged
from cupel.recipe.folder import SEAL, read_sealed

__all__ = ["naming_damage", "open_pass_file", "read_pass_json", "read_pass_table", "row_count"]

_SYSTEM_LIMITS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM}
"""Errors that prevent an intact file from being read."""


@contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Turn what is wrong with the content of a file into an error that names it.

    Raises
    ------
    Damaged
        The file is missing, or is not what was written.
    """
    try:
        yield
    except (CupelError, MemoryError, pa.ArrowCancelled):
        raise
    except FileNotFoundError:
        raise _damaged(path, "is missing") from None
    except (ValueError, KeyError, TypeError, OSError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.errno in _SYSTEM_LIMITS:
            raise
        what = str(error).partition("\n")[0].removesuffix(".")
        raise _damaged(path, f"cannot be read ({what})") from None


def _damaged(path: Path, fault: str) -> Damaged:
    return Damaged(path, fault, "start the same command again: it makes the file again")


@contextmanager
def open_pass_file(path: Path, metadata: pq.FileMetaData | None = None) -> Iterator[pq.ParquetFile]:
    """A Parquet file of a pass, its pages checked while they are read.

    What the caller does with the open file is taken for reading it.

    Raises
    ------
    Damaged
        As `naming_damage`.
    """
    with (
        naming_damage(path),
        pq.ParquetFile(path, metadata=metadata, page_checksum_verification=True) as file,
    ):
        yield file


def row_count(path: Path) -> int:
    """Rows of a Parquet file, by its footer; the rest is as in `open_pass_file`."""
    with open_pass_file(path) as file:
        return int(file.metadata.num_rows)


def read_pass_table(path: Path, columns: Sequence[str] | None = None, filters: Any = None) -> pa.Table:
    """A table that a deduplication left; the rest is as in `open_pass_file`."""
    with naming_damage(path):
        return pq.read_table(
            path,
            columns=None if columns is None else list(columns),
            filters=filters,
            page_checksum_verification=True,
        )


def read_pass_json(path: Path) -> dict[str, Any]:
    """A JSON object that a pass left, which carries its own digest.

    Raises
    ------
    Damaged
        As `naming_damage`.
    """
    try:
        value = read_sealed(path)
    except Damaged as damaged:
        raise _damaged(path, damaged.fault) from None
    del value[SEAL]
    return value
