"""Text of documents made fit to show: nothing in it acts, nothing in it hides.

Control characters, bidirectional overrides and invisible characters are written out, so
that neither a browser nor a terminal obeys them and a reader sees that they are there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

__all__ = ["Cut", "cut", "marked", "plain", "safe_json", "shorten", "visible"]

# C0 but tab and newline, DEL, C1, soft hyphen, bidi marks and overrides, zero-width space,
# invisible operators, line and paragraph separators, byte order mark, surrogates,
# noncharacters, and the tag characters that hide text from readers. The zero-width joiners
# stay: scripts and emoji need them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\U000e0000-\U000e007f]"
)
_CONTROLS = [
    "NUL",
    "SOH",
    "STX",
    "ETX",
    "EOT",
    "ENQ",
    "ACK",
    "BEL",
    "BS",
    "HT",
    "LF",
    "VT",
    "FF",
    "CR",
    "SO",
    "SI",
    "DLE",
    "DC1",
    "DC2",
    "DC3",
    "DC4",
    "NAK",
    "SYN",
    "ETB",
    "CAN",
    "EM",
    "SUB",
    "ESC",
    "FS",
    "GS",
    "RS",
    "US",
]


def _name(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return f"⟨{_CONTROLS[code]}⟩"
    return "⟨DEL⟩" if code == 0x7F else f"⟨U+{code:04X}⟩"


def visible(text: str) -> str:
    r"""The text with every control or invisible character written out; tab and newline stay.

    >>> visible("a\x00b\x1b[31m \u202e"), visible("one\r\ntwo")
    ('a⟨NUL⟩b⟨ESC⟩[31m ⟨U+202E⟩', 'one\ntwo')
    """
    return _HIDDEN.sub(_name, text.replace("\r\n", "\n"))


def safe_json(text: str) -> str:
    r"""JSON that stays the same to a reader of JSON and does nothing to a terminal.

    >>> safe_json('{"a": "\x9b31m\u202e"}')
    '{"a": "\\u009b31m\\u202e"}'
    """
    return _HIDDEN.sub(lambda match: json.dumps(match[0])[1:-1], text.replace("\x7f", "\\u007f"))


def plain(text: str) -> str:
    """Visible text on one line, escaped for HTML: names, captions, attribute values."""
    return escape(" ".join(visible(text).split()))


def shorten(text: str, longest: int) -> str:
    """At most `longest` characters, the cut marked.

    >>> shorten("abcdefgh", 5)
    'abcd…'
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


@dataclass(frozen=True)
class Cut:
    """A piece of a long text: where it begins and ends, and how long the whole is."""

    start: int
    end: int
    length: int

    @property
    def after(self) -> int:
        """Characters left out at the end."""
        return self.length - self.end


def cut(text: str, marks: Iterable[tuple[int, int]], longest: int) -> Cut:
    """What to show of a text: its first `longest` characters, or those around its first mark.

    >>> cut("x" * 100, [(90, 95)], 40)
    Cut(start=60, end=100, length=100)
    """
    length = len(text)
    first = min((begin for begin, _ in marks), default=0)
    start = 0
    if first > longest - 200 and length > longest:
        start = max(0, min(first - longest // 4, length - longest))
    return Cut(start, min(start + longest, length), length)


def marked(text: str, start: int, end: int, marks: Iterable[tuple[int, int]]) -> str:
    """`text[start:end]` as HTML: escaped, marks highlighted, written-out characters set apart.

    >>> marked("a < b", 0, 5, [(0, 1)])
    '<mark>a</mark> &lt; b'
    """
    pieces, at = [], start
    for begin, stop in _merged(marks, start, end):
        pieces.append(_shown(text[at:begin]))
        pieces.append(f"<mark>{_shown(text[begin:stop])}</mark>")
        at = stop
    pieces.append(_shown(text[at:end]))
    return "".join(pieces)


def _shown(text: str) -> str:
    pieces, at = [], 0
    text = text.replace("\r\n", "\n")
    for run in re.finditer(f"(?:{_HIDDEN.pattern})+", text):
        pieces.append(escape(text[at : run.start()]))
        pieces.append(f'<i class="hidden">{visible(run[0])}</i>')
        at = run.end()
    pieces.append(escape(text[at:]))
    return "".join(pieces)


def _merged(marks: Iterable[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """Marks inside the piece, in order, those that touch joined."""
    joined: list[tuple[int, int]] = []
    for begin, stop in sorted((max(b, start), min(e, end)) for b, e in marks):
        if begin >= stop:
            continue
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((begin, stop))
    return joined
