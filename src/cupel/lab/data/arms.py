"""Arms: the data variants under test, as they are written on the command line."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cupel.corpus import Corpus
from cupel.errors import BadOption
from cupel.recipe.recipe import Recipe, built_in_recipes
from cupel.store import digest_json

__all__ = ["Arm", "ArmPart", "check_names"]

_SHARE = re.compile(r"(.+):(\d+(?:\.\d*)?|\.\d+)")


@dataclass(frozen=True)
class ArmPart:
    """One source of an arm: a path, a recipe that is first carried out on it, its share of a mixture."""

    path: str
    recipe: str | None = None
    share: float | None = None


@dataclass(frozen=True)
class Arm:
    """One data variant.

    Attributes
    ----------
    name
        Unique in an assay.
    parts
        One, or the parts of a mixture.
    """

    name: str
    parts: tuple[ArmPart, ...]

    @classmethod
    def parse(cls, argument: str | os.PathLike[str]) -> Arm:
        """An arm as it is written: `[NAME=]PATH`, `[NAME=]RECIPE@PATH` or `[NAME=]A:0.7,B:0.3`.

        Raises
        ------
        BadOption
            It is none of these.

        Examples
        --------
        >>> Arm.parse("pool/raw.jsonl.zst").name
        'raw'
        >>> [(part.path, part.recipe, part.share) for part in Arm.parse("mix=web:0.7,c4@wiki:0.3").parts]
        [('web', None, 0.7), ('wiki', 'c4', 0.3)]
        """
        text = os.fspath(argument)
        name, source = _named(text)
        pieces = [source] if os.path.lexists(source) else source.split(",")
        shares = [_SHARE.fullmatch(piece) for piece in pieces]
        if len(pieces) == 1:
            parts: tuple[ArmPart, ...] = (_part(source, None),)
        elif all(shares):
            parts = tuple(_part(match[1], float(match[2])) for match in shares if match)
        else:
            raise BadOption(
                f"arm {text}: a mixture is written PATH:SHARE,PATH:SHARE, such as web:0.7,wiki:0.3"
            )
        if len(parts) > 1 and not all(part.share for part in parts):
            raise BadOption(f"arm {text}: a share of 0 leaves a part out; expected shares above 0")
        return cls(name or "+".join(_name_of(part) for part in parts), parts)

    def identity(self) -> str:
        """Digest of what the arm reads: content hashes of refined outputs, else digests of its files."""
        sources = [[_identity(part.path), part.share] for part in self.parts]
        return digest_json(sources)


def check_names(arms: Sequence[Arm]) -> None:
    """Arms must have names that differ.

    Raises
    ------
    BadOption
        Two of one name.
    """
    names = [arm.name for arm in arms]
    for arm in arms:
        if names.count(arm.name) > 1:
            path = arm.parts[0].path
            raise BadOption(f"two arms are called '{arm.name}'; give one another name: other={path}")


def _named(text: str) -> tuple[str | None, str]:
    name, equals, source = text.partition("=")
    if equals and source and re.fullmatch(r"[\w.+-]+", name) and not Path(text).exists():
        return name, source
    return None, text


def _part(text: str, share: float | None) -> ArmPart:
    recipe, at, path = text.partition("@")
    if (
        at
        and path
        and (recipe in built_in_recipes() or recipe.endswith((".yaml", ".yml")))
        and not Path(text).exists()
    ):
        Recipe.load(recipe)
        return ArmPart(path, recipe, share)
    return ArmPart(text, None, share)


def _name_of(part: ArmPart) -> str:
    name = Path(part.path.rstrip("/")).name.split(".")[0] or part.path
    return f"{Path(part.recipe).stem}@{name}" if part.recipe else name


def _identity(path: str) -> Any:
    manifest = Path(path) / "manifest.json"
    if manifest.is_file():
        return json.loads(manifest.read_text())["content_hash"]
    return [file.digest for file in Corpus.read([path]).files]
