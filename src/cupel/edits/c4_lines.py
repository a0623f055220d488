"""C4's cleaning of lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from cupel.contract import Column, Edit, Edited, Method, Paper
from cupel.edits._edited import edited

__all__ = ["C4Lines"]


class C4Lines(Edit):
    r"""C4's line cleaning.

    Keeps the lines of a page that look like sentences. Lines are Python's `splitlines`, each
    stripped; then, in this order:

    - lines with a word of more than `max_word_length` characters are removed;
    - Wikipedia's marks `[1]`, `[edit]`, `[citation needed]` are removed from lines;
    - lines that do not end in `.`, `?`, `!`, `"` or `'`, or that end in `...`, are removed
      (`require_terminal_punctuation`; FineWeb switches this off);
    - lines of fewer than `min_words_per_line` words are removed;
    - lines that mention JavaScript are removed;
    - lines about cookies or terms of use ("privacy policy", "uses cookies" …) are removed.

    Lines with "lorem ipsum" or `{` are counted and kept: whether they cost the page is up to the
    rule set `c4`. The decisions and the remaining text equal those of datatrove 0.10's
    `C4QualityFilter` for every page that filter keeps, given the same sentences. As there, a mark
    after the full stop (`It is old. [2]`) leaves a space behind, and the line is removed because it
    does not end in punctuation.

    Examples
    --------
    >>> import pyarrow as pa
    >>> page = "Home | About\nThe Café opens at nine.[1]\nPlease enable JavaScript to read on."
    >>> edited = C4Lines().edit(pa.record_batch({"text": [page]}))
    >>> edited.text.to_pylist(), edited.columns["c4_removed_lines"].to_pylist()
    (['The Café opens at nine.'], [2])
    """

    name = "c4-lines"
    papers = (
        Paper(
            "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
            "Raffel et al.",
            2020,
            "https://arxiv.org/abs/1910.10683",
            section="2.2",
        ),
    )
    cost = "one pass over the text; see benchmarks"
    limits = (
        "Made for English prose. It removes headings, lists, verse, tables and code; scripts without spaces "
        "or with punctuation of their own lose every line unless both tests are switched off."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "c4_sentence_count": Column(pa.int64(), "sentences", "sentences of the lines that were kept"),
        "c4_lorem_ipsum_lines": Column(
            pa.int64(), "lines", "lines with 'lorem ipsum', of those that are sentences"
        ),
        "c4_curly_bracket_lines": Column(pa.int64(), "lines", "lines with '{', of those that are sentences"),
        "c4_removed_lines": Column(pa.int64(), "lines", "lines removed, blank ones not counted"),
    }

    class Options(Method.Options):
        """Which lines are kept."""

        require_terminal_punctuation: bool = Field(
            True, description="a line must end in terminal punctuation; FineWeb: false"
        )
        min_words_per_line: int = Field(
            3, ge=0, description="minimum number of words per line; 0 switches the test off"
        )
        max_word_length: int | None = Field(
            1000, ge=1, description="maximum number of characters per word; null switches the test off"
        )
        remove_citations: bool = Field(
            True, description="remove [1], [edit] and [citation needed] from lines"
        )
        remove_javascript: bool = Field(True, description="drop lines that mention JavaScript")
        remove_policy: bool = Field(True, description="drop lines about cookies and terms of use")

    options: Options

    def edit(self, documents: pa.RecordBatch) -> Edited:
        from cupel import _kernels

        # Lines end where readers see them end, whatever blanks and invisible marks follow.
        text = _kernels.measured_text(documents.column("text"))
        return edited(_kernels.edit_c4_lines(text, **self.options.model_dump()))
