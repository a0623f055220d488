"""LaTeX source cleaned, formulas untouched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from cupel.contract import Column, Edit, Edited, Method, Paper
from cupel.edits._latex_cleaner import Cleaner
from cupel.edits._latex_commands import ENVIRONMENTS
from cupel.edits._latex_source import Places, body, expanded, is_source, macros

__all__ = ["Latex"]


class Latex(Edit):
    r"""LaTeX source cleaned, its formulas untouched.

    A paper's source is prose, formulas, and instructions to the typesetter. This edit leaves the first two. It
    removes

    - all before `\begin{document}` and after `\end{document}`;
    - comments, whole lines of them with their line ends;
    - figures, tables, bibliographies and the other `environments`, with all that is in them;
    - `\label`, `\ref`, `\cite` and their relatives, with the space or tie before a reference;
    - definitions of commands and theorems, `\usepackage`, `\includegraphics`, `\maketitle` and other commands that
      print nothing or nothing that is text.

    The title of a section stands as a paragraph of its own. All other commands (`\emph`, `\item`, `\begin{theorem}`)
    stay as they are, and so do verbatim listings.

    **Formulas stay byte for byte**: `$…$`, `$$…$$`, `\(…\)`, `\[…\]`, and environments such as `equation`, `align` and
    `gather`, starred or not, with the labels and comments inside. A dollar sign opens a formula if another one follows
    in the same paragraph. Macros for the two ends of a formula (`\be`, `\ee`) are replaced by what they stand for. With
    `macros: expand`, commands that the document defines without arguments are written out everywhere, as RedPajama
    does; formulas that use them then change, and no longer need the preamble.

    Only LaTeX source is edited: text with a command that only a source has, such as `\documentclass`, `\section`,
    `\bibliography` or `\begin{theorem}`. All other text stays byte for byte, a forum post with formulas and 5 % too.

    **What is published.** MathPile removes comments from arXiv's sources and writes macros out; RedPajama also removes
    what precedes the first section and what follows `\appendix` or the bibliography. Here abstract and appendix stay
    (`appendix: drop` removes the latter). Neither removes labels, references or figures. RedPajama's expression for
    inline comments takes the character before the percent sign with it, and both read a percent sign after a line
    break (`\\%`) as escaped.

    A second pass changes nothing, unless a formula defines macros. The time is linear in the length of the text.

    Examples
    --------
    >>> import pyarrow as pa
    >>> source = r'''\documentclass{article}
    ... \begin{document}
    ... \section{The Café} % a draft
    ... As in~\cite{euler}, we have $e^{i\pi} = -1$. % why?
    ... \begin{equation} \label{eq} a^2 + b^2 = c^2 \end{equation}
    ... \end{document}'''
    >>> print(Latex().edit(pa.record_batch({"text": [source]})).text[0])
    The Café
    <BLANKLINE>
    As in, we have $e^{i\pi} = -1$.
    \begin{equation} \label{eq} a^2 + b^2 = c^2 \end{equation}
    """

    name = "latex"
    papers = (
        Paper(
            "Generative AI for Math: Part I -- MathPile: A Billion-Token-Scale Pretraining Corpus for Math",
            "Wang et al.",
            2023,
            "https://arxiv.org/abs/2312.17120",
            section="3.1, and the code published with it",
        ),
        Paper(
            "RedPajama: an Open Dataset for Training Large Language Models",
            "Weber et al.",
            2024,
            "https://arxiv.org/abs/2411.12372",
            section="3 (arXiv), and the code published with it",
        ),
    )
    cost = "1 to 3 MB/s on one core for LaTeX source; other text costs one search"
    limits = (
        "One file at a time: `\\input` is not followed, and macros with arguments are not written out. A text "
        "about LaTeX counts as source. A reference leaves its surroundings behind ('Figure shows', empty brackets). "
        "Where a definition hides half a formula in a macro of its own kind, the formula is not recognized."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "latex_comments": Column(pa.int64(), "comments", "comments removed"),
        "latex_removed_commands": Column(
            pa.int64(), "commands", "commands and environments removed, definitions and references included"
        ),
        "latex_formulas": Column(pa.int64(), "formulas", "formulas of LaTeX source, all kept"),
    }

    class Options(Method.Options):
        """What is removed, and what becomes of macros."""

        environments: tuple[str, ...] = Field(
            ENVIRONMENTS, description="environments removed with their content"
        )
        headings: Literal["text", "latex"] = Field(
            "text", description="titles of sections as paragraphs of their own, or as the commands they are"
        )
        appendix: Literal["keep", "drop"] = Field("keep", description="what follows `\\appendix`")
        macros: Literal["keep", "expand"] = Field(
            "keep",
            description="commands defined without arguments: kept where they are used, or written out, also in formulas",
        )

    options: Options

    def edit(self, documents: pa.RecordBatch) -> Edited:
        texts: list[str | None] = []
        counts: dict[str, list[int]] = {name: [] for name in self.columns}
        for text in documents.column("text").to_pylist():
            cleaned = self._cleaned(text) if text is not None and is_source(text) else None
            texts.append(text if cleaned is None else cleaned.text)
            counts["latex_comments"].append(0 if cleaned is None else cleaned.comments)
            counts["latex_removed_commands"].append(0 if cleaned is None else cleaned.removed)
            counts["latex_formulas"].append(0 if cleaned is None else cleaned.formulas)
        columns = {name: pa.array(values, pa.int64()) for name, values in counts.items()}
        return Edited(pa.array(texts, pa.large_string()), columns)

    def _cleaned(self, text: str) -> Cleaner:
        options = self.options
        places = Places(text)
        values = macros(text, places, delimiters_only=options.macros == "keep")
        if values:
            text = expanded(text, places, values)
            places = Places(text)
        return Cleaner(
            body(text, places),
            environments=options.environments,
            headings_as_text=options.headings == "text",
            with_appendix=options.appendix == "keep",
        )
