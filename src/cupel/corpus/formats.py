"""Which format a file has: by its name, or by its first bytes."""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import unquote, urlsplit

from cupel.corpus.charset import decode, stream_charset, utf16_by_shape
from cupel.corpus.json_layout import json_layout
from cupel.corpus.layouts import fitting_layouts
from cupel.corpus.remote import is_web
from cupel.corpus.streams import ByteStream, StreamFault, detect_compression

__all__ = [
    "FORMATS",
    "HEAD",
    "IGNORED",
    "Detected",
    "detect_format",
    "extension",
    "file_name",
    "format_by_content",
    "format_by_name",
    "is_binary",
    "is_compressed_by_name",
    "looks_like_text",
    "stem",
]

FORMATS = (
    *("jsonl", "json", "parquet", "arrow", "csv", "tsv", "warc", "arc", "html", "pdf", "subtitles", "text"),
    *("tar", "zip"),
)
"""`jsonl`: one object per line. `json`: an array, or objects one after the other. `text`: one document per file.
`subtitles`: SubRip and WebVTT."""

HEAD = 64 * 1024
"""How many of its first bytes a file's format is judged by."""

_COMPRESSIONS = (".gz", ".zst", ".zstd", ".bz2", ".xz", ".lz4")

# One document per file, unless it holds JSON objects. Other files that turn out to be text are read, too.
_TEXT_ENDINGS = """
    txt text md markdown mdx rst tex adoc org wiki pod roff man po pot
    py pyi pyx rs c h cc cpp cxx hpp hh java kt kts scala go rb php pl pm lua r jl m mm swift cs fs
    hs ml mli ex exs erl clj cljs lisp el scm ts tsx js jsx mjs cjs vue svelte css scss less sql sh
    bash zsh fish ps1 bat cmake mk toml yaml yml ini cfg conf xml xsd svg proto thrift graphql
    dockerfile tf ipynb f f90 f95 asm s v vhd vhdl sv diff patch
"""
# Never text: left out of folders without looking inside.
_IGNORED_ENDINGS = """
    png jpg jpeg gif bmp tif tiff webp ico icns psd avif heic mp3 mp4 m4a m4v ogg oga ogv opus wav flac avi
    mov mkv webm 7z rar jar war whl egg deb rpm apk dmg iso exe dll so dylib a o obj lib pyc pyo pyd
    class bin dat db sqlite sqlite3 pickle pkl npy npz pt pth safetensors onnx h5 hdf5 orc
    avro woff woff2 ttf otf eot ps eps doc docx xls xlsx ppt pptx odt ods odp mo gmo wasm cdx cdxj idx
    lock sig asc crc md5 sha1 sha256
"""

# WebVTT's first line, or SubRip's first cue.
_SUBTITLES = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:WEBVTT(?:[ \t\r\n]|$)|\d{1,6}[ \t]*\r?\n\d{1,3}:\d\d:\d\d[,.]\d{1,3}[ \t]*-->)"
)

_BY_EXTENSION = {
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "jsonlines": "jsonl",
    "parquet": "parquet",
    "pq": "parquet",
    "csv": "csv",
    "tsv": "tsv",
    "warc": "warc",
    "wet": "warc",
    "wat": "warc",
    "arc": "arc",
    "html": "html",
    "htm": "html",
    "xhtml": "html",
    "pdf": "pdf",
    "srt": "subtitles",
    "vtt": "subtitles",
    "tar": "tar",
    "tgz": "tar",
    "tzst": "tar",
    "zip": "zip",
    "arrow": "arrow",
    "feather": "arrow",
    "ipc": "arrow",
} | dict.fromkeys(_TEXT_ENDINGS.split(), "text")

IGNORED = frozenset(_IGNORED_ENDINGS.split())


def file_name(path: str) -> str:
    """The last part of a path or of a web address, whose query and fragment say nothing about the content.

    >>> file_name("pool/a.csv"), file_name("https://host.example/d/caf%C3%A9.csv?download=true&sig=a/b.c")
    ('a.csv', 'café.csv')
    """
    if is_web(path):
        path = unquote(urlsplit(path).path)
    return path.rsplit("/", 1)[-1]


def _without_compression(name: str) -> str:
    """The name without endings such as .gz, however many.

    >>> _without_compression("part-0.jsonl.zst"), _without_compression("part-0.jsonl.gz.gz")
    ('part-0.jsonl', 'part-0.jsonl')
    """
    for ending in _COMPRESSIONS:
        if name.lower().endswith(ending) and len(name) > len(ending):
            return _without_compression(name[: -len(ending)])
    return name


def extension(path: str) -> str:
    """The ending of a file's name, less that of a compression, in lower case; empty if there is none.

    >>> extension("pool/A.JSONL.gz"), extension("https://host.example/a.csv?v=1.2"), extension(".gitignore")
    ('jsonl', 'csv', '')
    """
    bare = _without_compression(file_name(path))
    head, dot, tail = bare.rpartition(".")
    return tail.lower() if dot and head else ""


def stem(path: str) -> str:
    """The file's name without its endings.

    >>> stem("pool/wiki_en.jsonl.zst"), stem("CC-MAIN-0.warc.wet.gz"), stem("LICENSE")
    ('wiki_en', 'CC-MAIN-0', 'LICENSE')
    """
    bare = _without_compression(file_name(path))
    while (ending := extension(bare)) and ending in _BY_EXTENSION:
        bare = bare[: -len(ending) - 1]
    return bare


def is_compressed_by_name(path: str) -> bool:
    """Whether the name ends like a compressed file's."""
    name = file_name(path)
    return _without_compression(name) != name or extension(name) in ("tgz", "tzst")


def format_by_name(name: str) -> str | None:
    """The format that the name stands for; `ignored`; or None where the content has to decide.

    `.json` may hold lines, an array, or a program's settings, so its content decides.
    """
    ending = extension(name)
    if ending in _BY_EXTENSION:
        return _BY_EXTENSION[ending]
    return "ignored" if ending in IGNORED else None


@dataclass(frozen=True)
class Detected:
    """What a file is read as.

    Attributes
    ----------
    format
        One of `FORMATS`; None for binary data.
    guessed
        Whether it holds JSON objects that may not be documents, such as a program's settings: where
        they have no text column, the file goes to quarantine instead of stopping the run.
    """

    format: str | None
    guessed: bool = False


def detect_format(name: str, head: bytes, *, whole: bool, text_columns: Collection[str] = ()) -> Detected:
    """The format of a file whose name alone does not decide it.

    Parameters
    ----------
    head
        Its first stored bytes, `HEAD` of them.
    whole
        Whether that is all of it.
    text_columns
        Columns that the user named; a file of a single object is a table if it has one of them.
    """
    by_name = format_by_name(name)
    if detect_compression(head, name):
        head, whole = _start_of_compressed(head, whole)
    kind = format_by_content(head)
    if by_name == "text" and kind not in ("pdf", "subtitles"):
        kind = "text"
    if kind != "text":
        return Detected(kind)
    layout = json_layout(_as_utf8(head), whole=whole)
    if layout is None:
        return Detected(kind)
    has_text = layout.has_text(text_columns)
    if by_name == "text" and (not text_columns or extension(name) not in ("txt", "text")):
        # Prose or code that begins with an object or two is no table.
        records = (layout.many and layout.odd < 2) or (has_text and bool(text_columns))
    else:
        records = layout.many or has_text or bool(text_columns)
    if not records:
        return Detected(kind)
    guessed = not (has_text or fitting_layouts(layout.columns)) and (not text_columns or not layout.many)
    return Detected("jsonl" if layout.kind == "lines" else "json", guessed)


def format_by_content(head: bytes) -> str | None:
    """The format of a file by its first stored bytes (about 64 KiB), JSON aside; None for binary data.

    Never raises: whatever has no mark of its own is text or binary.
    """
    if detect_compression(head):
        head, _ = _start_of_compressed(head, False)
    if head.startswith(b"WARC/"):
        return "warc"
    if head.startswith(b"filedesc://"):
        return "arc"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1\x00\x00"):
        return "arrow"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head[257:262] == b"ustar":
        return "tar"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"%PDF-"):
        return "pdf"
    lower = start[:256].lower()
    if lower.startswith((b"<!doctype html", b"<html")):
        return "html"
    if _SUBTITLES.match(start) or _SUBTITLES.match(_as_utf8(head)):
        return "subtitles"
    return "text" if looks_like_text(head) else None


def _as_utf8(head: bytes) -> bytes:
    """The head in UTF-8, whatever charset it is in."""
    return head if stream_charset(head) is None else decode(head)[0].encode("utf-8")


# Kinds of data whose beginning may look like text.
_BINARY_MAGIC = (
    *(b"%PDF-", b"%!PS-Adobe", b"\x89PNG", b"\xff\xd8\xff", b"\x7fELF", b"PK\x03\x04"),
    *(b"SQLite format 3\x00", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a", b"\x1f\x9d", b"LZIP\x01", b"OggS\x00"),
    *(b"\xd0\xcf\x11\xe0", b"\xff\x06\x00\x00sNaPpY", b"fLaC\x00", b"Obj\x01", b"\x93NUMPY"),
    *(b"GIF87a", b"GIF89a", b"wOFF", b"wOF2", b"\xca\xfe\xba\xbe", b"ID3\x03", b"ID3\x04", b"\x1f\x8b\x08"),
)


def looks_like_text(head: bytes) -> bool:
    """Whether bytes are text in some charset rather than a program's data."""
    return not is_binary(head)


def is_binary(head: bytes) -> bool:
    """Whether bytes are a program's data: by the first of them, by zeros, or by many control characters.

    UTF-16 has zeros, too, but at every other place.
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    if head.lstrip(b" \t\r\n").startswith(_BINARY_MAGIC):
        return True
    if b"\x00" in head:
        return utf16_by_shape(head) is None
    controls = sum(head.count(bytes([c])) for c in (1, 2, 3, 4, 5, 6, 7, 14, 15, 16, 17, 18, 19, 20, 127))
    return controls * 50 > len(head)


def _start_of_compressed(head: bytes, whole: bool) -> tuple[bytes, bool]:
    """The content that a compressed file begins with, and whether that is all of it."""
    stream = ByteStream(BytesIO(head))
    try:
        content = stream.read(HEAD)
    except (StreamFault, zlib.error):
        return b"", False
    return content, whole and len(content) < HEAD
