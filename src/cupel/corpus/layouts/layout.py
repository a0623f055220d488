"""What a layout is: names of fields, how a row of them becomes parts, and how parts become a row again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from cupel.corpus.layouts.turns import Turn
from cupel.corpus.parts import Part, details_json

__all__ = ["Form", "Layout", "chat_losses", "marked", "says_more"]

Form = dict[str, Any]
"""What else of a row a layout needs to write it as it was: JSON values only."""


class Layout(ABC):
    """A way to store conversations in the fields of a row.

    A layout is found by standing in a module of this package. It owns some fields of a row; the other
    fields are the document's own and stay what they are.

    Attributes
    ----------
    name
        Names it in options.
    required
        Fields that every row in this layout has.
    optional
        Other fields that may belong to it.
    """

    name: ClassVar[str]
    required: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]] = ()

    def has(self, names: Collection[str]) -> bool:
        """Whether rows with fields of these names may be in this layout."""
        return all(name in names for name in self.required)

    @abstractmethod
    def fields(self, row: Mapping[str, Any]) -> list[str]:
        """The fields of the row that belong to the layout: those required, and optional ones that hold what they should."""

    @abstractmethod
    def read(self, row: Mapping[str, Any]) -> tuple[list[Part], Form]:
        """The parts of a row that has the layout's fields.

        Raises
        ------
        BadRow
            The fields do not hold what the layout says.
        """

    @abstractmethod
    def write(self, parts: Sequence[Part], form: Form) -> dict[str, Any]:
        """The layout's fields of a row with these parts; `form` is empty if they came in another layout."""

    @abstractmethod
    def losses(self, turns: Sequence[Turn]) -> list[str]:
        """What these turns, which came in another layout, have that this one cannot hold; empty if nothing.

        Noun phrases, as `LossyConversion` takes them.
        """

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a row that has the fields is in this layout and in no other with the same fields."""
        return True

    def write_new(self, parts: Sequence[Part]) -> dict[str, Any]:
        """The layout's fields of a row with parts that came in another layout and lose nothing in this one."""
        return self.write(parts, {})


def says_more(turn: Turn) -> str | None:
    """What a turn holds that one text cannot; None if nothing."""
    if turn.fields:
        return f"the field '{next(iter(turn.fields))}' of a turn"
    kinds = [part.kind for part in turn.parts]
    if set(kinds) != {"text"}:
        return f"a part of kind '{next(kind for kind in kinds if kind != 'text')}'"
    return "a turn of several texts" if turn.has_items else None


def chat_losses(turns: Sequence[Turn]) -> list[str]:
    """What of these turns a single conversation cannot hold."""
    losses = ["a turn without a role"] if any(turn.role is None for turn in turns) else []
    return losses + (["two answers to choose from"] if any(turn.branch for turn in turns) else [])


def marked(parts: Iterable[Part], **mark: str) -> list[Part]:
    """The parts with a mark more in their details."""
    return [part._replace(extra=details_json(part.details | mark)) for part in parts]
