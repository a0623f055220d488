"""Turns: a role, and what is said or shown. Lists of turns, as chats are stored, become parts and lists again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from cupel.corpus.parts import Media, Part, details_json
from cupel.corpus.records import BadRow

__all__ = ["MESSAGES", "Turn", "TurnKeys", "part", "read_turns", "turns_of", "write_turn", "write_turns"]

_TEXT_ITEMS = ("text", "input_text", "output_text")
_MEDIA_ITEMS = {
    "image": "image",
    "image_url": "image",
    "input_image": "image",
    "audio": "audio",
    "audio_url": "audio",
    "input_audio": "audio",
    "video": "video",
    "video_url": "video",
}
"""What a content item of this type shows."""


@dataclass(frozen=True)
class TurnKeys:
    """How a layout names the fields of a turn, and its roles.

    Attributes
    ----------
    role, content
        Names of the two fields.
    roles
        The layout's names of roles → names of roles in parts; others are the same in both.
    """

    role: str
    content: str
    roles: Mapping[str, str] = field(default_factory=dict)

    def spelled(self, role: str | None) -> str | None:
        """The layout's name of a role: the first, if there are several."""
        return next((name for name, meaning in self.roles.items() if meaning == role), role)


MESSAGES = TurnKeys("role", "content")
"""Turns as chat APIs have them: `{"role": "user", "content": "…"}`."""


class Turn(NamedTuple):
    """The parts of one turn, and its other fields.

    Attributes
    ----------
    role
        As in `Part`.
    parts
        At least one; those of a list of content items are several.
    fields
        Fields of the turn besides role and content, such as `tool_calls`.
    branch
        `chosen` or `rejected`; None if the turn belongs to no branch, or to both.
    """

    role: str | None
    parts: tuple[Part, ...]
    fields: Mapping[str, Any]
    branch: str | None

    @property
    def has_items(self) -> bool:
        """Whether its content is a list, or nothing at all, rather than one text."""
        return len(self.parts) != 1 or self.parts[0].kind != "text" or "item" in self.parts[0].details


def part(
    kind: str, role: str | None, text: str | None, details: Mapping[str, Any], media: Media | None = None
) -> Part:
    """A part with these details.

    Raises
    ------
    BadRow
        `too-nested`: a value is nested deeper than JSON is written.
    """
    try:
        return Part(kind, role, text, media, details_json(details))
    except orjson.JSONEncodeError as error:
        raise BadRow("too-nested", f"a turn cannot be kept as JSON: {error}") from None


def turns_of(parts: Iterable[Part]) -> list[Turn]:
    """The turns that parts make up; a part whose details say `continues` belongs to the turn before it."""
    groups: list[list[tuple[Part, dict[str, Any]]]] = []
    for each in parts:
        details = each.details
        if groups and details.get("continues"):
            groups[-1].append((each, details))
        else:
            groups.append([(each, details)])
    return [
        Turn(
            group[0][0].role,
            tuple(each for each, _ in group),
            group[0][1].get("turn", {}),
            group[0][1].get("branch"),
        )
        for group in groups
    ]


def read_turns(value: object, where: str, keys: TurnKeys = MESSAGES) -> list[Part]:
    """The parts of a list of turns.

    Parameters
    ----------
    where
        The field's name, for messages.

    Raises
    ------
    BadRow
        `no-turns`, `not-a-turn`, `no-role`, `not-text`, `inline-media` or `too-nested`.
    """
    if not isinstance(value, list):
        raise BadRow("not-a-turn", f"'{where}' is {_kind(value)}, not a list of turns")
    if not value:
        raise BadRow("no-turns", f"'{where}' is an empty list")
    parts: list[Part] = []
    for number, turn in enumerate(value):
        parts += _read_turn(turn, f"'{where}[{number}]'", keys)
    return parts


def _read_turn(turn: object, where: str, keys: TurnKeys) -> list[Part]:
    if not isinstance(turn, dict):
        raise BadRow("not-a-turn", f"{where} is {_kind(turn)}, not an object")
    spelled = turn.get(keys.role)
    if not isinstance(spelled, str) or not spelled:
        what = "has no" if spelled is None else "has no text as"
        raise BadRow("no-role", f"{where} {what} '{keys.role}'; it has {_names(turn)}")
    role = keys.roles.get(spelled, spelled)
    content = turn.get(keys.content)
    if (
        type(content) is str
        and len(turn) == 2
        and next(iter(turn)) == keys.role
        and keys.spelled(role) == spelled
    ):
        return [Part("text", role, content)]
    details = _turn_details(turn, spelled, role, keys)
    if isinstance(content, str):
        return [part("text", role, content, details)]
    if isinstance(content, list) and content:
        return _read_items(content, role, details, f"{where}.{keys.content}")
    if content is not None and content != []:
        raise BadRow("not-text", f"{where}.{keys.content} is {_kind(content)}, neither text nor a list")
    if content is None and all(value is None for value in details.get("turn", {}).values()):
        raise BadRow("not-a-turn", f"{where} has no '{keys.content}' and nothing else")
    if content == []:
        details["content"] = []
    kind = "tool_call" if details.get("turn", {}).get("tool_calls") else "data"
    return [part(kind, role, None, details)]


def _turn_details(turn: Mapping[str, Any], spelled: str, role: str, keys: TurnKeys) -> dict[str, Any]:
    """What a turn holds besides the role and the content, and how it is written where that is not the usual way."""
    others = {name: value for name, value in turn.items() if name not in (keys.role, keys.content)}
    details: dict[str, Any] = {"turn": others} if others else {}
    order = list(turn)
    if order != [keys.role, keys.content, *others]:
        details["order"] = order
    if keys.spelled(role) != spelled:
        details["spelled"] = spelled
    return details


def _read_items(items: list[Any], role: str, details: dict[str, Any], where: str) -> list[Part]:
    parts = []
    for number, item in enumerate(items):
        about = details if number == 0 else {"continues": True}
        parts.append(_read_item(item, role, about, f"{where}[{number}]"))
    return parts


def _read_item(item: object, role: str, details: dict[str, Any], where: str) -> Part:
    if isinstance(item, str):
        return part("text", role, item, details | {"item": None})
    if not isinstance(item, dict):
        raise BadRow("not-text", f"{where} is {_kind(item)}, neither text nor an object")
    kind = item.get("type")
    if kind in _TEXT_ITEMS:
        text = item.get("text")
        if not isinstance(text, str):
            raise BadRow("not-text", f"{where}.text is {_kind(text)}, not text")
        return part("text", role, text, details | {"item": item | {"text": None}})
    if not isinstance(kind, str):
        raise BadRow("not-a-turn", f"{where} has no text as 'type'; it has {_names(item)}")
    if kind not in _MEDIA_ITEMS:
        return part("data", role, None, details | {"item": item})
    return part(_MEDIA_ITEMS[kind], role, None, details | {"item": item}, _referred(item, kind, where))


def _referred(item: Mapping[str, Any], kind: str, where: str) -> Media | None:
    """What a content item refers to; None if it only marks the place of an image that another field holds."""
    value = item.get(kind) or item.get("image") or item.get("url") or item.get("path")
    if isinstance(value, Mapping):
        inline = bool(value.get("data") or value.get("bytes"))
        value = value.get("url") or value.get("path")
    else:
        inline = isinstance(value, bytes)
    if inline or (isinstance(value, str) and value[:5].lower() == "data:"):
        raise BadRow(
            "inline-media",
            f"{where} holds the medium itself; parts refer to media, so store it as a file and name that",
        )
    return Media(uri=value) if isinstance(value, str) else None


def write_turns(parts: Iterable[Part], keys: TurnKeys = MESSAGES) -> list[dict[str, Any]]:
    """The list of turns that parts came from, or that says the same in another layout.

    Examples
    --------
    >>> write_turns(read_turns([{"role": "user", "content": "Café?", "name": "Ana"}], "messages"))
    [{'role': 'user', 'content': 'Café?', 'name': 'Ana'}]
    """
    return [write_turn(turn, keys) for turn in turns_of(parts)]


def write_turn(turn: Turn, keys: TurnKeys = MESSAGES) -> dict[str, Any]:
    """One turn as an object."""
    details = turn.parts[0].details
    spelled = details.get("spelled")
    if spelled is None or keys.roles.get(spelled, spelled) != turn.role:
        spelled = keys.spelled(turn.role)
    content: Any
    if turn.has_items and turn.parts[0].kind in ("data", "tool_call") and "item" not in details:
        content = details.get("content")
    elif turn.has_items:
        content = [_write_item(each) for each in turn.parts]
    else:
        content = turn.parts[0].text
    values = {keys.role: spelled, keys.content: content, **turn.fields}
    return {name: values[name] for name in details.get("order", values) if name in values}


def _write_item(item: Part) -> Any:
    details = item.details
    if item.kind != "text":
        return details.get("item")
    if "item" in details and details["item"] is None:
        return item.text
    return details.get("item", {"type": "text", "text": None}) | {"text": item.text}


def _kind(value: object) -> str:
    return "null" if value is None else type(value).__name__


def _names(fields: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(list(map(str, fields))[:10]) or "no fields"
