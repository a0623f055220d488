"""Preference pairs: an answer that was chosen and one that was rejected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cupel.corpus.layouts.branches import BRANCHES, are_transcripts, branch_parts, join_branches, pair_losses
from cupel.corpus.layouts.layout import Form, Layout, chat_losses, marked
from cupel.corpus.layouts.transcripts import read_transcript, starts_with_marker, write_transcript
from cupel.corpus.layouts.turns import Turn, read_turns, turns_of, write_turns
from cupel.corpus.parts import Part
from cupel.corpus.records import BadRow

__all__ = ["ChosenRejected"]


class ChosenRejected(Layout):
    """`chosen` and `rejected`, each a text or a list of `messages`; with `prompt`, or with it in both.

    A text `prompt` beside lists that hold the user's turn themselves repeats it, and is one of the row's
    other fields. Texts without a prompt have no role: nothing says whose they are.
    """

    name = "chosen-rejected"
    required = BRANCHES
    optional = ("prompt",)

    def holds(self, row: Mapping[str, Any]) -> bool:
        return not are_transcripts(row)

    def fields(self, row: Mapping[str, Any]) -> list[str]:
        return [*(["prompt"] if self._has_prompt(row) else []), *BRANCHES]

    def _has_prompt(self, row: Mapping[str, Any]) -> bool:
        prompt, chosen = row.get("prompt"), row["chosen"]
        if isinstance(prompt, list):
            return True
        if not isinstance(prompt, str):
            return False
        return isinstance(chosen, str) or not any(
            isinstance(turn, dict) and turn.get("role") == "user"
            for turn in (chosen if isinstance(chosen, list) else ())
        )

    def read(self, row: Mapping[str, Any]) -> tuple[list[Part], Form]:
        form: Form = {}
        prompt: list[Part] = []
        if self._has_prompt(row):
            value = row["prompt"]
            if isinstance(value, list):
                form["prompt"], prompt = "turns", read_turns(value, "prompt")
            elif starts_with_marker(value):
                form["prompt"], prompt = "transcript", read_transcript(value)
            else:
                form["prompt"], prompt = "text", [Part("text", "user", value)]
        kinds = {type(row[name]) for name in BRANCHES}
        if kinds == {str}:
            form["answers"] = "text"
            role = "assistant" if prompt else None
            chosen, rejected = ([Part("text", role, row[name])] for name in BRANCHES)
        elif kinds == {list}:
            chosen, rejected = (read_turns(row[name], name) for name in BRANCHES)
        else:
            types = " and ".join(type(row[name]).__name__ for name in BRANCHES).replace("NoneType", "null")
            raise BadRow(
                "not-text", f"'chosen' and 'rejected' are {types}, not two texts or two lists of turns"
            )
        return marked(prompt, field="prompt") + join_branches(chosen, rejected), form

    def write(self, parts: Sequence[Part], form: Form) -> dict[str, Any]:
        row: dict[str, Any] = {}
        turns = turns_of(parts)
        if "prompt" in form:
            prompts = [turn for turn in turns if turn.parts[0].details.get("field") == "prompt"]
            turns = [turn for turn in turns if turn not in prompts]
            own = [part for turn in prompts for part in turn.parts]
            if form["prompt"] == "turns":
                row["prompt"] = write_turns(own)
            elif form["prompt"] == "transcript":
                row["prompt"] = write_transcript(own)
            else:
                row["prompt"] = own[0].text if own else None
        for branch in BRANCHES:
            own = branch_parts(turns, branch)
            if form.get("answers") == "text":
                row[branch] = own[0].text if own else None
            else:
                row[branch] = write_turns(own)
        return row

    def losses(self, turns: Sequence[Turn]) -> list[str]:
        return pair_losses(turns) + chat_losses([turn._replace(branch=None) for turn in turns])
