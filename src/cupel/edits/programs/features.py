"""What a line looks like, where it stands, and what stands around it: numbers for a classifier of lines."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cupel.signals.text_lines import TextLines

__all__ = ["NEIGHBORHOODS", "line_features", "page_features", "with_neighbors"]

Floats = npt.NDArray[np.float64]

NEIGHBORHOODS = ((1, 1), (3, 3), (10, 10), (None, 0), (0, None), (None, None))
"""TextLines before and after that are averaged; None: all of the page."""
_TERMINAL = r"[.!?。！？…][\"'”’»」)\]]*\s*$"
_ADDRESS = r"https?://|www\.|\S@\S+\.\w|\.(?:com|org|net|de)\b"
_SEPARATORS = re.escape("|/›»«·•→←>@©")
_PROSE_WORDS = 8

_OTHER, _LOWER, _UPPER, _DIGIT, _SPACE, _MARK, _LEAD, _CONTINUED = range(8)


def _classes() -> npt.NDArray[np.uint8]:
    table = np.full(256, _OTHER, np.uint8)
    for byte in range(33, 127):
        letter = chr(byte)
        table[byte] = (
            _LOWER
            if letter.islower()
            else _UPPER
            if letter.isupper()
            else _DIGIT
            if letter.isdigit()
            else _MARK
        )
    table[[9, 11, 12, 13, 32]] = _SPACE
    table[0x80:0xC0] = _CONTINUED
    table[0xC0:] = _LEAD
    return table


_CLASSES = _classes()


def line_features(lines: TextLines, texts: pa.Array) -> dict[str, Floats]:
    """Features of each line by name, float64; what depends on neighbors stays within a text.

    Parameters
    ----------
    texts
        The lines as strings.
    """
    classes = _CLASSES[lines.data]
    counts = {kind: lines.count(classes == kind) for kind in range(8)}
    characters = lines.bytes - counts[_CONTINUED]
    length = np.maximum(characters, 1).astype(np.float64)
    begins = lines.word_begins
    words = np.maximum(lines.count(begins), 1).astype(np.float64)
    terminal = _flag(pc.match_substring_regex(texts, _TERMINAL))
    prose = terminal * (words >= _PROSE_WORDS)
    own: dict[str, Floats] = {
        "characters": characters.astype(np.float64),
        "words": words,
        "characters per word": characters / words,
        "digits": counts[_DIGIT] / length,
        "upper case": counts[_UPPER] / length,
        "capitalized words": lines.count(begins & (classes == _UPPER)) / words,
        "marks": counts[_MARK] / length,
        "beyond ASCII": counts[_LEAD] / length,
        "first character": classes[lines.starts].astype(np.float64),
        "last character": classes[lines.stops - 1].astype(np.float64),
        "terminal mark": terminal,
        "commas": np.minimum(lines.count(lines.data == ord(",")), 8).astype(np.float64),
        "separators": _count(texts, f"[{_SEPARATORS}]") / words,
        "addresses": _count(texts, _ADDRESS) / words,
        "distinct words": lines.distinct_words() / words,
        "repeats": lines.repeats().astype(np.float64),
        "prose": prose,
    }
    return own | _places(lines, own, prose)


def _places(lines: TextLines, own: Mapping[str, Floats], prose: Floats) -> dict[str, Floats]:
    """Where a line stands, and what surrounds it."""
    first, last = lines.documents[lines.owners], lines.documents[lines.owners + 1]
    here = np.arange(len(lines))
    bytes_before = np.concatenate([[0], np.cumsum(lines.bytes)])
    page = np.maximum(bytes_before[last] - bytes_before[first], 1)
    long_prose = prose * lines.bytes
    # Rounded: the last digits of a logarithm may depend on where in a batch it is computed.
    size = np.asarray(np.round(np.log2(1 + own["characters"]), 3), np.float64)
    return {
        "from the start": (here - first).astype(np.float64),
        "from the end": (last - 1 - here).astype(np.float64),
        "place": (bytes_before[:-1] - bytes_before[first]) / page,
        "lines": (last - first).astype(np.float64),
        "characters before": lines.before(own["characters"], 1, -1.0),
        "characters after": lines.before(own["characters"], -1, -1.0),
        "terminal mark before": lines.before(own["terminal mark"], 1, -1.0),
        "terminal mark after": lines.before(own["terminal mark"], -1, -1.0),
        "prose on the page": lines.mean_around(long_prose, None, None) * (last - first) / page,
        "prose within 1": lines.mean_around(prose, 1, 1),
        "prose within 3": lines.mean_around(prose, 3, 3),
        "prose within 10": lines.mean_around(prose, 10, 10),
        "prose up to here": lines.mean_around(prose, None, 0),
        "prose from here": lines.mean_around(prose, 0, None),
        "length on the page": lines.mean_around(size, None, None),
        "length within 3": lines.mean_around(size, 3, 3),
    }


def with_neighbors(lines: TextLines, name: str, scores: Floats) -> dict[str, Floats]:
    """A score of each line, those of its neighbors, and means over its neighborhoods."""
    columns = {name: scores}
    for distance in (1, 2, -1, -2):
        side = "before" if distance > 0 else "after"
        columns[f"{name}, {abs(distance)} {side}"] = lines.before(scores, distance, 0.0)
    for before, after in NEIGHBORHOODS:
        columns[f"{name}, mean {before} {after}"] = lines.mean_around(scores, before, after)
    return columns


def page_features(lines: TextLines, removed: Floats, features: Mapping[str, Floats]) -> dict[str, Floats]:
    """Features of each text, from those of its lines and from how probably each is noise."""
    texts = len(lines.documents) - 1
    sizes = lines.bytes.astype(np.float64)
    total = _sum(lines, sizes)
    kept = _sum(lines, sizes * (1 - removed))
    number = np.diff(lines.documents)
    divisor = np.maximum(number, 1)
    columns = {
        "bytes": total,
        "lines": number,
        "bytes of text": np.round(kept),
        "share of text": np.round(kept / np.maximum(total, 1), 6),
        "lines of noise": np.round(_sum(lines, removed) / divisor, 6),
        "least noise": _reduce(np.minimum, lines, removed, 1.0),
    }
    for name in (
        "prose",
        "digits",
        "upper case",
        "marks",
        "separators",
        "addresses",
        "repeats",
        "characters",
    ):
        columns[f"{name}, mean"] = _sum(lines, features[name]) / divisor
    return {name: np.asarray(values, np.float64).reshape(texts) for name, values in columns.items()}


def _sum(lines: TextLines, values: Floats) -> Floats:
    """Sums by text, each independent of the texts before it."""
    return _reduce(np.add, lines, values, 0.0)


def _reduce(function: np.ufunc, lines: TextLines, values: Floats, empty: float) -> Floats:
    """A function over the lines of each text; `empty` for texts without lines."""
    result = np.full(len(lines.documents) - 1, empty)
    filled = np.diff(lines.documents) > 0
    if filled.any():
        result[filled] = function.reduceat(values, lines.documents[:-1][filled])
    return result


def _flag(values: pa.Array) -> Floats:
    return np.asarray(values.cast(pa.uint8()).to_numpy(zero_copy_only=False), np.float64)


def _count(texts: pa.Array, pattern: str) -> Floats:
    return np.asarray(pc.count_substring_regex(texts, pattern).to_numpy(zero_copy_only=False), np.float64)
