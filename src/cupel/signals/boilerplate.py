"""Phrases that mark boilerplate, after C4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cupel.contract import Column, KernelSignal
from cupel.signals._columns import C4, REDPAJAMA, count, fraction

__all__ = ["Boilerplate"]


class Boilerplate(KernelSignal):
    """C4's marks of boilerplate.

    Counts, whatever the case, of lines that speak of JavaScript, of lines that speak of policies
    (`terms of use`, `privacy policy`, `cookie policy`, `uses cookies`, `use of cookies`, `use
    cookies`), of `lorem ipsum`, and of `{`. Phrases are found inside of words too.

    C4 removes the lines and drops the texts with lorem ipsum or a bracket; the edit `c4-lines`
    does so line by line. These columns look at the whole text, removed lines included.

    Examples
    --------
    >>> import pyarrow as pa
    >>> measured = Boilerplate().measure(pa.record_batch({"text": ["Please enable JavaScript.\\nGrüße {name}"]}))
    >>> measured["javascript_line_count"].to_pylist(), measured["curly_bracket_count"].to_pylist()
    ([1], [1])
    """

    name = "boilerplate"
    papers = (C4, REDPAJAMA)
    cost = "a few searches through the text; see benchmarks/signals.py"
    limits = "English phrases. Texts about web programming speak of JavaScript and have brackets."
    columns: ClassVar[Mapping[str, Column]] = {
        "javascript_line_count": count("lines", "lines with 'javascript' (see rps_lines_javascript_counts)"),
        "policy_line_count": count("lines", "lines with a phrase about terms, privacy or cookies"),
        "lorem_ipsum_count": count("times", "how often 'lorem ipsum' occurs (see rps_doc_lorem_ipsum)"),
        "curly_bracket_count": count("times", "how often '{' occurs"),
        "curly_bracket_fraction": fraction("share of characters that are '{' or '}' (rps_doc_curly_bracket)"),
    }
