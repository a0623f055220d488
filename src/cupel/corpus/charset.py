"""Which charset bytes are in, and the text they make.

In the order of the HTML standard (13.2.3.2): byte order mark, what the server said, what the
page says of itself, then detection. A label that no codec knows, or that does not fit the
bytes, gives way to the next.
"""

from __future__ import annotations

import codecs
import re

__all__ = ["decode"]

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_META = re.compile(rb"""<meta[^>]{0,400}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.+-]{1,40})""", re.IGNORECASE)
_XML = re.compile(rb"""^<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_:.+-]{1,40})""", re.IGNORECASE)
# Labels the HTML standard maps to another name than Python does.
_ALIASES = {
    "x-sjis": "shift_jis",
    "windows-31j": "cp932",
    "x-gbk": "gbk",
    "gb2312": "gbk",
    "utf8mb4": "utf-8",
}
_NO_CHARSETS = frozenset(
    (
        *("base64", "bz2", "hex", "quopri", "rot13", "uu", "zlib", "idna", "punycode", "undefined"),
        *("mbcs", "oem", "raw-unicode-escape", "unicode-escape", "raw_unicode_escape", "unicode_escape"),
    )
)
_HTML_LATIN = {"iso8859-1", "ascii", "latin-1"}


def _codec(label: str | None) -> str | None:
    """Python's name of the codec that a label means in HTML; none if nobody knows it."""
    if not label:
        return None
    label = label.strip().strip("\"'").lower()
    try:
        name = codecs.lookup(_ALIASES.get(label, label)).name
    except (LookupError, ValueError):
        return None
    if name in _HTML_LATIN:
        return "cp1252"
    if not _is_text_codec(name):
        return None
    return name


def _is_text_codec(name: str) -> bool:
    """Not rot13, base64, zlib or a codec that runs an algorithm over the bytes."""
    return name not in _NO_CHARSETS


def _try(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeDecodeError, LookupError):
        return None


def decode(data: bytes, *, declared: str | None = None, html: bool = False) -> tuple[str, str]:
    """The text of `data` and the name of the charset it was in; never fails.

    Parameters
    ----------
    declared
        The label from an HTTP header, if there is one.
    html
        Whether to look for a `<meta charset>` or an XML declaration.

    >>> decode("Käse".encode("latin-1"), declared="iso-8859-1")
    ('Käse', 'cp1252')
    >>> decode("Käse".encode(), declared="no-such-charset")
    ('Käse', 'utf-8')
    """
    for mark, charset in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(charset, "replace"), charset
    labels: list[str | None] = [declared]
    if html:
        head = data[:8192]
        for pattern in (_META, _XML):
            if found := pattern.search(head):
                labels.append(found[1].decode("ascii"))
    # A page that can be read as ASCII at all states its own label falsely if it says UTF-16.
    named = [
        codec for label in labels if (codec := _codec(label)) is not None and not codec.startswith("utf-16")
    ]
    for codec in [*named, "utf-8"]:
        text = _try(data, codec)
        if text is not None:
            return text, codec
    detected = _codec(_detect(data))
    if detected and (text := _try(data, detected)) is not None:
        return text, detected
    # A few broken bytes in an otherwise fitting charset become U+FFFD.
    fallback = next((codec for codec in [*named, detected] if codec), "utf-8")
    mostly_utf8 = data.decode("utf-8", "replace")
    if mostly_utf8.count("\ufffd") * 100 < len(mostly_utf8):
        return mostly_utf8, "utf-8"
    return data.decode(fallback, "replace"), fallback


def _detect(data: bytes) -> str | None:
    from resiliparse.parse.encoding import detect_encoding

    label: str | None = detect_encoding(data, max_len=131072)
    return label
