"""Preference pairs: an answer that was chosen and one that was rejected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cupel.corpus.layouts.layout import Form, Layout, chat_losses, marked, says_more
from cupel.corpus.layouts.transcripts import has_marker, read_transcript, starts_with_marker, write_transcript
from cupel.corpus.layouts.turns import Turn, read_turns, turns_of, write_turns
from cupel.corpus.parts import Part
from cupel.corpus.records import BadRow

__all__ = ["BRANCHES", "ChosenRejected", "HHRLHF"]

BRANCHES = ("chosen", "rejected")


def _join(chosen: Sequence[Part], rejected: Sequence[Part]) -> list[Part]:
    """Both branches; turns that both begin with stand once and belong to none."""
    first, second = turns_of(chosen), turns_of(rejected)
    common = 0
    while common < min(len(first), len(second)) and first[common] == second[common]:
        common += 1
    shared = [part for turn in first[:common] for part in turn.parts]
    for branch, turns in zip(BRANCHES, (first, second), strict=True):
        shared += marked([part for turn in turns[common:] for part in turn.parts], branch=branch)
    return shared


def _branch(turns: Sequence[Turn], branch: str) -> list[Part]:
    """The parts of one branch, with those that both have."""
    return [part for turn in turns for part in turn.parts if turn.branch in (None, branch)]


def _pair_losses(turns: Sequence[Turn]) -> list[str]:
    branches = {turn.branch for turn in turns} - {None}
    return [] if branches == set(BRANCHES) else ["no pair of answers"]


def _are_transcripts(row: Mapping[str, Any]) -> bool:
    return all(isinstance(row[name], str) and starts_with_marker(row[name]) for name in BRANCHES)


class HHRLHF(Layout):
    r"""`chosen` and `rejected` of Anthropic's hh-rlhf: each a whole conversation as one text.

    Turns begin with `\n\nHuman:` or `\n\nAssistant:`. Turns that both conversations begin with stand in
    the parts once.
    """

    name = "hh-rlhf"
    required = BRANCHES

    def holds(self, row: Mapping[str, Any]) -> bool:
        return _are_transcripts(row)

    def fields(self, row: Mapping[str, Any]) -> list[str]:
        return list(BRANCHES)

    def read(self, row: Mapping[str, Any]) -> tuple[list[Part], Form]:
        if not _are_transcripts(row):
            raise BadRow(
                "not-text", r"'chosen' and 'rejected' are not two texts that begin with '\n\nHuman:'"
            )
        return _join(*(read_transcript(row[name]) for name in BRANCHES)), {}

    def write(self, parts: Sequence[Part], form: Form) -> dict[str, Any]:
        turns = turns_of(parts)
        return {branch: write_transcript(_branch(turns, branch)) for branch in BRANCHES}

    def losses(self, turns: Sequence[Turn]) -> list[str]:
        reasons = _pair_losses(turns)
        for turn in turns:
            if turn.role not in ("user", "assistant"):
                reasons.append(f"a turn of role '{turn.role}'")
            if more := says_more(turn):
                reasons.append(more)
            elif has_marker(turn.parts[0].text or ""):
                reasons.append("a text that contains the mark of a turn")
        return reasons


class ChosenRejected(Layout):
    """`chosen` and `rejected`, each a text or a list of `messages`; with `prompt`, or with it in both.

    A text `prompt` beside lists that hold the user's turn themselves repeats it, and is one of the row's
    other fields. Texts without a prompt have no role: nothing says whose they are.
    """

    name = "chosen-rejected"
    required = BRANCHES
    optional = ("prompt",)

    def holds(self, row: Mapping[str, Any]) -> bool:
        return not _are_transcripts(row)

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
            found = " and ".join(type(row[name]).__name__ for name in BRANCHES).replace("NoneType", "null")
            raise BadRow(
                "not-text", f"'chosen' and 'rejected' are {found}, not two texts or two lists of turns"
            )
        return marked(prompt, field="prompt") + _join(chosen, rejected), form

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
            own = _branch(turns, branch)
            if form.get("answers") == "text":
                row[branch] = own[0].text if own else None
            else:
                row[branch] = write_turns(own)
        return row

    def losses(self, turns: Sequence[Turn]) -> list[str]:
        return _pair_losses(turns) + chat_losses([turn._replace(branch=None) for turn in turns])
