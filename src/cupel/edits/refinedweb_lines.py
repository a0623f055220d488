"""RefinedWeb's correction of lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pyarrow as pa
from pydantic import Field

from cupel.contract import Column, Edit, Edited, Method, Paper
from cupel.edits._edited import edited

__all__ = ["RefinedWebLines"]


class RefinedWebLines(Edit):
    r"""RefinedWeb's line correction.

    Removes lines that are not part of the text, where lines end in `\n`:

    - mainly upper-case: more than `max_uppercase_fraction` of its characters, spaces included;
    - digits alone;
    - a counter, such as `3 likes` or `1.2K views`: a number and one of likes, shares, comments,
      retweets, reposts, quotes, bookmarks, upvotes, downvotes, downloads, views, followers;
    - a single word, or white space alone;

    and, from lines of at most `max_words_of_short_line` words, phrases at the start (`Sign-in`),
    the end (`Read more...`) or anywhere (`items in cart`), as whole words, whatever their case,
    with one white space beside them. A line that is left empty is removed, and so is white space
    around the text. All other lines, including empty ones, are kept unchanged.

    `refinedweb_removed_word_fraction` is the share of words removed, counted as `dclm-page`
    counts them: those that begin with a letter or a digit. RefinedWeb drops a page above 0.05.

    **What the paper leaves open.** It names the kinds of lines and one example of each pattern, not
    the share of upper case, what a number or a counter is, how words are counted, or the other
    patterns. The defaults, and the order, are those of DataComp-LM's reproduction (Li et al.
    2024), which takes the three examples alone; longer lists are options. The paper speaks of
    the words of flagged lines, the reproduction of words removed; so here. Two things differ
    from the reproduction: its `Read more...` matches any three characters in place of the full stops,
    and its phrases are cut out of longer words too (`Sign-index`). On 2,200 documents of 22 domains
    all corrected texts but one are the same, and so are all decisions by the share of words removed.

    Examples
    --------
    >>> import pyarrow as pa
    >>> page = "MENU AND SEARCH\n12 likes\nThe Café opens at nine. Read more..."
    >>> edited = RefinedWebLines().edit(pa.record_batch({"text": [page]}))
    >>> edited.text.to_pylist()
    ['The Café opens at nine.']
    >>> edited.columns["refinedweb_removed_word_fraction"].to_pylist()
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
        Paper(
            "DataComp-LM: In search of the next generation of training sets for language models",
            "Li et al.",
            2024,
            "https://arxiv.org/abs/2406.11794",
            section="4.1, and the code published with it",
        ),
    )
    cost = "one pass over the text; see benchmarks"
    limits = (
        "Made for English. Words are separated by white space, so in scripts without spaces most lines are "
        "'single words' and are removed. So are one-word headings."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "refinedweb_removed_lines": Column(pa.int64(), "lines", "lines removed whole"),
        "refinedweb_removed_word_fraction": Column(pa.float64(), "fraction", "words removed, of all words"),
    }

    class Options(Method.Options):
        """What is taken for a line that does not belong to the text."""

        max_uppercase_fraction: float = Field(
            0.5, ge=0, le=1, description="maximum share of upper-case characters in a line"
        )
        max_words_of_short_line: int = Field(
            10, ge=0, description="phrases are removed from lines of at most this many words"
        )
        start: tuple[str, ...] = Field(
            ("sign-in",), description="phrases removed from the start of short lines"
        )
        end: tuple[str, ...] = Field(
            ("read more...",), description="phrases removed from the end of short lines"
        )
        anywhere: tuple[str, ...] = Field(
            ("items in cart",), description="phrases removed anywhere in short lines"
        )

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
