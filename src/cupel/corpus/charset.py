"""Which charset bytes are in, and the text they make.

Labels and decoders are those of the WHATWG Encoding Standard, as browsers use them: `shift_jis` means
Windows-31J, `gb2312` means GBK, `iso-8859-1` means Windows-1252. What decides, in this order: a byte order
mark; the shape of UTF-16; UTF-8 where the bytes are UTF-8, whatever the labels say; the server's label; the
page's own (HTML standard, 13.2.3.2); detection as in Firefox. A label that does not fit the bytes gives way to
the next, and an ill-formed sequence costs one U+FFFD.
"""

from __future__ import annotations

import codecs
import re
from unicodedata import category

from cupel.corpus.prescan import declared_charset

__all__ = ["decode", "stream_charset", "utf16_by_shape"]

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16le"), (codecs.BOM_UTF16_BE, "utf-16be"))
_UTF16 = ("utf-16le", "utf-16be")
_SHAPE_BYTES = 4096
_DETECTED_BYTES = 128 * 1024
_SURE = 8
"""This many sequences of UTF-8 before the first ill-formed one are no coincidence."""
_FEW = 0.01
"""Ill-formed sequences per character up to which a label fits."""


def decode(data: bytes, *, declared: str | None = None, html: bool = False) -> tuple[str, str]:
    """The text of `data` and the standard's name of the charset it was in; never fails.

    Parameters
    ----------
    declared
        The label from an HTTP header, if there is one.
    html
        Whether to look for a `<meta charset>` or an XML declaration.

    >>> decode("Käse".encode("latin-1"), declared="iso-8859-1")
    ('Käse', 'windows-1252')
    >>> decode("Käse".encode(), declared="no-such-charset")
    ('Käse', 'utf-8')
    """
    for mark, charset in _BOMS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], charset)[0], charset
    labels = [_name(declared), declared_charset(data) if html else None]
    named = [label for label in labels if label is not None]
    if (wide := _utf16(data, named)) is not None:
        return _decoded(data, wide)[0], wide
    # A page whose label can be read as ASCII is not in UTF-16, whatever the label says.
    named = [label for label in named if label not in _UTF16]
    if data.isascii():
        charset = named[0] if named else "iso-2022-jp" if _is_iso_2022_jp(data) else "utf-8"
        return _decoded(data, charset)[0], charset
    if _is_utf8(data):
        return _decoded(data, "utf-8")[0], "utf-8"
    for charset in named:
        text, faults = _decoded(data, charset)
        if _fits(data, charset, text, faults):
            return text, charset
    if _mostly_utf8(data):
        return _decoded(data, "utf-8")[0], "utf-8"
    charset = next((name for name in named if name != "utf-8"), None) or _detect(data)
    return _decoded(data, charset)[0], charset


def stream_charset(head: bytes) -> str | None:
    """The charset of a table or of JSON lines by the first bytes of the file; None for UTF-8.

    >>> stream_charset("id,text\\n1,Käse und Brot\\n".encode("latin-1")), stream_charset("Käse".encode()[:2])
    ('windows-1252', None)
    """
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16le" if head.startswith(codecs.BOM_UTF16_LE) else "utf-16be"
    if (charset := utf16_by_shape(head)) is not None:
        return charset
    if _is_iso_2022_jp(head):
        return "iso-2022-jp"
    # The head may end inside of a character.
    if b"\x00" in head or any(_is_utf8(head[: len(head) - cut]) for cut in range(4)) or _mostly_utf8(head):
        return None
    charset = decode(head)[1]
    return charset if charset != "utf-8" else None


def utf16_by_shape(data: bytes) -> str | None:
    """`utf-16le` or `utf-16be` where zero bytes are at every other place, as those of spaces and markup are.

    >>> utf16_by_shape("<p>東京</p>".encode("utf-16-be")), utf16_by_shape(b"<p></p>")
    ('utf-16be', None)
    """
    head = data[: min(_SHAPE_BYTES, len(data) - len(data) % 2)]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if not head or min(even, odd) * 20 > max(even, odd) or max(even, odd) * 20 < len(head):
        return None
    charset = "utf-16le" if odd > even else "utf-16be"
    text, faults = _decoded(head, charset)
    unusual = sum(not (character.isprintable() or character in "\t\r\n\f\ufeff") for character in text)
    return charset if (faults + unusual) * 20 <= len(text) else None


def _utf16(data: bytes, named: list[str]) -> str | None:
    """UTF-16 by its shape, or by its label if the bytes bear it out."""
    if (charset := utf16_by_shape(data)) is not None:
        return charset
    for charset in named:
        if charset in _UTF16 and not _is_utf8(data) and not _is_mostly_ascii(data):
            text, faults = _decoded(data, charset)
            unusual = sum(not _is_usual(character) for character in text[:2000])
            if faults <= 1 + _FEW * len(text) and unusual * 20 <= len(text[:2000]):
                return charset
    return None


def _is_iso_2022_jp(data: bytes) -> bool:
    """Whether ASCII bytes are Japanese between escape sequences, as in e-mail."""
    return b"\x1b$" in data and data.isascii() and _detect(data) == "iso-2022-jp"


def _is_mostly_ascii(data: bytes) -> bool:
    """Whether more bytes are printable ASCII than in UTF-16 text of any script."""
    head = data[:_SHAPE_BYTES]
    return sum(32 <= byte < 127 or byte in (9, 10, 13) for byte in head) > 0.85 * len(head)


def _is_usual(character: str) -> bool:
    return character.isprintable() or character.isspace() or category(character) == "Cf"


def _fits(data: bytes, charset: str, text: str, faults: int) -> bool:
    """Whether ill-formed sequences are few in the text, or few compared with well-formed ones."""
    if faults <= _FEW * len(text):
        return True
    if charset == "utf-8":
        return faults <= len(_SEQUENCE.findall(data))
    return faults * 4 <= sum(not character.isascii() for character in text) - faults


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


def _mostly_utf8(data: bytes) -> bool:
    """Whether sequences of UTF-8, which no other charset forms by chance, come first or are the vast majority."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as fault:
        if len(_SEQUENCE.findall(data[: fault.start])) >= _SURE:
            return True
    faults = _decoded(data, "utf-8")[1]
    return faults * 10 <= len(_SEQUENCE.findall(data))


def _name(label: str | None) -> str | None:
    from cupel import _kernels

    return _kernels.charset_name(label.strip().strip("\"'")) if label else None


def _decoded(data: bytes, charset: str) -> tuple[str, int]:
    from cupel import _kernels

    return _kernels.decode(data, charset)


def _detect(data: bytes) -> str:
    from cupel import _kernels

    return _kernels.detect_charset(data[:_DETECTED_BYTES])
