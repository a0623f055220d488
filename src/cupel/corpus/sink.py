"""Where the readers of all formats put the records of one file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pyarrow as pa

from cupel.corpus.charset import decode
from cupel.corpus.formats import extension, is_binary
from cupel.corpus.records import ORDINAL_BITS, Collector, Quarantined, ReadOptions, Record, Unit, excerpt
from cupel.corpus.streams import StreamFault

__all__ = ["Sink"]


class Sink:
    """Takes the records of one input file into a collector."""

    def __init__(self, collector: Collector, index: int, path: str, source: str) -> None:
        self.collector = collector
        self.options: ReadOptions = collector.options
        self.path = path
        self.source = source
        self.index = index

    @property
    def addressable(self) -> bool:
        """Whether the file's own path leads to its rows, so that parts may refer to their cells."""
        return True

    @property
    def label(self) -> str:
        """The file's name in messages."""
        return self.path

    def doc(self, ordinal: int) -> int:
        """The key of the document with this number in the file."""
        return self.index << ORDINAL_BITS | ordinal

    def only_record(self) -> Record:
        """The record of a file that is one document."""
        return Record(0, 1)

    def add(self, record: Record) -> None:
        """A document."""
        self.collector.add(self.doc(record.ordinal), self.path, self.source, record)

    def add_all(self, documents: pa.RecordBatch) -> Iterator[None]:
        """Documents as the kernel `read_rows` returns them, at most a batch per step."""
        return self.collector.add_all(self.path, documents)

    def bad(self, position: int, unit: Unit, reason: str, detail: str, data: bytes | str = b"") -> None:
        """Something that could not become a document."""
        self.collector.quarantine(Quarantined(self.path, position, unit, reason, detail, excerpt(data)))

    def fault(self, fault: StreamFault) -> None:
        """The stream broke off; everything before has been read."""
        self.bad(fault.offset, "byte", fault.reason, f"{fault.detail}; what came before was read")

    def too_large(self, position: int, unit: Unit, size: int, data: bytes | str = b"") -> None:
        """A record beyond the limit."""
        limit = self.options.max_document_bytes
        self.bad(
            position, unit, "too-large", f"{size} bytes; the limit is {limit} (--max-document-bytes)", data
        )

    def page(self, record: Record, data: bytes, declared: str | None = None) -> None:
        """An HTML page in any charset; other kinds of data are put aside."""
        if _is_no_page(data[:8192]):
            self.bad(record.position, "record", "binary", "the content is not a page", data[:200])
            return
        text, charset = decode(data, declared=declared, html=True)
        if not text.strip("\ufeff \t\r\n\x00"):
            self.bad(record.position, "record", "empty-text", "the page is empty")
            return
        record.metadata = (record.metadata or {}) | {"charset": charset}
        if self.options.html == "text":
            record.text = text
        else:
            record.html = text
        if record.id is None:
            record.id = hashlib.blake2b(
                (record.url or "").encode() + b"\n" + data, digest_size=16
            ).hexdigest()
        self.add(record)

    def plain(self, record: Record, data: bytes, declared: str | None = None, name: str = "") -> None:
        """A plain text in any charset; binary data is put aside.

        NUL characters in an otherwise valid text stay, as they do in JSON strings.
        """
        if is_binary(data[:8192]):
            self.bad(record.position, "record", "binary", "the content is not text", data[:200])
            return
        text, charset = decode(data, declared=declared)
        if not text or text.isspace():
            self.bad(record.position, "record", "empty-text", "there is no text")
            return
        about: dict[str, str] = {"charset": charset}
        if ending := extension(name):
            about["extension"] = ending
        record.text = text
        record.metadata = (record.metadata or {}) | about
        self.add(record)


def _is_no_page(head: bytes) -> bool:
    """Whether bytes are binary; a few stray zeros, which browsers ignore, do not count."""
    zeros = head.count(0)
    return is_binary(head) and (not 0 < zeros * 20 <= len(head) or is_binary(head.replace(b"\x00", b"")))
