"""The recipe of `cupel dedup`: one kind of repetition after the other, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cupel.contract import CorpusMethod, Remembers, find_method, methods_of
from cupel.errors import BadOption
from cupel.recipe.recipe import Recipe

__all__ = ["dedup_recipe"]


def dedup_recipe(
    by: str | Sequence[str], overrides: Iterable[str] = (), index: str | Path | None = None
) -> Recipe:
    """A recipe of these deduplications.

    Parameters
    ----------
    by
        Methods, in this order.
    overrides
        `step.option=value` each.
    index
        Folder of what earlier runs have seen.

    Raises
    ------
    UnknownName
        No such method, or option.
    BadOption
        No method is named, or one that keeps no index.

    Examples
    --------
    >>> dedup_recipe(["exact", "minhash"])
    Recipe('dedup': exact → minhash)
    """
    names = [by] if isinstance(by, str) else list(by)
    if not names:
        raise BadOption(f"--by: name a kind of repetition: {', '.join(methods_of(CorpusMethod))}")
    steps: list[Any] = []
    for name in names:
        options = find_method(name, CorpusMethod, where="--by").Options
        if index is not None and not issubclass(options, Remembers):
            able = [
                key
                for key, method in methods_of(CorpusMethod).items()
                if issubclass(method.Options, Remembers)
            ]
            raise BadOption(f"--index: {name} keeps no index; these do: {', '.join(able)}")
        steps.append(name if index is None else {name: {"index": str(Path(index).absolute())}})
    return Recipe.from_dict({"name": "dedup", "steps": steps}, overrides)
