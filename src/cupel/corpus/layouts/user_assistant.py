"""Exchanges about images, as The Cauldron and FineVision have them: `texts` with `user` and `assistant`.

H. Laurençon, L. Tronchon, M. Cord, V. Sanh. What matters when building vision-language models? 2024.
https://arxiv.org/abs/2405.02246
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cupel.corpus.layouts.layout import Form, Layout, chat_losses, says_more
from cupel.corpus.layouts.turns import Turn, part
from cupel.corpus.parts import Part
from cupel.corpus.records import BadRow

__all__ = ["UserAssistant"]

_ROLES = ("user", "assistant")


class UserAssistant(Layout):
    """`texts`: exchanges with a text `user` and a text `assistant`; other fields of an exchange are kept.

    Images stand in a column beside it.
    """

    name = "user-assistant"
    required = ("texts",)

    def holds(self, row: Mapping[str, Any]) -> bool:
        texts = row["texts"]
        return (
            isinstance(texts, list)
            and bool(texts)
            and all(isinstance(text, dict) and all(role in text for role in _ROLES) for text in texts)
        )

    def fields(self, row: Mapping[str, Any]) -> list[str]:
        return ["texts"]

    def read(self, row: Mapping[str, Any]) -> tuple[list[Part], Form]:
        if not self.holds(row):
            raise BadRow("not-a-turn", "'texts' is no list of exchanges with 'user' and 'assistant'")
        parts = []
        for place, exchange in enumerate(row["texts"]):
            for role in _ROLES:
                if not isinstance(exchange[role], str):
                    kind = "null" if exchange[role] is None else type(exchange[role]).__name__
                    raise BadRow("not-text", f"'texts[{place}].{role}' is {kind}, not text")
            others = {name: value for name, value in exchange.items() if name not in _ROLES}
            usual = list(exchange) == list(_ROLES)
            details: dict[str, Any] = {} if usual else {"order": list(exchange)}
            if others:
                details["turn"] = others
            parts.append(part("text", "user", exchange["user"], details))
            parts.append(Part("text", "assistant", exchange["assistant"]))
        return parts, {}

    def write(self, parts: Sequence[Part], form: Form) -> dict[str, Any]:
        exchanges: list[dict[str, Any]] = []
        for each in parts:
            if each.role == "user" or not exchanges or exchanges[-1]["assistant"] is not None:
                details = each.details
                order = details.get("order", _ROLES)
                exchanges.append({name: details.get("turn", {}).get(name) for name in order})
            exchanges[-1][str(each.role)] = each.text
        return {"texts": exchanges}

    def losses(self, turns: Sequence[Turn]) -> list[str]:
        roles = [turn.role for turn in turns]
        reasons = chat_losses(turns) + [more for turn in turns if (more := says_more(turn))]
        if roles != list(_ROLES) * (len(roles) // 2) or not roles:
            reasons.append("turns other than those of user and assistant in turn")
        return reasons
