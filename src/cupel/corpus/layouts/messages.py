"""Chats as chat APIs have them: `messages` with turns of `role` and `content`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cupel.corpus.layouts.layout import Form, Layout, chat_losses
from cupel.corpus.layouts.turns import Turn, read_turns, write_turns
from cupel.corpus.parts import Part

__all__ = ["Messages"]


class Messages(Layout):
    """`messages`: turns with `role` and `content`, as OpenAI's and most chat APIs have them.

    Other fields of a turn (`name`, `tool_calls`, `tool_call_id` …) and content items (`text`,
    `image_url` …) are kept. A list `tools` is one of the row's other fields.
    """

    name = "messages"
    required = ("messages",)

    def fields(self, row: Mapping[str, Any]) -> list[str]:
        return ["messages"]

    def read(self, row: Mapping[str, Any]) -> tuple[list[Part], Form]:
        return read_turns(row["messages"], "messages"), {}

    def write(self, parts: Sequence[Part], form: Form) -> dict[str, Any]:
        return {"messages": write_turns(parts)}

    def losses(self, turns: Sequence[Turn]) -> list[str]:
        return chat_losses(turns)
