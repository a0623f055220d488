"""Archives in: tar files of pages, texts or JSON lines; nothing is ever written to disk."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator

from cupel.corpus.formats import format_by_content, format_by_name
from cupel.corpus.records import Record
from cupel.corpus.sink import Sink
from cupel.corpus.streams import BytesFile, ByteStream, StreamFault

__all__ = ["read_tar"]

# What tar may read between two members besides the first one's content: headers, padding.
_HEADER_BYTES = 1 << 20


class _Reader:
    """The stream as tarfile wants it; keeps the fault that tarfile would turn into its own."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._ends = 0
        self.fault: StreamFault | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._stream.read(size)
            # To skip a member that claims terabytes, tarfile would ask on and on behind the end.
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


def read_tar(
    sink: Sink, stream: ByteStream, read_lines: Callable[..., Iterator[None]], first_ordinal: int = 0
) -> Iterator[None]:
    """Documents of the members: pages and texts one each, JSON lines one a line.

    Members with absolute paths or `..`, links and devices are put aside: an archive that
    has them was made to reach outside of it.
    """
    reader = _Reader(stream)
    counter = 0
    stream.budget = 1 << 21
    try:
        with tarfile.open(fileobj=reader, mode="r|") as archive:  # type: ignore[call-overload]
            for number, member in enumerate(archive, 1):
                stream.budget = member.size + _HEADER_BYTES + (1 << 20)
                refused = _refuse(member)
                if refused:
                    sink.bad(number, "record", *refused, data=member.name)
                elif member.isdir():
                    sink.collector.skip("archive:folder")
                elif member.size > sink.options.max_document_bytes:
                    sink.too_large(number, "record", member.size, member.name)
                elif (opened := archive.extractfile(member)) is not None:
                    data = opened.read()
                    if len(data) < member.size:
                        raise tarfile.ReadError("unexpected end of data")
                    sink.collector.read(len(data))
                    for step in _read_member(sink, member.name, data, number, counter, read_lines):
                        counter = max(counter, step)
                        yield
                yield
    except (tarfile.TarError, StreamFault, EOFError, ValueError, OverflowError) as error:
        fault = error if isinstance(error, StreamFault) else reader.fault
        if fault is None:
            reason = "truncated" if "unexpected end" in str(error) else "corrupt"
            fault = StreamFault(reason, stream.stored_offset, f"broken archive: {error}")
        sink.fault(fault)
        yield
        return
    finally:
        stream.budget = None
    if reader.fault is not None:
        sink.fault(reader.fault)
        yield


def _refuse(member: tarfile.TarInfo) -> tuple[str, str] | None:
    """Why this member is not read, if so: (reason, detail)."""
    parts = member.name.replace("\\", "/").split("/")
    if member.name.startswith(("/", "\\")) or ".." in parts or (len(parts[0]) == 2 and parts[0][1] == ":"):
        return "refused-path", "the member's path leads out of the archive"
    if member.issym() or member.islnk():
        return "refused-link", "the member is a link"
    if not (member.isreg() or member.isdir()):
        return "refused-member", "the member is a device or a special file"
    return None


def _read_member(
    sink: Sink, name: str, data: bytes, number: int, counter: int, read_lines: Callable[..., Iterator[None]]
) -> Iterator[int]:
    """Reads one member; gives the number of records used after each step.

    Records are numbered through the whole archive: (member, row) would not fit one number.
    """
    kind = format_by_name(name) or format_by_content(data[:65536], name)
    if not data:
        sink.bad(number, "record", "empty-file", "the member holds no bytes", name)
        yield counter
    elif kind == "jsonl":
        inner = ByteStream(BytesFile(data), max_expansion=sink.options.max_expansion)
        before = counter
        for _ in read_lines(sink, inner, numbered=True, first_ordinal=before):
            counter += 1
            yield counter
    elif kind in ("html", "text"):
        record = Record(counter, number, metadata={"member": name})
        if kind == "html":
            sink.page(record, data)
        else:
            sink.plain(record, data, name=name)
        yield counter + 1
    else:
        sink.collector.skip("archive:" + (kind or "binary"))
        yield counter
