"""What layouts of a prompt and its answer share: two texts, or two lists of turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from cupel.corpus.layouts.layout import Form, Layout, chat_losses, marked, says_more
from cupel.corpus.layouts.turns import Turn, read_turns, turns_of, write_turns
from cupel.corpus.parts import Part
from cupel.corpus.records import BadRow

__all__ = ["Prompt"]


class Prompt(Layout):
    answer: ClassVar[str]

    def fields(self, row: Mapping[str, Any]) -> list[str]:
        return ["prompt", self.answer]

    def read(self, row: Mapping[str, Any]) -> tuple[list[Part], Form]:
        parts: list[Part] = []
        as_turns: list[str] = []
        for name, role in (("prompt", "user"), (self.answer, "assistant")):
            value = row[name]
            if isinstance(value, list):
                as_turns.append(name)
                own = read_turns(value, name)
            elif isinstance(value, str):
                own = [Part("text", role, value)]
            else:
                kind = "null" if value is None else type(value).__name__
                raise BadRow("not-text", f"'{name}' is {kind}, neither text nor a list of turns")
            parts += own if name == "prompt" else marked(own, field=self.answer)
        return parts, {"turns": as_turns} if as_turns else {}

    def write(self, parts: Sequence[Part], form: Form) -> dict[str, Any]:
        answers = [part for turn in turns_of(parts) for part in turn.parts if self._is_answer(turn)]
        prompts = [part for turn in turns_of(parts) for part in turn.parts if not self._is_answer(turn)]
        as_turns = form.get("turns", ())
        row: dict[str, Any] = {}
        for name, own in (("prompt", prompts), (self.answer, answers)):
            row[name] = write_turns(own) if name in as_turns else own[0].text if own else None
        return row

    def write_new(self, parts: Sequence[Part]) -> dict[str, Any]:
        *prompts, last = turns_of(parts)
        answer = marked(last.parts, field=self.answer)
        plain = len(prompts) == 1 and prompts[0].role == "user" and not any(map(says_more, (*prompts, last)))
        form = {} if plain else {"turns": ["prompt", self.answer]}
        return self.write([*(part for turn in prompts for part in turn.parts), *answer], form)

    def _is_answer(self, turn: Turn) -> bool:
        return turn.parts[0].details.get("field") == self.answer

    def losses(self, turns: Sequence[Turn]) -> list[str]:
        reasons = chat_losses(turns)
        if len(turns) < 2 or turns[-1].role != "assistant":
            reasons.append("no answer of the assistant at its end")
        return reasons
