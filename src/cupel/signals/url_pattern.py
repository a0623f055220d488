"""Which regular expressions match the URL."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from cupel.contract import Column, Method, Signal
from cupel.errors import BadInput, BadOption
from cupel.signals._list_files import entries, list_files

__all__ = ["UrlPattern"]


class UrlPattern(Signal):
    r"""URL matched by regular expressions.

    For what lists of words and domains cannot say: tag pages (`/tags?/`), calendars (`/20\d\d/\d\d/\d\d/`), hosts of one
    country (`^https?://[^/]+\.dk/`), file types (`\.pdf$`). Each expression is searched for anywhere in the address as it
    is written; `^` and `$` anchor it.

    The engine is [RE2](https://github.com/google/re2/wiki/Syntax): its time is linear in the address whatever the
    expression, and it has no backreferences and no look-around. Expressions are checked when the recipe is loaded.

    A list is a text file with one expression per line and comments (`#`), plain, `.gz` or `.zst`. The rule set
    `url-pattern-blocklist` drops what matches; to keep only what matches, write `where: "url_pattern_count > 0"`.

    Examples
    --------
    >>> import pyarrow as pa
    >>> signal = UrlPattern.from_options({"patterns": ["/tags?/", r"\.pdf$"]})
    >>> urls = ["https://café.example/Tag/東京.PDF", "https://café.example/tagged", None]
    >>> measured = signal.measure(pa.record_batch({"url": urls}))
    >>> measured["url_pattern_count"].to_pylist(), measured["url_pattern"].to_pylist()
    ([2, 0, None], ['/tags?/', None, None])
    """

    name = "url-pattern"
    files = ("path",)
    cost = "about a microsecond per address and expression"
    limits = (
        "Addresses are matched as they are written: with their percent escapes, and hosts in either spelling."
    )
    needs = ("url",)
    columns: ClassVar[Mapping[str, Column]] = {
        "url_pattern_count": Column(
            pa.int64(), "expressions", "expressions that match the address; null without an address"
        ),
        "url_pattern": Column(
            pa.large_string(),
            "label",
            "the first expression that matches, in the order of the lists",
            plural="expressions",
        ),
    }

    class Options(Method.Options):
        """Which expressions."""

        patterns: tuple[str, ...] = Field((), description="regular expressions, in RE2's syntax")
        path: tuple[str, ...] = Field((), description="files with one expression per line, after `patterns`")
        ignore_case: bool = Field(True, description="match capitals and small letters alike")

        @field_validator("patterns", "path", mode="before")
        @classmethod
        def _one_or_many(cls, value: object) -> object:
            return (value,) if isinstance(value, str) else value

    options: Options

    def __init__(self, options: Method.Options | None = None) -> None:
        super().__init__(options)
        for pattern in self.options.patterns:
            if fault := _fault(pattern):
                raise BadOption(
                    f"{self.name}: option 'patterns': '{pattern}' is no regular expression: {fault}"
                )
        self._listed()  # a bad list is noticed before the run

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        patterns = tuple(dict.fromkeys((*self.options.patterns, *self._listed())))
        if not patterns:
            raise BadOption(
                f"{self.name}: no expression is given; name them with the option 'patterns', or a file with 'path'"
            )
        urls = documents.column("url").cast(pa.large_string()).dictionary_encode()
        addresses = urls.dictionary
        counts = np.zeros(len(addresses), np.int64)
        first = np.full(len(addresses), -1)
        for place, pattern in enumerate(patterns):
            matches = pc.match_substring_regex(addresses, pattern, ignore_case=self.options.ignore_case)
            hits = matches.to_numpy(zero_copy_only=False).astype(bool)
            counts += hits
            first[hits & (first < 0)] = place
        shown = pa.array(patterns, pa.large_string()).take(pa.array(first, mask=first < 0))
        missing = pc.equal(pc.binary_length(pc.utf8_trim_whitespace(addresses)), 0)
        counted = pc.if_else(missing, pa.scalar(None, pa.int64()), pa.array(counts))
        columns = [counted.take(urls.indices), shown.take(urls.indices)]
        return pa.RecordBatch.from_arrays(columns, list(self.columns))

    def _listed(self) -> tuple[str, ...]:
        return _patterns(self.options.path, tuple(self.file_digests.items()))


def _fault(pattern: str) -> str:
    """What is wrong with an expression; empty if nothing is."""
    if not pattern:
        return "it is empty, and would match every address"
    try:
        pc.match_substring_regex(pa.array([""]), pattern, ignore_case=True)
    except pa.ArrowInvalid as error:
        return str(error).removeprefix("Invalid regular expression: ")
    return ""


@cache
def _patterns(paths: tuple[str, ...], digests: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """All expressions of the lists at `paths` with these contents, read once per process."""
    patterns: list[str] = []
    for path in paths:
        before = len(patterns)
        for lines, where in list_files("url-pattern", Path(path), "patterns"):
            for number, text in entries(lines):
                if fault := _fault(text):
                    raise BadInput(f"url-pattern: {where}, line {number}: '{text[:80]}': {fault}")
                patterns.append(text)
        if len(patterns) == before:
            raise BadInput(f"url-pattern: the list {path} holds no expression; nothing would match")
    return tuple(patterns)
