"""The documents of shards, in batches of a few megabytes.

Files are streamed: at most one batch and one document are held. `read_shard` keeps no state
between calls, so any number of threads may call it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from cupel.corpus.charset import stream_charset
from cupel.corpus.files import InputFile
from cupel.corpus.fingerprint import check_unchanged
from cupel.corpus.formats import HEAD, looks_like_text
from cupel.corpus.json_layout import json_layout
from cupel.corpus.json_values import read_values
from cupel.corpus.lines import read_lines
from cupel.corpus.records import (
    DOCUMENT_SCHEMA,
    Collector,
    DocumentBatch,
    Quarantined,
    ReadOptions,
)
from cupel.corpus.remote import IOOptions, RawFile, is_remote, open_raw
from cupel.corpus.sample import SAMPLE, read_sample
from cupel.corpus.shards import FilePart, Shard
from cupel.corpus.sink import Sink
from cupel.corpus.streams import HEAD_BYTES, ByteStream, StreamFault, detect_compression
from cupel.corpus.subtitles import read_subtitles
from cupel.corpus.tables import read_csv, read_tsv
from cupel.corpus.webarchive import read_arc, read_warc
from cupel.errors import BadInput, RunFailed

__all__ = ["DOCUMENT_SCHEMA", "DocumentBatch", "Quarantined", "ReadOptions", "read_shard"]


def read_shard(shard: Shard, options: ReadOptions | None = None) -> Iterator[DocumentBatch]:
    """The documents of a shard, in the order of its files and of the records in them.

    Raises
    ------
    BadInput
        A file has no text column and `missing_column` is `stop`.
    InputChanged
        A file is no longer the one that was listed, as is checked once it has been read.
    RunFailed
        A remote store stops answering.
    """
    collector = Collector(options or ReadOptions())

    def steps() -> Iterator[None]:
        for part in shard.parts:
            yield from _read_part(part, collector)

    yield from collector.batches(steps())


def _read_part(part: FilePart, collector: Collector) -> Iterator[None]:
    """The part, and then a check that its file is still the one that was listed."""
    try:
        yield from _read_listed(part, collector)
    except (BadInput, RunFailed):
        # What is wrong with the file may be because it changed: then that is what to report.
        _check(part.file, collector)
        raise
    _check(part.file, collector)


def _check(file: InputFile, collector: Collector) -> None:
    try:
        check_unchanged(file.paths, file.digest, file.stamp, collector.options.io)
    except OSError as error:
        raise RunFailed(
            f"{file.path} cannot be checked for changes: {error}; start the same command again"
        ) from None


def _read_listed(part: FilePart, collector: Collector) -> Iterator[None]:
    file = part.file
    sink = Sink(collector, file.index, file.path, file.source)
    if file.names_media:
        sink.options = replace(sink.options, media_root=file.path.rpartition("/")[0])
    if file.bytes == 0:
        sink.bad(0, "file", "empty-file", "the file holds no bytes")
        yield
        return
    try:
        raw = open_raw(file.path, collector.options.io)
    except OSError as error:
        _put_aside(sink, "opened", error)
        yield
        return
    try:
        yield from _read_file(part, sink, raw)
    except OSError as error:
        _put_aside(sink, "read to its end", error)
        yield
    except BadInput as error:
        if not file.guessed:
            raise
        sink.bad(0, "file", "no-text-column", str(error))
        yield
    finally:
        raw.close()


def _put_aside(sink: Sink, action: str, error: OSError) -> None:
    """Puts a file into quarantine that the disk cannot read; a store that fails may answer tomorrow.

    Raises
    ------
    RunFailed
        The file is remote: leaving it out would lose data because of a passing fault.
    """
    why = error.strerror or str(error)
    if is_remote(sink.path):
        raise RunFailed(f"{sink.path} cannot be {action}: {why}; start the same command again") from error
    sink.bad(0, "file", "unreadable", f"cannot be {action}: {why}")


def _read_file(part: FilePart, sink: Sink, raw: RawFile) -> Iterator[None]:
    kind = part.file.format
    if kind == SAMPLE:
        yield from read_sample(sink, part.file.paths, part.file.relative)
        return
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
    """JSON objects in whatever layout the content has, whatever the file's name says."""
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


def _read_jsonl(part: FilePart, sink: Sink, raw: RawFile) -> Iterator[None]:
    head = raw.read(HEAD)
    raw.seek(0)
    layout = json_layout(head, whole=len(head) < HEAD, named_lines=True)
    packed = detect_compression(head[:HEAD_BYTES], part.file.path) is not None
    foreign = not packed and stream_charset(head) is not None
    plain = looks_like_text(head) if layout is None else layout.kind == "lines"
    if packed or foreign or not plain:
        # This cannot be split, so the file's first part reads all of it.
        if part.start == 0:
            yield from _read_json("jsonl", sink, _stream(sink, raw))
        return
    start = part.start
    if start > 0:
        # A line belongs to the part in which it starts.
        stream = _stream(sink, raw, start - 1)
        if stream.find(b"\n"):
            stream.skip(1)
        start += stream.consumed - 1
        stream.consumed = 0
    else:
        stream = _stream(sink, raw)
    yield from read_lines(
        sink,
        stream,
        numbered=False,
        stop=part.stop,
        base=start,
        lines_before=partial(_count_lines, part.file.path, start, sink.options.io),
    )


def _count_lines(path: str, stop: int, io: IOOptions | None) -> int:
    """How many lines of a file end before byte `stop`."""
    if stop == 0:
        return 0
    raw = open_raw(path, io)
    try:
        lines = 0
        while stop > 0 and (data := raw.read(min(stop, 1 << 20))):
            lines += data.count(b"\n")
            stop -= len(data)
        return lines
    finally:
        raw.close()


def _read_single(kind: str, sink: Sink, stream: ByteStream, name: str) -> Iterator[None]:
    """A file that is one document: a page, a PDF, subtitles or a text."""
    limit = sink.options.max_document_bytes
    data = b""
    try:
        data = stream.read(limit + 1)
        sink.collector.read(len(data))
        stream.read(1)
    except StreamFault as fault:
        # The beginning of a text is a document, too; an entry in quarantine says that the rest is lost.
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
    elif kind == "pdf":
        from cupel.corpus.pdf import read_pdf

        yield from read_pdf(sink, record, data)
    elif kind == "subtitles":
        read_subtitles(sink, record, data, name)
    elif kind != "html":
        sink.plain(record, data, name=name)
    else:
        sink.page(record, data)
    yield
