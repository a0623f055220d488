"""ftfy's pattern of mojibake, as kernels read patterns."""

from __future__ import annotations

import re

__all__ = ["plain_pattern"]


def plain_pattern(verbose: str) -> str:
    """A pattern written for `re.VERBOSE` without its comments and white space.

    Anchors are removed, too: the kernel matches pieces of a text, where the beginning means nothing.

    >>> plain_pattern("[a b] c  # letters")
    '[a b]c'
    """
    out = []
    in_class = False
    pieces = iter(re.findall(r"\\.|#[^\n]*|.", verbose, re.DOTALL))
    for piece in pieces:
        if in_class:
            in_class = piece != "]"
        elif piece.startswith("#") or piece.isspace() or piece == "^":
            continue
        elif piece == "[":
            in_class = True
        elif piece == r"\w":
            piece = r"[\w\p{No}]"  # Python counts ² and ½ among the letters and digits
        out.append(piece)
    return "".join(out)
