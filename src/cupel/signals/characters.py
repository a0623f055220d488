"""What characters a document is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cupel.contract import Column, KernelSignal
from cupel.signals._columns import REDPAJAMA, STARCODER, fraction

__all__ = ["CharacterShares"]


class CharacterShares(KernelSignal):
    """Shares of letters, digits, capitals, white space and punctuation.

    Each share is over all code points, but `non_latin_fraction`, which is over letters. Letters
    are the general category L (Python's `str.isalpha`), digits Nd, punctuation P; capitals have
    the Uppercase property; white space is what Python's `str.isspace` accepts. A letter of a
    script shared between languages (Common) counts as Latin. An empty text has 0 everywhere.

    StarCoder keeps files with at least 25 % letters and 25 % alphanumeric characters.

    Examples
    --------
    >>> import pyarrow as pa
    >>> measured = CharacterShares().measure(pa.record_batch({"text": ["Ab 1!", "東京 ab"]}))
    >>> measured["uppercase_fraction"].to_pylist(), measured["non_latin_fraction"].to_pylist()
    ([0.2, 0.0], [0.0, 0.5])
    """

    name = "characters"
    papers = (STARCODER, REDPAJAMA)
    cost = "a few passes over the bytes; see benchmarks/signals.py"
    limits = "Categories are those of Unicode 16; Python's own may be older and lack new characters."
    columns: ClassVar[Mapping[str, Column]] = {
        "digit_fraction": fraction("share of decimal digits (see rps_lines_numerical_chars_fraction)"),
        "uppercase_fraction": fraction("share of capitals (see rps_lines_uppercase_letter_fraction)"),
        "whitespace_fraction": fraction("share of white space"),
        "punctuation_fraction": fraction("share of punctuation"),
        "non_latin_fraction": fraction("share of the letters that are of another script than Latin"),
        "alphanumeric_fraction": fraction("share of letters and numbers"),
        "alphabetic_fraction": fraction("share of letters"),
    }
