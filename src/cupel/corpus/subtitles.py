r"""Subtitles as text: SubRip (`.srt`) and WebVTT (`.vtt`).

A file is one document, one line per cue, without times, numbers, markup and marks of who speaks. Automatic captions roll:
each cue shows the line before once more, or the same line with a few words added. Such lines are read once.

A cue that cannot be read costs that cue: the field `bad_cues` counts them. A file with more bad cues than good ones, or
none at all, goes to quarantine with the line of the first fault.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from cupel.corpus.charset import decode
from cupel.corpus.formats import extension, file_name, is_binary
from cupel.corpus.records import Record
from cupel.corpus.sink import Sink

__all__ = ["Subtitles", "language_of", "parse_subtitles", "read_subtitles"]

_TIME = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})[,.](\d{1,3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_NUMBER = re.compile(r"\s*\d+\s*")
_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
_LANGUAGE_LINE = re.compile(r"Language:\s*([A-Za-z-]{2,12})\s*$")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<[\d:.]+>|\{\\[^{}]*\}")
_DASH = re.compile(r"\s*(?:[-\u2013\u2014]\s+|>>+\s*)")
_SPEAKER = re.compile(r"\s*([^\W\d_][^:\[\](){}\d]{1,29}):\s+")
_SPACES = re.compile(r"\s+")
_ROLLING_SECONDS = 0.1
"""Captions that roll follow each other without a pause."""
_CODES = frozenset(
    re.findall(
        "[a-z]+",
        """
        aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el
        en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu
        ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na
        nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so
        sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
        ara ces chi cze dan deu dut ell eng est fas fin fra fre ger gre heb hin hrv hun ind ita jpn kor nld nor per pol
        por ron rum rus slk slv spa srp swe tha tur ukr vie zho
        """,
    )
)
"""Codes of languages that names of files end in: ISO 639-1, and some of 639-2."""


_OTHER_ENDINGS = frozenset({"gz", "zst", "zstd", "bz2", "xz", "lz4", "srt", "vtt", "sdh", "forced"})


@dataclass
class Subtitles:
    """What a file of subtitles holds.

    Attributes
    ----------
    lines
        The text, one line per cue.
    cues, bad_cues
        How many cues were read, and how many could not be.
    seconds
        When the last cue ends.
    first_fault
        The line of the first bad cue, or of the first line outside of any cue; None if there is none.
    language
        What the header of a WebVTT file says.
    """

    lines: list[str] = field(default_factory=list)
    cues: int = 0
    bad_cues: int = 0
    seconds: float = 0.0
    first_fault: int | None = None
    language: str = ""


def read_subtitles(sink: Sink, record: Record, data: bytes, name: str) -> None:
    """The one document of a file of subtitles, or an entry that says why it has none."""
    if is_binary(data[:8192]):
        sink.bad(record.position, "record", "binary", "the content is not text", data[:200])
        return
    text, charset = decode(data)
    subtitles = parse_subtitles(text)
    if subtitles.bad_cues > subtitles.cues or (not subtitles.cues and subtitles.first_fault is not None):
        detail = f"{subtitles.bad_cues} of {subtitles.cues + subtitles.bad_cues} cues have no times that can be read"
        if not subtitles.bad_cues:
            detail = "no cue: expected a line of times such as 00:00:01,000 --> 00:00:02,000"
        line = subtitles.first_fault or 1
        sink.bad(
            line, "line", "invalid-subtitles", f"{detail}; the first fault is on line {line}", data[:200]
        )
        return
    if not subtitles.lines:
        sink.bad(record.position, "record", "empty-text", "there is no text in any cue")
        return
    about: dict[str, object] = {"charset": charset, "extension": extension(name)}
    about |= {"cues": subtitles.cues, "duration": round(subtitles.seconds, 3)}
    if subtitles.bad_cues:
        about["bad_cues"] = subtitles.bad_cues
    # `language` is the column of a signal.
    if language := language_of(name) or subtitles.language:
        about["subtitle_language"] = language
    record.text = "\n".join(subtitles.lines)
    record.metadata = (record.metadata or {}) | about
    sink.add(record)


def language_of(name: str) -> str:
    """The code of a language before the ending of a file's name; empty if there is none.

    >>> language_of("films/Café.en.srt"), language_of("東京.pt-BR.vtt.gz"), language_of("The.Film.srt")
    ('en', 'pt-BR', '')
    """
    parts = file_name(name).split(".")
    while len(parts) > 1 and parts[-1].lower() in _OTHER_ENDINGS:
        parts.pop()
    code = parts[-1] if len(parts) > 1 else ""
    return code if code.partition("-")[0] in _CODES else ""


def parse_subtitles(text: str) -> Subtitles:
    r"""The cues of SubRip or WebVTT as lines of text.

    >>> source = "1\n00:00:01,000 --> 00:00:02,500\n- ANNE: <i>Au</i>\ncafé!\n\n2\n00:00:03,000 --> 00:00:04,000\nOui."
    >>> parse_subtitles(source).lines
    ['Au café!', 'Oui.']
    """
    subtitles = Subtitles()
    shown: list[str] = []
    last_end = -1.0
    for start, end, cue in _cues(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), subtitles):
        subtitles.cues += 1
        subtitles.seconds = max(subtitles.seconds, end)
        rest, fresh = _fresh(cue, shown) if start <= last_end + _ROLLING_SECONDS else ("", cue)
        last_end = end
        shown = cue or shown
        if rest:
            subtitles.lines[-1] += rest
        if fresh:
            subtitles.lines.append(" ".join(fresh))
    return subtitles


def _fresh(cue: list[str], shown: list[str]) -> tuple[str, list[str]]:
    """What a cue adds to the one before: words at the end of its last line, and lines."""
    for count in range(min(len(cue), len(shown)), 0, -1):
        if shown[-count:] == cue[:count]:
            return "", cue[count:]
    if cue and shown and cue[0].startswith(shown[-1] + " "):
        return cue[0][len(shown[-1]) :], cue[1:]
    return "", cue


def _cues(lines: list[str], subtitles: Subtitles) -> Iterator[tuple[float, float, list[str]]]:
    """Start and end in seconds, and the cleaned lines, of each cue; faults are noted."""
    number = _header_end(lines, subtitles)
    while number < len(lines):
        line = lines[number]
        times = _TIMES.fullmatch(line)
        if times is not None:
            stop = _cue_end(lines, number + 1)
            cleaned = (_cleaned(part) for part in lines[number + 1 : stop])
            yield _seconds(times, 1), _seconds(times, 5), [part for part in cleaned if part]
            number = stop
        elif "-->" in line:
            subtitles.bad_cues += 1
            subtitles.first_fault = subtitles.first_fault or number + 1
            number = _cue_end(lines, number + 1)
        elif _BLOCK.match(line):
            while number < len(lines) and lines[number].strip():
                number += 1
        else:
            # The number or name of a cue stands before its times; anything else is outside of a cue.
            named = number + 1 < len(lines) and "-->" in lines[number + 1]
            if line.strip() and not named and not _NUMBER.fullmatch(line):
                subtitles.first_fault = subtitles.first_fault or number + 1
            number += 1


def _header_end(lines: list[str], subtitles: Subtitles) -> int:
    """The number of lines of WebVTT's header."""
    if not lines or not lines[0].lstrip("\ufeff").startswith("WEBVTT"):
        return 0
    number = 1
    while number < len(lines) and lines[number].strip() and "-->" not in lines[number]:
        if match := _LANGUAGE_LINE.match(lines[number]):
            subtitles.language = match[1]
        number += 1
    return number


def _cue_end(lines: list[str], number: int) -> int:
    """The line after a cue's text: a blank one, or the next cue's number or times where no blank one stands between."""
    start = number
    while number < len(lines) and lines[number].strip():
        if "-->" in lines[number]:
            return number - 1 if number > start and _NUMBER.fullmatch(lines[number - 1]) else number
        number += 1
    return number


def _seconds(times: re.Match[str], first: int) -> float:
    hours, minutes, seconds, fraction = (times[group] or "0" for group in range(first, first + 4))
    return 3600 * int(hours) + 60 * int(minutes) + int(seconds) + int(fraction) / 10 ** len(fraction)


def _cleaned(line: str) -> str:
    """A line of a cue without markup and speaker."""
    plain = html.unescape(_TAG.sub("", line)).replace("\u200b", "")
    if dash := _DASH.match(plain):
        plain = plain[dash.end() :]
    speaker = _SPEAKER.match(plain)
    if speaker is not None and speaker[1].isupper():
        plain = plain[speaker.end() :]
    return _SPACES.sub(" ", plain).strip()
