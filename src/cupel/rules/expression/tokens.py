"""The words of an expression, each with its place, and errors that point at one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cupel.errors import BadOption

__all__ = ["KEYWORDS", "Token", "fault", "tokenize"]

KEYWORDS = ("and", "or", "not", "in", "between", "is", "null", "true", "false", "like", "ilike")

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
  | (?P<text>'(?:[^']|'')*')
  | (?P<quoted>"(?:[^"]|"")*"|`[^`]*`)
  | (?P<word>[^\W\d]\w*)
  | (?P<sign><=|>=|<>|!=|==|[=<>()+\-*/,.])
    """,
    re.VERBOSE,
)
_ADVICE = {
    "&": "write AND",
    "|": "write OR",
    "!": "write NOT, or != for 'differs from'",
    "'": "this text has no end; a quote inside of a text is written twice: 'it''s'",
    '"': "this name has no end",
    "`": "this name has no end",
    "%": "there is no remainder; % is a wildcard inside of LIKE '…'",
    "[": "lists are written in parentheses: lang IN ('en', 'de')",
    "{": "names of fields are joined by dots: meta.score",
    ";": "an expression is one condition",
}


@dataclass(frozen=True)
class Token:
    """One word.

    Attributes
    ----------
    kind
        `number`, `text`, `name`, `sign`, `keyword` or `end`.
    value
        The text without its quotes, the name without its quotes, the keyword in lower case.
    start
        Its place in the expression, in characters.
    quoted
        Of a name: whether it stands in quotes.
    """

    kind: str
    value: str
    start: int
    quoted: bool = False


def fault(expression: str, at: int, what: str) -> BadOption:
    """An error that shows the line of the expression with a caret at the fault.

    >>> print(fault("score >> 3", 7, "expected a value"))
    where: expected a value
      score >> 3
             ^
    """
    line_start = expression.rfind("\n", 0, at) + 1
    line_end = expression.find("\n", at)
    line = expression[line_start : line_end if line_end >= 0 else None]
    return BadOption(f"where: {what}\n  {line}\n  {' ' * (at - line_start)}^")


def tokenize(expression: str) -> list[Token]:
    """The words of `expression`, and an `end` after them.

    Raises
    ------
    BadOption
        A character that no word begins with.
    """
    tokens: list[Token] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            character = expression[at]
            advice = _ADVICE.get(character) or f"{character!r} means nothing here"
            if character.isdigit():
                advice = "not a number; a name that begins with a digit stands in double quotes"
            raise fault(expression, at, advice)
        kind, text = str(match.lastgroup), match[0]
        if kind == "text":
            tokens.append(Token("text", text[1:-1].replace("''", "'"), at))
        elif kind == "quoted":
            tokens.append(Token("name", text[1:-1].replace('""', '"'), at, quoted=True))
        elif kind == "word":
            keyword = text.lower() in KEYWORDS
            tokens.append(Token("keyword" if keyword else "name", text.lower() if keyword else text, at))
        elif kind != "space":
            tokens.append(Token(kind, text, at))
        at = match.end()
    return [*tokens, Token("end", "", len(expression))]
