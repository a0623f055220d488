"""LaTeX's commands and environments by what cleaning does with them."""

from __future__ import annotations

__all__ = [
    "ARGUMENTS",
    "BARE",
    "DEFINITIONS",
    "ENVIRONMENTS",
    "HEADINGS",
    "MATH",
    "REFERENCES",
    "VERBATIM",
]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _with_stars(text: str) -> frozenset[str]:
    return _names(text) | {f"{name}*" for name in _names(text)}


MATH = _with_stars(
    "equation align gather multline eqnarray flalign alignat displaymath math dmath dgroup xalignat xxalignat "
    "subequations IEEEeqnarray mathpar"
)
"""Environments that are formulas."""

VERBATIM = _with_stars("verbatim Verbatim lstlisting minted")
"""Environments whose content is no LaTeX."""

ENVIRONMENTS = (
    *("figure", "figure*", "table", "table*", "wrapfigure", "wraptable", "sidewaysfigure", "sidewaystable"),
    *("longtable", "thebibliography", "references", "REFERENCES", "filecontents", "filecontents*", "comment"),
)
"""Environments that are removed unless options say otherwise."""

HEADINGS = _names("part chapter section subsection subsubsection paragraph subparagraph")

REFERENCES = _names(
    """
    label ref eqref pageref autoref cref Cref vref nameref subref
    cite citep citet citealp citealt citeauthor citeyear citeyearpar citenum citetitle Citep Citet Cite nocite
    parencite textcite footcite autocite fullcite supercite onlinecite
    """
)
"""Commands that point to other places, removed with their argument."""

DEFINITIONS = {
    "newcommand": 2,
    "renewcommand": 2,
    "providecommand": 2,
    "DeclareMathOperator": 2,
    "DeclareRobustCommand": 2,
    "def": 2,
    "let": 2,
    "newtheorem": 2,
    "newenvironment": 3,
    "renewenvironment": 3,
}
"""Commands that define others, and how many names or groups follow them."""

ARGUMENTS = DEFINITIONS | {
    "documentclass": 1,
    "documentstyle": 1,
    "usepackage": 1,
    "RequirePackage": 1,
    "bibliography": 1,
    "bibliographystyle": 1,
    "addbibresource": 1,
    "includegraphics": 1,
    "pagestyle": 1,
    "thispagestyle": 1,
    "pagenumbering": 1,
    "theoremstyle": 1,
}
"""Commands that are removed with this many arguments."""

BARE = _names(
    """
    begin end verb maketitle tableofcontents listoffigures listoftables printbibliography appendix
    makeatletter makeatother newpage clearpage cleardoublepage pagebreak
    """
)
"""Commands that are removed alone; `begin`, `end` and `verb` where what belongs to them is missing."""
