"""Which file holds what: by its name, else by its first bytes."""

from __future__ import annotations

import zlib

from cupel.corpus.streams import BytesFile, ByteStream, StreamFault, detect_compression

__all__ = ["FORMATS", "IGNORED", "format_by_content", "format_by_name", "stem", "without_compression"]

FORMATS = ("jsonl", "json", "parquet", "csv", "tsv", "warc", "arc", "html", "text", "tar")
"""`jsonl`: an object a line. `json`: one array of objects. `text`: one file, one document."""

_COMPRESSIONS = (".gz", ".zst", ".zstd", ".bz2", ".xz")

# One file, one document. Anything else that turns out to be text is taken too; these need no
# look inside.
_TEXT_ENDINGS = """
    txt text md markdown mdx rst tex adoc org wiki pod roff man po pot srt vtt
    py pyi pyx rs c h cc cpp cxx hpp hh java kt kts scala go rb php pl pm lua r jl m mm swift cs fs
    hs ml mli ex exs erl clj cljs lisp el scm ts tsx js jsx mjs cjs vue svelte css scss less sql sh
    bash zsh fish ps1 bat cmake mk toml yaml yml ini cfg conf xml xsd svg proto thrift graphql
    dockerfile tf ipynb f f90 f95 asm s v vhd vhdl sv diff patch
"""
# Never text: left out of folders without a look inside.
_IGNORED_ENDINGS = """
    png jpg jpeg gif bmp tif tiff webp ico icns psd avif heic mp3 mp4 m4a m4v ogg oga ogv opus wav flac avi
    mov mkv webm zip 7z rar jar war whl egg deb rpm apk dmg iso exe dll so dylib a o obj lib pyc pyo pyd
    class bin dat db sqlite sqlite3 pickle pkl npy npz pt pth safetensors onnx h5 hdf5 arrow feather orc
    avro woff woff2 ttf otf eot pdf ps eps doc docx xls xlsx ppt pptx odt ods odp mo gmo wasm cdx cdxj idx
    lock sig asc crc md5 sha1 sha256
"""

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
    "tar": "tar",
    "tgz": "tar",
    "tzst": "tar",
} | dict.fromkeys(_TEXT_ENDINGS.split(), "text")

IGNORED = frozenset(_IGNORED_ENDINGS.split())


def without_compression(name: str) -> str:
    """The name without endings such as .gz.

    >>> without_compression("part-0.jsonl.zst")
    'part-0.jsonl'
    """
    lower = name.lower()
    for ending in _COMPRESSIONS:
        if lower.endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return name


def extension(name: str) -> str:
    """The ending of the name without compression, in lower case; empty if there is none."""
    bare = without_compression(name.rsplit("/", 1)[-1])
    head, dot, tail = bare.rpartition(".")
    return tail.lower() if dot and head else ""


def stem(name: str) -> str:
    """The name without its endings.

    >>> stem("pool/wiki_en.jsonl.zst"), stem("CC-MAIN-0.warc.wet.gz"), stem("LICENSE")
    ('wiki_en', 'CC-MAIN-0', 'LICENSE')
    """
    bare = without_compression(name.rsplit("/", 1)[-1])
    while (ending := extension(bare)) and ending in _BY_EXTENSION:
        bare = bare[: -len(ending) - 1]
    return bare


def is_compressed_by_name(name: str) -> bool:
    """Whether the name ends like a compressed file's."""
    return without_compression(name) != name or extension(name) in ("tgz", "tzst")


def format_by_name(name: str) -> str | None:
    """The format that the name tells of; `ignored`; or nothing, and the content decides.

    `.json` may be lines, an array, or a program's settings, so its content decides.
    """
    ending = extension(name)
    if ending in _BY_EXTENSION:
        return _BY_EXTENSION[ending]
    return "ignored" if ending in IGNORED else None


def format_by_content(head: bytes, name: str = "") -> str | None:
    """The format that a file's first stored bytes (some 64 KiB) tell of; none for binary.

    Never raises: whatever cannot be told is text or binary.
    """
    if detect_compression(head):
        head = _start_of_compressed(head)
    if head.startswith(b"WARC/"):
        return "warc"
    if head.startswith(b"filedesc://"):
        return "arc"
    if head.startswith(b"PAR1"):
        return "parquet"
    if head[257:262] == b"ustar":
        return "tar"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    lower = start[:256].lower()
    if lower.startswith((b"<!doctype html", b"<html")):
        return "html"
    if extension(name) in ("json", "") and (kind := _json_kind(start)):
        return kind
    return "text" if looks_like_text(head) else None


def looks_like_text(head: bytes) -> bool:
    """Whether bytes are text in some charset rather than a program's data."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    if b"\x00" in head:
        return False
    controls = sum(head.count(bytes([c])) for c in (1, 2, 3, 4, 5, 6, 7, 14, 15, 16, 17, 18, 19, 20, 127))
    return controls * 50 <= len(head)


def _start_of_compressed(head: bytes) -> bytes:
    stream = ByteStream(BytesFile(head))
    try:
        return stream.read(4096)
    except (StreamFault, zlib.error):
        return b""


def _json_kind(start: bytes) -> str | None:
    """`jsonl` for an object a line, `json` for an array of objects, else nothing."""
    import orjson

    from cupel.corpus.records import TEXT_COLUMNS

    if start.startswith(b"["):
        has_text = any(b'"%s"' % name.encode() in start[:4096] for name in TEXT_COLUMNS)
        return "json" if start[1:].lstrip().startswith(b"{") and has_text else None
    if not start.startswith(b"{"):
        return None
    line, end, _ = start.partition(b"\n")
    if not end and len(start) > 60_000:
        # A first line longer than what is looked at: only data are written so.
        return "jsonl"
    try:
        first = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return "jsonl" if isinstance(first, dict) and any(name in first for name in TEXT_COLUMNS) else None
