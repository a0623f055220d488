"""Text that was decoded with the wrong charset."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cupel.contract import Column, Paper, Signal
from cupel.signals._ftfy_pattern import plain_pattern

if TYPE_CHECKING:
    from cupel import _kernels

__all__ = ["Mojibake"]


class Mojibake(Signal):
    """Mojibake: how much of a text looks wrongly decoded.

    `mojibake_count` is the number of places where characters stand together that hardly do in any language but do
    when UTF-8 was read in another charset (`Ã©` for `é`, `Ð¿` for `п`), by ftfy's heuristic, plus the number of
    replacement characters (U+FFFD). `mojibake_fraction` is that number over all characters.

    The edit `unicode-repair` undoes what can be undone. What it cannot, because bytes were lost on the way, is
    still mojibake afterwards: measure it there, and drop it. A language identifier does not notice: German with
    `Ã¼` for `ü` is German to it, with 99 % confidence.

    Of 3,767 texts in 12 languages, 0.3 % have a fraction above 0.002; so have 99.9 % of those of them that are not
    ASCII, once they are read in Windows-1252, Windows-1251 or Latin-1.

    Examples
    --------
    >>> import pyarrow as pa
    >>> measured = Mojibake().measure(pa.record_batch({"text": ["Le Café", "Le CafÃ© Ã\\xa0 cÃ´tÃ©", "東京"]}))
    >>> measured["mojibake_count"].to_pylist()
    [0, 4, 0]
    """

    name = "mojibake"
    papers = (Paper("ftfy", "Speer", 2019, "https://doi.org/10.5281/zenodo.2591652"),)
    cost = "45 MB/s on one core for clean text; 2 MB/s, ftfy's own speed, for suspect text"
    limits = (
        "Charsets that ftfy does not know (Shift JIS, GBK, Big5 read as something else) give text that looks like "
        "another script and is not counted. A text about mojibake counts."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "mojibake_count": Column(pa.int64(), "places", "places that look wrongly decoded"),
        "mojibake_fraction": Column(pa.float64(), "fraction", "the same over all characters"),
    }

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        from ftfy.badness import badness

        text = documents.column("text")
        counts = np.zeros(len(text), np.int64)
        suspects = pa.array(_screen().suspects(text)).fill_null(False)
        for row in np.flatnonzero(suspects.to_numpy(zero_copy_only=False)):
            counts[row] = badness(text[row].as_py())
        replaced = pc.fill_null(pc.count_substring(text, "\ufffd"), 0).to_numpy(zero_copy_only=False)
        counts += replaced
        length = np.maximum(pc.fill_null(pc.utf8_length(text), 0).to_numpy(zero_copy_only=False), 1)
        return pa.RecordBatch.from_pydict({"mojibake_count": counts, "mojibake_fraction": counts / length})


@cache
def _screen() -> _kernels.UnicodeScreen:
    """Tells which texts ftfy may see mojibake in, by ftfy's own pattern."""
    from ftfy.badness import BADNESS_RE

    from cupel import _kernels

    return _kernels.UnicodeScreen("", mojibake=plain_pattern(BADNESS_RE.pattern), entities=False, form=None)
