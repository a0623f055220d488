"""The bytes of media, read where they lie: in files, in archives, in cells of tables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import pyarrow as pa

from cupel.corpus.cells import TableCell, cell_of, column_batches
from cupel.corpus.parts import Media
from cupel.corpus.remote import IOOptions, RawFile, as_arrow, open_raw
from cupel.corpus.streams import ByteStream, StreamFault
from cupel.errors import BadInput, InputChanged

__all__ = ["MediaReader"]


class MediaReader:
    """Reads the bytes that media refer to; cheap if they are asked for in the order in which they lie.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "a.gif"
    >>> _ = path.write_bytes(b"GIF89a...")
    >>> with MediaReader() as media:
    ...     media.read(Media(uri=str(path)))
    b'GIF89a...'
    """

    def __init__(self, io: IOOptions | None = None) -> None:
        self._io = io
        self._uri: str | None = None
        self._stream: ByteStream | None = None
        self._cells: _Cells | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the files that were read last."""
        if self._stream is not None:
            self._stream.close()
        if self._cells is not None:
            self._cells.close()
        self._stream = self._cells = None
        self._uri = None

    def read(self, media: Media) -> bytes:
        """The bytes of a medium.

        Raises
        ------
        BadInput
            It has no address, or what has the address cannot be read.
        InputChanged
            The bytes there are not those that the digest is of.
        """
        if media.uri is None:
            raise BadInput("the medium has no address from which it could be read")
        try:
            data = self._bytes(media)
        except (OSError, StreamFault, pa.ArrowException, KeyError, IndexError) as error:
            self.close()
            raise BadInput(f"{media.uri}: the medium cannot be read: {error}") from None
        whole = media.bytes is None or len(data) == media.bytes
        same = media.digest is None or hashlib.blake2b(data, digest_size=16).hexdigest() == media.digest
        if not (whole and same):
            where = "" if media.offset is None else f" at byte {media.offset}"
            raise InputChanged(f"{media.uri} holds other bytes{where} than when it was read")
        return data

    def _bytes(self, media: Media) -> bytes:
        cell = cell_of(str(media.uri)) if media.offset is None else None
        if cell is not None:
            if self._cells is None or not self._cells.reaches(cell):
                self.close()
                self._cells = _Cells(open_raw(cell.path, self._io), cell)
            return self._cells.read(cell)
        if media.offset is None:
            raw = open_raw(str(media.uri), self._io)
            try:
                return raw.read()
            finally:
                raw.close()
        if self._stream is None or self._uri != media.uri or self._stream.consumed > media.offset:
            self.close()
            self._stream = ByteStream(open_raw(str(media.uri), self._io), name=str(media.uri))
            self._uri = media.uri
        self._stream.skip(media.offset - self._stream.consumed)
        return self._stream.read(-1 if media.bytes is None else media.bytes)


class _Cells:
    """One column of a table, read forward."""

    def __init__(self, raw: RawFile, cell: TableCell) -> None:
        self._raw = raw
        self._path, self._column = cell.path, cell.column
        self._batches: Iterator[tuple[int, pa.Array]] = column_batches(as_arrow(raw), cell.column, cell.row)
        self._first, self._values = 0, pa.nulls(0)
        self._advance(cell.row)

    def reaches(self, cell: TableCell) -> bool:
        return (cell.path, cell.column) == (self._path, self._column) and cell.row >= self._first

    def _advance(self, row: int) -> None:
        while row >= self._first + len(self._values):
            try:
                self._first, self._values = next(self._batches)
            except StopIteration:
                raise IndexError(f"there is no row {row}") from None

    def read(self, cell: TableCell) -> bytes:
        self._advance(cell.row)
        value = self._values[cell.row - self._first]
        if cell.item is not None:
            value = value[cell.item]
        data = value["bytes"].as_py() if value.is_valid else None
        if data is None:
            raise KeyError(f"row {cell.row} of '{cell.column}' holds no bytes")
        return bytes(data)

    def close(self) -> None:
        self._raw.close()
