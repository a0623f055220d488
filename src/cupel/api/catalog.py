"""What there is: methods, recipes and scales by name."""

from __future__ import annotations

from cupel.contract import Method, all_methods
from cupel.errors import UnknownName
from cupel.lab.scale import built_in_scales
from cupel.recipe.recipe import built_in_recipes

__all__ = ["methods", "recipes", "scales"]


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
