"""Pages of HTML that say themselves whether they are whole."""

from __future__ import annotations

import re
from pathlib import Path

from cupel.store.digests import digest

__all__ = ["page_fault", "seal_page"]


def seal_page(document: str) -> str:
    """A page of HTML with its own digest as its last line, so that whoever has it can tell whether it is whole.

    Examples
    --------
    >>> print(seal_page("<p>Café</p>"))
    <p>Café</p>
    <!-- blake2b-128 02aa8ecd102c4b7e81ac6d715fa250e3 -->
    <BLANKLINE>
    """
    document = document.rstrip("\n") + "\n"
    return f"{document}<!-- blake2b-128 {digest(document)} -->\n"


def page_fault(path: Path) -> str | None:
    """What is wrong with a page that `seal_page` sealed, as the end of a sentence; None if nothing is."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    sealed = re.fullmatch(rb"(.*\n)<!-- blake2b-128 ([0-9a-f]{32}) -->\n", data, re.DOTALL)
    if sealed is None or digest(sealed[1]) != sealed[2].decode():
        return "differs from what was written"
    return None
