"""RefinedWeb's correction of lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from cupel.edits._edited import edited
from cupel.methods import Column, Edit, Edited, Method, Paper

__all__ = ["RefinedWebLines"]

_START = (
    "sign-in",
    "sign in",
    "sign up",
    "sign-up",
    "log in",
    "log-in",
    "login",
    "skip to main content",
    "skip to content",
    "jump to navigation",
    "share this",
    "posted by",
)
_END = (
    "read more...",
    "read more…",
    "read more »",
    "read more",
    "continue reading...",
    "continue reading…",
    "continue reading",
    "show more",
    "see more",
    "view all",
    "learn more",
)
_ANYWHERE = (
    "items in cart",
    "item in cart",
    "items in your cart",
    "add to cart",
    "add to wishlist",
    "view cart",
    "click here to",
    "share on facebook",
    "share on twitter",
    "share via email",
)


class RefinedWebLines(Edit):
    r"""RefinedWeb's line correction.

    Takes lines away that are no part of the text, line breaks being `\n`:

    - mostly upper-case: more than `max_uppercase_fraction` of its characters;
    - numbers alone: digits and signs, no letter;
    - a counter: `3 likes`, `1.2K views`;
    - a single word;

    and out of lines of at most `max_words_of_short_line` words, phrases at the start (`sign-in`),
    the end (`Read more...`) or anywhere (`items in cart`), as whole words, whatever their case. A
    line that is left empty goes. All other lines, blank ones too, stay as they are.

    `refinedweb_removed_word_fraction` is the share of words that went; RefinedWeb drops a page
    above 0.05. The paper counts all words of a line it touched; here only those removed count.
    The paper names one phrase of each kind and says that more were used; the lists here are ours
    and are options.

    Examples
    --------
    >>> import pyarrow as pa
    >>> page = "MENU AND SEARCH\n12 likes\nThe Café opens at nine. Read more..."
    >>> found = RefinedWebLines().edit(pa.record_batch({"text": [page]}))
    >>> found.text.to_pylist()
    ['The Café opens at nine.']
    >>> found.columns["refinedweb_removed_word_fraction"].to_pylist()
    [0.5833333333333334]
    """

    name = "refinedweb-lines"
    papers = (
        Paper(
            "The RefinedWeb Dataset for Falcon LLM: Outperforming Curated Corpora with Web Data, "
            "and Web Data Only",
            "Penedo et al.",
            2023,
            "https://arxiv.org/abs/2306.01116",
            section="G.2",
        ),
    )
    cost = "one pass over the text; see benchmarks"
    limits = (
        "Made for English. Words are parted by white space, so in scripts without spaces most lines are "
        "'single words' and go. One-word headings go as well."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "refinedweb_removed_lines": Column(pa.int64(), "lines", "lines that went whole"),
        "refinedweb_removed_word_fraction": Column(pa.float64(), "fraction", "words that went, of all words"),
    }

    class Options(Method.Options):
        """What is taken for a line that does not belong to the text."""

        max_uppercase_fraction: float = Field(
            0.5, ge=0, le=1, description="largest share of upper-case characters of a line"
        )
        max_words_of_short_line: int = Field(
            10, ge=0, description="phrases are taken out of lines of at most this many words"
        )
        start: tuple[str, ...] = Field(_START, description="phrases taken from the start of short lines")
        end: tuple[str, ...] = Field(_END, description="phrases taken from the end of short lines")
        anywhere: tuple[str, ...] = Field(_ANYWHERE, description="phrases taken from anywhere in short lines")

    options: Options

    def edit(self, documents: pa.RecordBatch) -> Edited:
        from cupel import _kernels

        options = self.options
        return edited(
            _kernels.edit_refinedweb_lines(
                documents.column("text"),
                max_uppercase_fraction=options.max_uppercase_fraction,
                max_words_of_short_line=options.max_words_of_short_line,
                start=_longest_first(options.start),
                end=_longest_first(options.end),
                anywhere=_longest_first(options.anywhere),
            )
        )


def _longest_first(phrases: tuple[str, ...]) -> list[str]:
    """So that "read more..." is tried before "read more"."""
    return sorted(phrases, key=len, reverse=True)
