"""The recipe of `cupel dedup`: a sequence of deduplications and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cupel.contract import ComparesKeys, CorpusMethod, Options, Remembers, find_method, methods_of
from cupel.errors import BadOption
from cupel.recipe.recipe import Recipe

__all__ = ["dedup_recipe"]


def dedup_recipe(
    by: str | Sequence[str],
    overrides: Iterable[str] = (),
    index: str | Path | None = None,
    key: str | Sequence[str] = (),
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
    key
        Fields that are compared in place of the text.

    Raises
    ------
    UnknownName
        No such method, or option.
    BadOption
        No method is named, or one that keeps no index or compares no keys.

    Examples
    --------
    >>> dedup_recipe(["exact", "minhash"])
    Recipe('dedup': exact → minhash)
    """
    names = [by] if isinstance(by, str) else list(by)
    fields = [key] if isinstance(key, str) else list(key)
    if not names:
        raise BadOption(f"--by: name a kind of repetition: {', '.join(methods_of(CorpusMethod))}")
    steps: list[Any] = []
    for name in names:
        options = find_method(name, CorpusMethod, where="--by").Options
        if index is not None and not issubclass(options, Remembers):
            raise BadOption(f"--index: {name} keeps no index; these do: {_able(Remembers)}")
        if fields and not issubclass(options, ComparesKeys):
            raise BadOption(f"--key: {name} compares no keys; these do: {_able(ComparesKeys)}")
        settings: dict[str, Any] = {"key": fields} if fields else {}
        if index is not None:
            settings["index"] = str(Path(index).absolute())
        steps.append({name: settings} if settings else name)
    return Recipe.from_dict({"name": "dedup", "steps": steps}, overrides)


def _able(options: type[Options]) -> str:
    """The corpus methods that take these options."""
    methods = methods_of(CorpusMethod).items()
    return ", ".join(name for name, method in methods if issubclass(method.Options, options))
