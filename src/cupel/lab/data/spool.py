"""Arms are read once: what was parsed, decompressed and extracted is kept on disk while an assay looks at it again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import pyarrow as pa

from cupel.errors import RunFailed
from cupel.lab.data.documents import CHATS, DOCUMENTS, read_documents

__all__ = ["Spool"]

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class Spool:
    """The documents of sources, each read the first time it is asked for, and taken from the disk after that.

    The files have no names: the system takes them away with the process, however that ends. They take about half of
    the bytes of the text.

    Parameters
    ----------
    folder
        On the disk that holds them.
    chats
        As for `read_documents`.
    """

    def __init__(self, folder: Path, *, chats: bool = False) -> None:
        self._folder, self._chats = folder, chats
        self._files: dict[str, IO[bytes]] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def read(self, path: str) -> Iterator[pa.RecordBatch]:
        """The documents of a source, as `read_documents` gives them. A source is read by one reader at a time.

        Raises
        ------
        BadInput
            As `read_documents`.
        RunFailed
            The disk is full.
        """
        file = self._files.get(path)
        if file is None:
            yield from self._read_first(path)
            return
        file.seek(0)
        with pa.ipc.open_stream(pa.PythonFile(file, "r")) as batches:
            yield from batches

    def _read_first(self, path: str) -> Iterator[pa.RecordBatch]:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._open.enter_context(tempfile.TemporaryFile(dir=self._folder))  # noqa: SIM115
        schema = CHATS if self._chats else DOCUMENTS
        with pa.ipc.new_stream(pa.PythonFile(file, "w"), schema, options=_OPTIONS) as stream:
            for batch in read_documents(path, chats=self._chats):
                try:
                    stream.write_batch(batch)
                except OSError as error:
                    raise RunFailed(
                        f"{self._folder}: {error}; the documents of {path} are kept there while they are looked at: "
                        "free some space, or name another folder with --cache"
                    ) from error
                yield batch
        self._files[path] = file  # only when all of it has been read
