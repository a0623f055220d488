"""What instruction layouts share: one text per field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from cupel.corpus.layouts.layout import Form, Layout, chat_losses, says_more
from cupel.corpus.layouts.turns import Turn, turns_of
from cupel.corpus.parts import Part, details_json
from cupel.corpus.records import BadRow

__all__ = ["Instruction"]

_CONTINUES = details_json({"continues": True})


class Instruction(Layout):
    """One text per field: an instruction, what it is about, the answer, and perhaps a system prompt."""

    instruction: ClassVar[str] = "instruction"
    about: ClassVar[str]
    answer: ClassVar[str]

    def fields(self, row: Mapping[str, Any]) -> list[str]:
        names = [self.instruction, self.about, self.answer]
        own = [name for name in names if name in row]
        return [*own, "system"] if isinstance(row.get("system"), str) else own

    def read(self, row: Mapping[str, Any]) -> tuple[list[Part], Form]:
        for name in (self.instruction, self.about, self.answer):
            value = row.get(name)
            if not isinstance(value, str) and not (value is None and name == self.about):
                kind = "null" if value is None else type(value).__name__
                raise BadRow("not-text", f"'{name}' is {kind}, not text")
        system = row.get("system")
        parts = [Part("text", "system", system)] if isinstance(system, str) else []
        parts.append(Part("text", "user", row[self.instruction]))
        if row.get(self.about) is not None:
            parts.append(Part("text", "user", row[self.about], extra=_CONTINUES))
        parts.append(Part("text", "assistant", row[self.answer]))
        return parts, {}

    def write(self, parts: Sequence[Part], form: Form) -> dict[str, Any]:
        row: dict[str, Any] = dict.fromkeys((self.instruction, self.about, self.answer))
        names = {"system": ["system"], "user": [self.instruction, self.about], "assistant": [self.answer]}
        for turn in turns_of(parts):
            # A continuation whose beginning was removed is still what the instruction was about.
            texts = [part.text for part in turn.parts]
            own = names[str(turn.role)]
            if turn.role == "user" and turn.parts[0].details.get("continues"):
                own = own[1:]
            row.update(zip(own, texts, strict=False))
        return row

    def write_new(self, parts: Sequence[Part]) -> dict[str, Any]:
        row = self.write(parts, {})
        return row | {self.about: row[self.about] or ""}

    def losses(self, turns: Sequence[Turn]) -> list[str]:
        reasons = chat_losses(turns)
        roles = [turn.role for turn in turns]
        if roles not in (["user", "assistant"], ["system", "user", "assistant"]):
            reasons.append(
                f"more or less than one exchange of user and assistant ({', '.join(map(str, roles))})"
            )
        for turn in turns:
            more = says_more(turn)
            pair = turn.role == "user" and len(turn.parts) == 2 and not turn.fields
            if more and not (pair and all(part.kind == "text" for part in turn.parts)):
                reasons.append(more)
        return reasons
