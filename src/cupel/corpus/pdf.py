"""The text of PDF files, read by PDFium in a process of its own.

PDFium is compiled code that is not thread-safe, and PDF files are what people attack readers with. A file is therefore
parsed in one of the child processes that extract pages: a file on which the parser hangs or dies costs that process, and
goes to quarantine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, Self

from cupel.corpus.extraction._pool import ExtractionOptions, extract_document
from cupel.corpus.records import Record
from cupel.corpus.sink import Sink
from cupel.errors import MissingExtra

__all__ = ["PdfText", "joined_lines", "read_pdf"]

_SECONDS = 120.0
"""A thousand pages take about one second."""
_BREAK = re.compile(r"[ \t]*(?:\r\n|\r|\n)")
_HYPHEN = re.compile(r"(?:[\u00ad\u0002\ufffe]|(?<=[^\W\d_])[-\u2010](?=\n[^\W\d_A-Z]))\n?")
_MARKS = re.compile(r"[\u00ad\u0002\ufffe\ufeff\x00]")


def read_pdf(sink: Sink, record: Record, data: bytes) -> Iterator[None]:
    """The one document of a PDF file, or an entry that says why it has none.

    Pages are separated by blank lines. Fields are `pages`, and `title` and `author` where the file states them.
    """
    if find_spec("pypdfium2") is None:
        sink.bad(record.position, "file", "missing-extra", str(MissingExtra("reading PDF", "pdf")))
        yield
        return
    spec = f"{PdfText.__module__}:{PdfText.__qualname__}:{{}}"
    options = ExtractionOptions(_SECONDS, max_html_bytes=4 * sink.options.max_document_bytes)
    # The child takes text; each byte becomes the character of its number.
    answer, error = extract_document(spec, "pdf", data.decode("latin-1").encode("utf-8"), options)
    content: Mapping[str, Any] = json.loads(answer) if answer is not None else {}
    if error is not None:
        sink.bad(record.position, "file", error.reason, f"PDFium: {error.detail}", data[:200])
    elif "reason" in content:
        sink.bad(record.position, "file", content["reason"], content["detail"], data[:200])
    elif len(content["text"]) > sink.options.max_document_bytes:
        sink.too_large(record.position, "file", len(content["text"]))
    else:
        record.text = content["text"]
        record.metadata = (record.metadata or {}) | content["fields"]
        sink.add(record)
    yield


def joined_lines(text: str) -> str:
    r"""Text as PDFium gives it, with words joined that a hyphen divides at the end of a line.

    Where the file marks the hyphen as one that only divides, it goes in any case; a plain hyphen goes where a small
    letter follows. `well-` and `known` therefore become one word, as they would in any tool without a dictionary.

    >>> joined_lines("The Ca-\r\nfé of Foo-\r\nBar is co\u00ad\r\nzy. \r\n2-\r\n3")
    'The Café of Foo-\nBar is cozy.\n2-\n3'
    """
    return _MARKS.sub("", _HYPHEN.sub("", _BREAK.sub("\n", text))).strip()


class PdfText:
    """PDFium behind the interface of the extraction processes: a PDF in, JSON of text and fields out."""

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Loads PDFium, so that the first file does not pay for it."""
        import pypdfium2

        del options, pypdfium2
        return cls()

    def extract(self, content: str) -> str:
        """The text and fields of a PDF whose bytes are the characters of `content`, or why there is none."""
        return json.dumps(self._read(content.encode("latin-1")))

    def _read(self, data: bytes) -> Mapping[str, Any]:
        import pypdfium2

        # PDFium fails on some files without saying why, and then repeats what it said of the file before.
        with suppress(pypdfium2.PdfiumError):
            pypdfium2.PdfDocument(b"no PDF")
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            if any(word in str(error).lower() for word in ("password", "security")):
                return {"reason": "encrypted", "detail": "the file needs a password"}
            return {"reason": "corrupt", "detail": f"not a whole PDF file: {error}"}
        try:
            pages = [joined_lines(self._page(document, number)) for number in range(len(document))]
            about = document.get_metadata_dict(skip_empty=True)
        except pypdfium2.PdfiumError as error:
            return {"reason": "corrupt", "detail": f"a page cannot be read: {error}"}
        finally:
            document.close()
        text = "\n\n".join(page for page in pages if page)
        if not text:
            detail = f"no text on {len(pages)} pages: a scan, or pictures; run it through OCR first"
            return {"reason": "empty-text", "detail": detail}
        named = {"title": about.get("Title", "").strip(), "author": about.get("Author", "").strip()}
        fields = {name: value for name, value in named.items() if value}
        return {"text": text, "fields": {"pages": len(pages), "extension": "pdf", **fields}}

    @staticmethod
    def _page(document: Any, number: int) -> str:
        page = document[number]
        textpage = page.get_textpage()
        text: str = textpage.get_text_range()
        textpage.close()
        page.close()
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
