"""Documents out of shards, in batches of a few megabytes.

A file is streamed: at most a batch and one document are held. `read_shard` keeps no state
between calls, so that any number of threads may call it.
"""

from __future__ import annotations

from collections.abc import Iterator

from cupel.corpus.charset import stream_charset
from cupel.corpus.files import InputFile
from cupel.corpus.fingerprint import check_unchanged
from cupel.corpus.formats import HEAD, looks_like_text, without_compression
from cupel.corpus.json_layout import json_layout
from cupel.corpus.json_values import read_values
from cupel.corpus.lines import read_lines
from cupel.corpus.records import (
    DOCUMENT_SCHEMA,
    Batch,
    Collector,
    Quarantined,
    ReadOptions,
)
from cupel.corpus.remote import RawFile, is_remote, open_raw
from cupel.corpus.shards import Part, Shard
from cupel.corpus.sink import Sink
from cupel.corpus.streams import HEAD_BYTES, ByteStream, StreamFault, detect_compression
from cupel.corpus.tables import read_csv, read_tsv
from cupel.corpus.webarchive import read_arc, read_warc
from cupel.errors import BadInput, RunFailed

__all__ = ["DOCUMENT_SCHEMA", "Batch", "Quarantined", "ReadOptions", "read_shard"]


def read_shard(shard: Shard, options: ReadOptions | None = None) -> Iterator[Batch]:
    """The documents of a shard, in the order of its files and of the records in them.

    Raises
    ------
    BadInput
        A file has no text column and `missing_column` is `stop`.
    InputChanged
        A file is not the one that was listed any more, once it has been read.
    RunFailed
        A remote store stops answering.
    """
    collector = Collector(options or ReadOptions())

    def steps() -> Iterator[None]:
        for part in shard.parts:
            yield from _read_part(part, collector)

    yield from collector.batches(steps())


def _read_part(part: Part, collector: Collector) -> Iterator[None]:
    """The part, and then a look whether its file is still the one that was listed."""
    try:
        yield from _read_listed(part, collector)
    except (BadInput, RunFailed):
        # What is wrong with it may come of the change: then this is what to say.
        _check(part.file, collector)
        raise
    _check(part.file, collector)


def _check(file: InputFile, collector: Collector) -> None:
    try:
        check_unchanged(file.path, file.digest, file.stamp, collector.options.io)
    except OSError as error:
        raise RunFailed(
            f"{file.path} cannot be checked for changes: {error}; start the same command again"
        ) from None


def _read_listed(part: Part, collector: Collector) -> Iterator[None]:
    file = part.file
    sink = Sink(collector, file.index, file.path, file.source)
    if file.bytes == 0:
        sink.bad(0, "file", "empty-file", "the file holds no bytes")
        yield
        return
    try:
        raw = open_raw(file.path, collector.options.io)
    except OSError as error:
        _cannot(sink, "opened", error)
        yield
        return
    try:
        yield from _read_file(part, sink, raw)
    except OSError as error:
        _cannot(sink, "read to its end", error)
        yield
    except BadInput as error:
        if not file.guessed:
            raise
        sink.bad(0, "file", "no-text-column", str(error))
        yield
    finally:
        raw.close()


def _cannot(sink: Sink, what: str, error: OSError) -> None:
    """Puts a file aside that the disk refuses; a store that fails may answer tomorrow.

    Raises
    ------
    RunFailed
        The file is remote: leaving it out would lose data for a passing fault.
    """
    why = error.strerror or str(error)
    if is_remote(sink.path):
        raise RunFailed(f"{sink.path} cannot be {what}: {why}; start the same command again") from error
    sink.bad(0, "file", "unreadable", f"cannot be {what}: {why}")


def _read_file(part: Part, sink: Sink, raw: RawFile) -> Iterator[None]:
    kind = part.file.format
    if kind == "parquet":
        from cupel.corpus.parquet import read_parquet

        yield from read_parquet(sink, raw, part.start, part.stop)
    elif kind == "jsonl":
        yield from _read_jsonl(part, sink, raw)
    elif kind in ("tar", "zip"):
        from cupel.corpus import archives

        if kind == "tar":
            yield from archives.read_tar(sink, _stream(sink, raw), read_content)
        else:
            yield from archives.read_zip(sink, raw, read_content)
    else:
        yield from read_content(kind, sink, raw, part.file.path)


def read_content(kind: str, sink: Sink, raw: RawFile, name: str) -> Iterator[None]:
    """Documents of a whole file, or of one in an archive, that is no archive itself."""
    if kind == "parquet":
        from cupel.corpus.parquet import read_parquet

        yield from read_parquet(sink, raw, 0, None)
    elif kind == "arrow":
        from cupel.corpus.arrow import read_arrow

        yield from read_arrow(sink, raw)
    elif kind in ("warc", "arc"):
        yield from (read_warc if kind == "warc" else read_arc)(sink, raw)
    else:
        stream = _stream(sink, raw, name=name)
        if kind in ("json", "jsonl"):
            yield from _read_json(kind, sink, stream)
        elif kind == "csv":
            yield from read_csv(sink, stream)
        elif kind == "tsv":
            yield from read_tsv(sink, stream)
        else:
            yield from _read_single(kind, sink, stream, name)


def _stream(sink: Sink, raw: RawFile, start: int = 0, name: str = "") -> ByteStream:
    options = sink.options
    return ByteStream(
        raw,
        name=name or sink.path,
        start=start,
        max_expansion=options.max_expansion,
        free_bytes=options.free_expansion_bytes,
    )


def _read_json(kind: str, sink: Sink, stream: ByteStream) -> Iterator[None]:
    """JSON objects in whatever layout, whatever the file's name says of it."""
    stream.as_utf8()
    head = stream.peek(HEAD)
    layout = json_layout(head, whole=len(head) < HEAD, named_lines=kind == "jsonl")
    if layout is None and head and not looks_like_text(head):
        sink.bad(0, "file", "binary", "the content is not text, as JSON is", head[:200])
        yield
    elif (layout.kind if layout else kind) in ("lines", "jsonl"):
        yield from read_lines(sink, stream, numbered=True)
    else:
        yield from read_values(sink, stream)


def _read_jsonl(part: Part, sink: Sink, raw: RawFile) -> Iterator[None]:
    head = raw.read(HEAD)
    raw.seek(0)
    layout = json_layout(head, whole=len(head) < HEAD, named_lines=True)
    packed = detect_compression(head[:HEAD_BYTES], part.file.path) is not None
    foreign = not packed and stream_charset(head) is not None
    plain = looks_like_text(head) if layout is None else layout.kind == "lines"
    if packed or foreign or not plain:
        # This cannot be split, so its first part reads all of it.
        if part.start == 0:
            yield from _read_json("jsonl", sink, _stream(sink, raw))
        return
    start = part.start
    if start > 0:
        # A line belongs to the part in which it starts.
        stream = _stream(sink, raw, start - 1)
        if stream.find(b"\n"):
            stream.skip(1)
        start += stream.given - 1
        stream.given = 0
    else:
        stream = _stream(sink, raw)
    yield from read_lines(
        sink,
        stream,
        numbered=False,
        stop=part.stop,
        base=start,
        line_of=_LineNumbers(part.file.path, sink.options),
    )


class _LineNumbers:
    """The line number of a byte offset, counted only when something has to be put aside."""

    def __init__(self, path: str, options: ReadOptions) -> None:
        self._path = path
        self._options = options
        self._offset = 0
        self._line = 1

    def __call__(self, offset: int) -> int:
        raw = open_raw(self._path, self._options.io)
        try:
            raw.seek(self._offset)
            left = offset - self._offset
            while left > 0 and (data := raw.read(min(left, 1 << 20))):
                self._line += data.count(b"\n")
                left -= len(data)
        finally:
            raw.close()
        self._offset = offset
        return self._line


def _read_single(kind: str, sink: Sink, stream: ByteStream, name: str) -> Iterator[None]:
    """A file that is one document: a page or a text."""
    limit = sink.options.max_document_bytes
    data = b""
    try:
        data = stream.read(limit + 1)
        sink.collector.read(len(data))
        stream.read(1)
    except StreamFault as fault:
        # The beginning of a text is a document, too; that the rest is lost is said beside it.
        sink.fault(fault)
        if fault.reason == "expands-too-much" or not data:
            yield
            return
    record = sink.only_record()
    if len(data) > limit:
        detail = f"more than {limit} bytes, which is the limit (--max-document-bytes)"
        sink.bad(record.position, "file", "too-large", detail, data[:200])
    elif not data:
        sink.bad(record.position, "file", "empty-text", "there is no text")
    elif kind != "html":
        sink.plain(record, data, name=without_compression(name))
    else:
        sink.page(record, data)
    yield
