"""Chats of ShareGPT and its followers: `conversations` with turns of `from` and `value`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cupel.corpus.layouts.layout import Form, Layout, chat_losses, says_more
from cupel.corpus.layouts.turns import MESSAGES, Turn, TurnKeys, part, read_turns, write_turns
from cupel.corpus.parts import Part

__all__ = ["SHAREGPT", "ShareGPT"]

SHAREGPT = TurnKeys(
    "from",
    "value",
    {
        "human": "user",
        "gpt": "assistant",
        "user": "user",
        "assistant": "assistant",
        "chatgpt": "assistant",
        "bing": "assistant",
        "bard": "assistant",
    },
)
"""Turns of ShareGPT: `{"from": "human", "value": "…"}`; the first name of a role is the one that is written."""


class ShareGPT(Layout):
    """`conversations`: turns with `from` (`human`, `gpt` …) and `value`, as ShareGPT and its followers have them.

    A text `system` beside it is the first turn. Rows whose turns have `role` and `content` are read and
    written like that.
    """

    name = "sharegpt"
    required = ("conversations",)
    optional = ("system",)

    def fields(self, row: Mapping[str, Any]) -> list[str]:
        return ["conversations", "system"] if isinstance(row.get("system"), str) else ["conversations"]

    def read(self, row: Mapping[str, Any]) -> tuple[list[Part], Form]:
        value = row["conversations"]
        first = value[0] if isinstance(value, list) and value else None
        like_messages = isinstance(first, dict) and "role" in first and "from" not in first
        parts = read_turns(value, "conversations", MESSAGES if like_messages else SHAREGPT)
        system = row.get("system")
        if isinstance(system, str):
            parts.insert(0, part("text", "system", system, {"field": "system"}))
        return parts, {"keys": "messages"} if like_messages else {}

    def write(self, parts: Sequence[Part], form: Form) -> dict[str, Any]:
        row: dict[str, Any] = {}
        turns = list(parts)
        if turns and turns[0].details.get("field") == "system":
            row["system"] = turns.pop(0).text
        keys = MESSAGES if form.get("keys") == "messages" else SHAREGPT
        return {"conversations": write_turns(turns, keys)} | row

    def losses(self, turns: Sequence[Turn]) -> list[str]:
        reasons = chat_losses(turns)
        for turn in turns:
            meant = SHAREGPT.roles.get(str(turn.role), turn.role)
            if meant != turn.role:
                reasons.append(f"a role '{turn.role}', which there means '{meant}'")
            more = says_more(turn._replace(fields={}))
            if more:
                reasons.append(more)
            reasons += [f"the field '{name}' of a turn" for name in ("from", "value") if name in turn.fields]
        return reasons
