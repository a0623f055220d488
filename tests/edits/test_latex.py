"""LaTeX source cleaned: what goes, what stays, and that formulas stay byte for byte."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.edits.latex import Latex
from cupel.errors import BadOption, UnknownName

from .test_lines_and_space import edited

HEAD = "\\documentclass{article}\n\\begin{document}\n"
TAIL = "\n\\end{document}\n"


def clean(source: str, **options: object) -> str:
    (text,), _ = edited(Latex, [source], **options)
    assert text is not None
    return text


def in_body(source: str, **options: object) -> str:
    return clean(HEAD + source + TAIL, **options)


PAPER = r"""% !TeX root = main.tex
\documentclass[12pt]{amsart}
\usepackage{amsmath} % formulas
\newcommand{\R}{\mathbb{R}}
\newcommand{\be}{\begin{equation}}
\newcommand{\ee}{\end{equation}}
\newtheorem{thm}[section]{Theorem}
\title{On the Café}
\begin{document}
\maketitle
\begin{abstract}
We study $f\colon \R \to \R$. % in short
\end{abstract}

\section*{Introduction}\label{sec:intro}
See Figure~\ref{fig:a} and \cite[p.~5]{knuth, lamport}.
It costs 5\% or \$7, % and not 8 %
% a whole line
as $x_1 % kept: inside a formula
 + x_2$ shows.

\begin{figure}
\includegraphics[width=5cm]{a.pdf}
\caption{A figure with $y$.}
\end{figure}

\be \label{eq:1} a = b \ee
Then \[ \int_0^1 f \, dx \\[2pt] \] and \verb|%\cite{x}| end.
\begin{verbatim}
% no comment \cite{z} $
\end{verbatim}
\begin{thebibliography}{9}
\bibitem{knuth} D. Knuth.
\end{thebibliography}
\end{document}
What follows.
"""

CLEANED = r"""\begin{abstract}
We study $f\colon \R \to \R$.
\end{abstract}

Introduction

See Figure and.
It costs 5\% or \$7,
as $x_1 % kept: inside a formula
 + x_2$ shows.

\begin{equation} \label{eq:1} a = b \end{equation}
Then \[ \int_0^1 f \, dx \\[2pt] \] and \verb|%\cite{x}| end.
\begin{verbatim}
% no comment \cite{z} $
\end{verbatim}"""


def test_a_paper() -> None:
    assert clean(PAPER) == CLEANED
    _, (counts,) = edited(Latex, [PAPER])
    assert counts == {"latex_comments": 3, "latex_removed_commands": 6, "latex_formulas": 4}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (r"a\label{x}b", "ab"),
        (r"\emph\label{x}b", r"\emph b"),
        (r"see \eqref{a}, \citep[see][p. 1]{b} and \ref{c}.", "see, and."),
        (r"a \cite[for $x$]{b}", "a[for $x$]{b}"),
        ("a\n% c\nb", "a\nb"),
        ("a\n\n% c\n\nb", "a\n\nb"),
        ("a\n  \\label{x} % c\nb", "a\nb"),
        (r"50\% of \\% a comment", r"50\% of \\"),
        (r"\section[Short]{Long $x$ \emph{title}} text", "Long $x$ \\emph{title}\n\n text"),
        (r"\subsection {A {nested} title}", "A {nested} title"),
        ("a \\begin{table*}x $y$\\end{table*} b", "a \n\n b"),
        ("a \\begin{figure} b", "a \n\n b"),
        (r"\def\x#1#2{\foo{#1}}a", "a"),
        (r"\let\x=\y a", "a"),
        (r"\newenvironment{a}[1]{b}{c}d", "d"),
        (r"\newcommand{\x}{\begin{equation}}a", "a"),
        (r"\url{http://a.b/c%20d} e", r"\url{http://a.b/c%20d} e"),
        (r"unclosed \section{a", "unclosed {a"),
        ("a $ b\n\nc\\label{x} $ d", "a $ b\n\nc $ d"),
        (r"$$a$$ and $b$$c$ and \$ $d\$e$", r"$$a$$ and $b$$c$ and \$ $d\$e$"),
        (r"\appendix More", "More"),
        ("東京 \\textbf{駅} 🚉", "東京 \\textbf{駅} 🚉"),
    ],
)
def test_pieces(source: str, expected: str) -> None:
    assert in_body(source) == expected


def test_options() -> None:
    assert in_body(r"\section*{A} b", headings="latex") == r"\section*{A} b"
    assert in_body(r"a \appendix b", appendix="drop") == "a"
    assert in_body(r"\begin{figure}a\end{figure}", environments=["table"]) == r"\begin{figure}a\end{figure}"
    with pytest.raises(BadOption, match="headings"):
        in_body("a", headings="none")
    with pytest.raises(UnknownName, match="did you mean 'macros'"):
        in_body("a", macro="keep")


def test_macros_are_written_out_where_asked_for() -> None:
    source = (
        r"\newcommand{\R}{\mathbb{R}}\def\RR{\R^2}\newcommand{\f}[1]{#1}\newcommand\me{Ann}\section{A}"
        + (r"In $x^\R \in \RR$, \me{} sees \f{\alpha\Rx}.")
    )
    assert clean(source, macros="expand") == (
        "A\n\nIn $x^{\\mathbb{R}} \\in \\mathbb{R}^2$, Ann{} sees \\f{\\alpha\\Rx}."
    )
    assert clean(source) == "A\n\nIn $x^\\R \\in \\RR$, \\me{} sees \\f{\\alpha\\Rx}."


def test_macros_that_call_themselves_or_explode_are_kept() -> None:
    bomb = "".join(f"\\newcommand{{\\{chr(97 + i)}}}{{{(chr(92) + chr(98 + i)) * 9}}}\n" for i in range(20))
    assert in_body(bomb + r"\a $\b$", macros="expand").endswith(r"$\b$")
    assert in_body(r"\newcommand{\x}{\x\x}\x", macros="expand") == r"\x"
    many = r"\newcommand{\x}{" + "y" * 400 + "}" + r"\x " * 10_000
    assert in_body(many, macros="expand").startswith(r"\x \x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Prose, 5% of it, for $5.",
        "A post: $$\\begin{align} a &= b \\label{1} \\tag{1}\\end{align}$$ so 50% by \\eqref{1}",
        "\\alpha % and \\cite{x} alone",
        "{\\rtf1 \\ansi}",
        "$\\newcommand{\\R}{\\mathbb R}$ 5 % of $\\R$",
        "C:\\sections\\chapters % x",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert clean(text) == text


def test_nulls_and_no_documents() -> None:
    texts, counts = edited(Latex, [None, PAPER, ""])
    assert texts[0::2] == [None, ""]
    assert counts[0] == dict.fromkeys(counts[0], 0)
    assert edited(Latex, []) == ([], [])


def test_several_documents_in_one_text() -> None:
    source = HEAD + "one" + TAIL + "%\n" + HEAD + "two" + TAIL
    assert clean(source) == "one\n\ntwo"


FORMULAS = st.sampled_from(
    [
        "$x$",
        r"$a \$ b \cite{k} % c" + "\n$",
        "$$\n y \\label{a}\n\n z$$",
        r"\(z\)",
        r"\[ \section{no} \\[1pt] \]",
        "\\begin{equation}\n a \\label{eq} % b\n\\end{equation}",
        "\\begin{align*} 東 &= \\begin{cases} 1 \\end{cases} \\end{align*}",
        "$\\text{é 🚉}$",
    ]
)
PIECES = st.sampled_from(
    [
        *(
            "word ",
            "Ünï ",
            "東京",
            " ",
            "\n",
            "\n\n",
            "%",
            "% c\n",
            "\\%",
            "\\\\",
            "{",
            "}",
            "[",
            "]",
            "*",
            "~",
            "|",
        ),
        *(
            "\\section",
            "\\section{T}",
            "{A}",
            "\\label{x}",
            "\\cite[a]{b}",
            "\\ref",
            "\\emph",
            "\\verb",
            "\\verb|%|",
        ),
        *(
            "\\begin{figure}",
            "\\end{figure}",
            "\\begin",
            "\\end",
            "{figure}",
            "\\begin{verbatim}",
            "\\end{verbatim}",
        ),
        *(
            "\\begin{equation}",
            "\\end{equation}",
            "\\[",
            "\\]",
            "\\(",
            "\\)",
            "$",
            "$$",
            "\\url",
            "{a%b}",
            "\\",
        ),
        *(
            "\\newcommand{\\be}{\\begin{equation}}",
            "\\be ",
            "\\def",
            "\\x",
            "\\let",
            "=",
            "#1",
            "\\appendix",
            "\t",
        ),
        *(
            "\\begin{document}",
            "\\end{document}",
            "\\begin{thebibliography}",
            "tion{x}",
            "\\sec",
            "\r\n",
            "\x00",
        ),
    ]
)


@given(
    st.lists(
        st.tuples(
            st.lists(
                st.sampled_from(
                    [
                        "word ",
                        "% c $\n",
                        "\\label{x}",
                        "\\emph{a}",
                        "\n\n",
                        "\\cite{a}",
                        "\\begin{figure} $f$ \\end{figure}",
                        "\\section{T} ",
                        "5\\% ",
                        "東京 ",
                    ]
                )
            ),
            FORMULAS,
        )
    )
)
@settings(max_examples=150)
def test_formulas_stay_byte_for_byte_and_in_order(parts: list[tuple[list[str], str]]) -> None:
    source = HEAD + "".join("".join(prose) + " " + formula + " " for prose, formula in parts) + TAIL
    text = clean(source)
    position = 0
    for _, formula in parts:
        assert formula in text[position:], (source, text)
        position = text.index(formula, position) + len(formula)


@given(st.lists(PIECES, max_size=40), st.sampled_from(["text", "latex"]), st.sampled_from(["keep", "expand"]))
@settings(max_examples=400)
def test_a_second_pass_changes_nothing(pieces: list[str], headings: str, macros: str) -> None:
    options = {"headings": headings, "macros": macros}
    text = clean("\\section{A}" + "".join(pieces), **options)
    assert clean(text, **options) == text


@pytest.mark.parametrize(
    "mark",
    [
        *(
            "{",
            "}",
            "$",
            "$$ ",
            "$ ",
            "\\[",
            "\\(",
            "\\begin{figure}",
            "\\begin{equation}",
            "\\begin{verbatim}",
        ),
        *(
            "\\verb|",
            "\\verb",
            "\\cite[",
            "\\cite{",
            "\\section{",
            "\\section",
            "\\label{x",
            "%",
            "\\",
            "\n",
            " \n",
        ),
        *(
            "\\newcommand{\\x}{",
            "\\def\\x{",
            "\\cite[\\aaaa",
            "\\begin{",
            "\\url{",
            "~\\ref{a}",
            "\\section{a}",
        ),
        *("\\newcommand{\\x}{\\x}\\x", "a", "\\begin{document}", "\\end{document}", "$\n\n"),
    ],
)
def test_hostile_text_takes_linear_work(mark: str) -> None:
    # Quadratic work on this much would take hours, so that it ends is the test.
    text = "\\section{A}" + mark * (100_000 // len(mark))
    for macros in ("keep", "expand"):
        clean(text, macros=macros)


def test_formulas_of_real_posts_stay(shared: Path) -> None:
    """Posts with formulas, made the body of a paper, with what is removed between their paragraphs."""
    formula = re.compile(
        r"(?s)\$\$.+?\$\$|(?<!\$)\$(?!\$)(?:[^$\n]|\\\$)+\$|\\begin\{(align\*?)\}.*?\\end\{\1\}"
    )
    lost = count = 0
    with zstandard.open(shared / "data/pool/forum_qa.jsonl.zst", "rt", encoding="utf-8") as lines:
        posts = [post["text"] for post in map(json.loads, lines) if post["text"].count("$") > 3][:400]
    for post in posts:
        paragraphs = post.replace("%", "\\%").split("\n\n")
        noise = "\\label{a} % it costs $5\n\n\\begin{figure}\\caption{b}\\end{figure}\n\n"
        text = clean(HEAD + noise.join(paragraphs) + TAIL)
        position = 0
        for paragraph in paragraphs:
            for match in formula.finditer(paragraph):
                count += 1
                place = text.find(match[0], position)
                lost += place < 0
                position = max(position, place)
    assert count > 1000
    assert lost < count / 100, f"{lost} of {count}"


def test_neighbors_do_not_matter() -> None:
    texts = [PAPER, "Prose.", None, r"\section{B} $x$", PAPER[::-1]]
    together, _ = edited(Latex, texts)
    assert together == [edited(Latex, [text])[0][0] for text in texts]
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    assert Latex().edit(batch.slice(1)).text.to_pylist() == together[1:]
