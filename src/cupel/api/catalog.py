"""What there is: methods, recipes and scales by name, and the papers that they come from."""

from __future__ import annotations

import os
from pathlib import Path

from cupel.contract import Method, all_methods
from cupel.errors import UnknownName
from cupel.lab.scale import built_in_scales
from cupel.literature.catalog import LiteratureEntry, gather
from cupel.literature.find import find_papers
from cupel.recipe.recipe import built_in_recipes

__all__ = ["methods", "papers", "recipes", "scales"]


def methods(kind: str | None = None) -> dict[str, type[Method]]:
    """The methods there are, by name: ours and those of installed packages.

    Parameters
    ----------
    kind
        Only those of this kind, such as `signal` or `deduplication`.

    Returns
    -------
    dict
        Name → class, with `title()`, the documentation, and `Options`, whose fields are what a recipe can set.

    Raises
    ------
    UnknownName
        No such kind.

    Examples
    --------
    >>> import cupel
    >>> cupel.methods()["exact"].title()
    'Exact duplicates, on normalized text or on fields'
    """
    known = dict(all_methods())
    if kind is None:
        return known
    kinds = {method.kind for method in known.values()}
    if kind not in kinds:
        raise UnknownName("kind of method", kind, sorted(kinds))
    return {name: method for name, method in known.items() if method.kind == kind}


def papers(*words: str, folder: str | os.PathLike[str] | None = None) -> list[LiteratureEntry]:
    """The papers that methods, recipes and claims come from, the newest first.

    Parameters
    ----------
    words
        Only papers that have every word in their title, authors, year, methods, recipes or claims: `"lee"`, `"2022"`,
        `"minhash"`. A word is matched from its beginning.
    folder
        Folder of the claims, each a Python file, which is executed; `claims` in the working folder by default, if it
        holds any. An installed package has none, and lists papers without their claims.

    Raises
    ------
    BadInput
        No paper has these words; the message suggests the nearest. Or the folder is not there.

    Examples
    --------
    >>> import cupel
    >>> [paper.cited for paper in cupel.papers("resemblance", "broder")]
    ['Broder 1997']
    """
    return find_papers(gather(Path(folder) if folder is not None else None), words)


def recipes() -> dict[str, str]:
    """The built-in recipes: name → YAML text, to read, copy and edit. `Recipe.load(name)` loads one.

    >>> import cupel
    >>> "fineweb" in cupel.recipes()
    True
    """
    return built_in_recipes()


def scales() -> dict[str, str]:
    """The built-in scales that arms are trained at: name → YAML text, the smallest first. `Scale.load(name)` loads one.

    >>> import cupel
    >>> "nano" in cupel.scales()
    True
    """
    return built_in_scales()
