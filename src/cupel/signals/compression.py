"""How far a document can be compressed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cupel.contract import Column, KernelSignal, Paper
from cupel.signals._columns import real

__all__ = ["Compression"]


class Compression(KernelSignal):
    """Compression ratio.

    Bytes of the text by bytes of its zlib stream at level 6. English prose of some length gives
    2 to 3; much more means repetition, near 1 means random characters. A few words give less
    than 1, an empty text 0. Other zlib libraries give streams that differ by a few bytes.

    Examples
    --------
    >>> import pyarrow as pa
    >>> measured = Compression().measure(pa.record_batch({"text": ["Zürich " * 1000, ""]}))
    >>> measured["compression_ratio"][0].as_py() > 100, measured["compression_ratio"][1].as_py()
    (True, 0.0)
    """

    name = "compression"
    stages = ("pretraining", "instruction tuning")
    papers = (
        Paper(
            "Entropy Law: The Story Behind Data Compression and LLM Performance",
            "Yin et al.",
            2024,
            "https://arxiv.org/abs/2407.06645",
            "3",
        ),
    )
    cost = "compresses the whole text; the slowest of the kernel's signals; see benchmarks/signals.py"
    limits = (
        "Grows with the length of a text. Scripts of three bytes a character compress further than Latin."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "compression_ratio": real("bytes per byte", "bytes of the text by bytes of its zlib stream"),
    }
