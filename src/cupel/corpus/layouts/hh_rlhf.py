"""Preference pairs of Anthropic's hh-rlhf: two whole conversations as texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cupel.corpus.layouts.branches import BRANCHES, are_transcripts, branch_parts, join_branches, pair_losses
from cupel.corpus.layouts.layout import Form, Layout, says_more
from cupel.corpus.layouts.transcripts import has_marker, read_transcript, write_transcript
from cupel.corpus.layouts.turns import Turn, turns_of
from cupel.corpus.parts import Part
from cupel.corpus.records import BadRow

__all__ = ["HHRLHF"]


class HHRLHF(Layout):
    r"""`chosen` and `rejected` of Anthropic's hh-rlhf: each a whole conversation as one text.

    Turns begin with `\n\nHuman:` or `\n\nAssistant:`. Turns that both conversations begin with stand in
    the parts once.
    """

    name = "hh-rlhf"
    required = BRANCHES

    def holds(self, row: Mapping[str, Any]) -> bool:
        return are_transcripts(row)

    def fields(self, row: Mapping[str, Any]) -> list[str]:
        return list(BRANCHES)

    def read(self, row: Mapping[str, Any]) -> tuple[list[Part], Form]:
        if not are_transcripts(row):
            raise BadRow(
                "not-text", r"'chosen' and 'rejected' are not two texts that begin with '\n\nHuman:'"
            )
        return join_branches(*(read_transcript(row[name]) for name in BRANCHES)), {}

    def write(self, parts: Sequence[Part], form: Form) -> dict[str, Any]:
        turns = turns_of(parts)
        return {branch: write_transcript(branch_parts(turns, branch)) for branch in BRANCHES}

    def losses(self, turns: Sequence[Turn]) -> list[str]:
        reasons = pair_losses(turns)
        for turn in turns:
            if turn.role not in ("user", "assistant"):
                reasons.append(f"a turn of role '{turn.role}'")
            if more := says_more(turn):
                reasons.append(more)
            elif has_marker(turn.parts[0].text or ""):
                reasons.append("a text that contains the mark of a turn")
        return reasons
