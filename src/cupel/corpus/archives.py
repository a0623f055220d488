"""Archives in: members of a tar or zip archive, read like files; nothing is ever written to disk."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

import pyarrow as pa

from cupel.corpus.formats import HEAD, Detected, detect_format, format_by_name
from cupel.corpus.records import BadRow, ReadOptions, Record, Unit
from cupel.corpus.remote import RawFile, Watched
from cupel.corpus.samples import MediaSamples
from cupel.corpus.sink import Sink
from cupel.corpus.streams import ByteStream, StreamFault
from cupel.errors import BadInput

__all__ = ["read_tar", "read_zip"]

ReadContent = Callable[[str, Sink, RawFile, str], Iterator[None]]

# What tar may read between two members besides the first one's content: headers, padding.
_HEADER_BYTES = 1 << 20
_MAX_TABLE_BYTES = 256 << 20
"""A member that cannot be read in order (Parquet, Arrow) is held whole, up to this size."""
_SEEKABLE = ("parquet", "arrow")
_WHOLE = ("html", "pdf", "subtitles", "text")
"""Formats of one document per file."""


class _TarInput:
    """The stream as tarfile reads it; keeps the fault that tarfile would turn into an error of its own."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._ends = 0
        self.fault: StreamFault | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._stream.read(size)
            # To skip a member that claims terabytes, tarfile would keep reading past the end.
            self._ends += not data
            if self._ends > 16:
                offset = self._stream.stored_offset
                raise StreamFault("truncated", offset, "the archive ends inside a member")
            return data
        except StreamFault as fault:
            self.fault = fault
            if fault.reason == "expands-too-much" or self._ends > 16:
                raise
            self._ends += 1
            return b""


class _Member:
    """A member's content as a stored file, read in order; `head` is its beginning, looked at in advance."""

    closed = False

    def __init__(self, content: IO[bytes], size: int) -> None:
        self._content = content
        self._taken = 0
        self._size = size
        self.head = self._read(HEAD)
        self._at = 0

    def _read(self, size: int) -> bytes:
        data = self._content.read(size)
        self._taken += len(data)
        if len(data) < size and self._taken < self._size:
            raise EOFError("unexpected end of data: the archive ends inside a member")
        return data

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; empty at the end."""
        if self._at < len(self.head):
            data = self.head[self._at :] if size < 0 else self.head[self._at : self._at + size]
            self._at += len(data)
            return data + self._read_rest() if size < 0 else data
        return self._read_rest() if size < 0 else self._read(min(size, self._size - self._taken))

    def _read_rest(self) -> bytes:
        return self._read(self._size - self._taken)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise io.UnsupportedOperation("a member of an archive is read in order")

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        self._content.close()


class _MemberSink(Sink):
    """Takes the records of one member of an archive.

    Records are numbered through the whole archive: (member, row) would not fit one number.
    """

    def __init__(self, archive: Sink, name: str, number: int, first: int) -> None:
        super().__init__(archive.collector, archive.index, archive.path, archive.source)
        self._name = name
        self._number = number
        self._first = first
        self.used = first
        """Records of the archive numbered so far."""

    @property
    def addressable(self) -> bool:
        return False

    @property
    def label(self) -> str:
        return f"{self.path}, member {self._name}"

    def doc(self, ordinal: int) -> int:
        return super().doc(self._first + ordinal)

    def only_record(self) -> Record:
        return Record(0, self._number, metadata={"member": self._name})

    def add(self, record: Record) -> None:
        self.used = max(self.used, self._first + record.ordinal + 1)
        super().add(record)

    def add_all(self, documents: pa.RecordBatch) -> Iterator[None]:
        if documents.num_rows:
            last = documents.column("doc")[documents.num_rows - 1].as_py()
            self.used = max(self.used, last - super().doc(0) + 1)
        return super().add_all(documents)

    def bad(self, position: int, unit: Unit, reason: str, detail: str, data: bytes | str = b"") -> None:
        if unit == "file":
            position, unit = self._number, "record"
        super().bad(position, unit, reason, f"member {self._name}: {detail}", data)


def read_tar(sink: Sink, stream: ByteStream, read_content: ReadContent) -> Iterator[None]:
    """Documents in the members of a tar archive; an image and its caption are one (see `cupel.corpus.samples`).

    Members with absolute paths or `..`, links and devices go to quarantine: an archive that has them was made to reach
    outside of itself. So do members that hold no documents.
    """
    reader = _TarInput(stream)
    samples = MediaSamples(_Members(sink, read_content), sink.path)
    stream.budget = 1 << 21
    try:
        with tarfile.open(fileobj=reader, mode="r|") as archive:  # type: ignore[call-overload]
            for number, member in enumerate(archive, 1):
                stream.budget = member.size + _HEADER_BYTES + (1 << 20)
                refusal = _refuse(member.name) or _refuse_type(member) or _refuse_holes(member, sink.options)
                if refusal:
                    yield from samples.finish()
                    sink.bad(number, "record", *refusal, data=member.name)
                elif member.isdir():
                    sink.collector.skip("archive:folder")
                elif (content := archive.extractfile(member)) is not None:
                    offset = None if member.issparse() else member.offset_data
                    yield from samples.read(number, member.name, content, member.size, offset)
                yield
            yield from samples.finish()
    except (tarfile.TarError, StreamFault, EOFError, ValueError, OverflowError) as error:
        fault = error if isinstance(error, StreamFault) else reader.fault
        if fault is None:
            reason = "truncated" if "unexpected end" in str(error) else "corrupt"
            fault = StreamFault(reason, stream.stored_offset, f"broken archive: {error}")
        yield from samples.finish()
        sink.fault(fault)
        yield
        return
    finally:
        stream.budget = None
    if reader.fault is not None:
        sink.fault(reader.fault)
        yield


def read_zip(sink: Sink, raw: RawFile, read_content: ReadContent) -> Iterator[None]:
    """Documents in the members of a zip archive; what is refused is as with `read_tar`."""
    members = _Members(sink, read_content)
    stored = raw.seek(0, io.SEEK_END)
    file: Any = Watched(raw, sink.path)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        file.check()
        sink.bad(0, "file", "unreadable", f"not a whole zip archive: {error}")
        yield
        return
    options, total = sink.options, 0
    with archive:
        for number, member in enumerate(archive.infolist(), 1):
            # Members may overlap, so that each of them expands within bounds and all of them do not.
            total += member.file_size
            if total > options.free_expansion_bytes and total > options.max_expansion * stored:
                detail = f"more than {options.max_expansion} times its stored size"
                sink.fault(StreamFault("expands-too-much", 0, detail))
                yield
                return
            if refusal := _refuse(member.filename):
                sink.bad(number, "record", *refusal, data=member.filename)
            elif member.is_dir():
                sink.collector.skip("archive:folder")
            elif member.flag_bits & 1:
                sink.bad(number, "record", "encrypted", f"member {member.filename} needs a password")
            else:
                try:
                    with archive.open(member) as content:
                        yield from members.read(number, member.filename, content, member.file_size)
                except _BROKEN_MEMBER as error:
                    file.check()
                    detail = f"member {member.filename}: {error}; what came before was read"
                    sink.bad(number, "record", "corrupt", detail)
                except (NotImplementedError, RuntimeError) as error:
                    sink.bad(number, "record", "unsupported", f"member {member.filename}: {error}")
            yield


_BROKEN_MEMBER = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    OverflowError,
    OSError,
)
"""What the decompressors that zipfile uses raise, each in its own way; bzip2's is an OSError."""


def _refuse(name: str) -> tuple[str, str] | None:
    """Why a member of this name is not read, if so: (reason, detail)."""
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or (len(parts[0]) == 2 and parts[0][1] == ":"):
        return "refused-path", "the member's path leads out of the archive"
    return None


def _refuse_type(member: tarfile.TarInfo) -> tuple[str, str] | None:
    if member.issym() or member.islnk():
        return "refused-link", "the member is a link"
    if not (member.isreg() or member.isdir()):
        return "refused-member", "the member is a device or a special file"
    return None


def _refuse_holes(member: tarfile.TarInfo, options: ReadOptions) -> tuple[str, str] | None:
    """Why a sparse member is not read, if so: its holes take no room in the archive, however large they are."""
    if not member.issparse():
        return None
    pieces: Any = member.sparse  # (offset, size) of each, which typeshed takes for another type
    stored = sum(size for _, size in pieces)
    if member.size > options.free_expansion_bytes and member.size > options.max_expansion * max(stored, 1):
        return "expands-too-much", f"more than {options.max_expansion} times its stored size"
    return None


class _Members:
    """Reads one member after the other, as files of their formats are read."""

    def __init__(self, sink: Sink, read_content: ReadContent) -> None:
        self._sink = sink
        self._read_content = read_content
        self._used = 0

    def read(self, number: int, name: str, content: IO[bytes], size: int) -> Iterator[None]:
        """The documents of member `number`, or an entry that says why it has none."""
        name = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        sink = self._member_sink(name, number)
        if size == 0:
            sink.bad(0, "file", "empty-file", "it holds no bytes")
            return
        by_name = format_by_name(name)
        if by_name == "ignored":
            sink.bad(0, "file", "no-document", "files of this kind hold no documents")
            return
        if by_name in _WHOLE and (refusal := self._refuse_format(by_name, size)):
            sink.bad(0, "file", *refusal, data=name)
            return
        member = _Member(content, size)
        detected = Detected(by_name)
        if by_name in (None, "text"):
            options = sink.options
            detected = detect_format(name, member.head, whole=size <= HEAD, text_columns=options.text_columns)
        kind = detected.format
        if refusal := self._refuse_format(kind, size):
            sink.bad(0, "file", *refusal, data=member.head[:200])
            return
        raw: RawFile = io.BytesIO(member.read()) if kind in _SEEKABLE else member
        try:
            yield from self._read_content(str(kind), sink, raw, name)
        except BadInput as error:
            if not detected.guessed:
                raise
            sink.bad(0, "file", "no-text-column", str(error))
        finally:
            self._used = sink.used

    def add_sample(self, number: int, name: str, record_of: Callable[[Sink], Record]) -> None:
        """A document of several members, the first of which is member `number`."""
        sink = self._member_sink(name, number)
        try:
            sink.add(record_of(sink))
        except BadRow as bad:
            sink.bad(number, "record", bad.reason, bad.detail)
        self._used = sink.used

    def _member_sink(self, name: str, number: int) -> _MemberSink:
        return _MemberSink(self._sink, name, number, self._used)

    def _refuse_format(self, kind: str | None, size: int) -> tuple[str, str] | None:
        """Why a member of this format is not read, if so: (reason, detail)."""
        if kind is None:
            return "binary", "the content is not text"
        if kind in ("tar", "zip"):
            return "archive-in-archive", "an archive inside an archive is not read; unpack the outer one"
        if kind in _SEEKABLE and size > _MAX_TABLE_BYTES:
            return (
                "too-large",
                f"{size} bytes; tables inside of archives are read up to {_MAX_TABLE_BYTES} bytes",
            )
        if kind in _WHOLE and size > self._sink.options.max_document_bytes:
            limit = self._sink.options.max_document_bytes
            return "too-large", f"{size} bytes; the limit is {limit} (--max-document-bytes)"
        return None
