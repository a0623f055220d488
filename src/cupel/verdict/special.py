"""scipy's special functions, loaded where a verdict needs them."""

from __future__ import annotations

from typing import Any

from cupel.errors import MissingExtra

__all__ = ["special"]


def special() -> Any:
    """The module `scipy.special`.

    Raises
    ------
    MissingExtra
        scipy is not installed.
    """
    try:
        from scipy import special as functions
    except ImportError:
        raise MissingExtra("a verdict", "lab") from None
    return functions
