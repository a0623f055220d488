"""What preference pairs share: two branches that may begin with the same turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cupel.corpus.layouts.layout import marked
from cupel.corpus.layouts.transcripts import starts_with_marker
from cupel.corpus.layouts.turns import Turn, turns_of
from cupel.corpus.parts import Part

__all__ = ["BRANCHES", "are_transcripts", "branch_parts", "join_branches", "pair_losses"]

BRANCHES = ("chosen", "rejected")


def join_branches(chosen: Sequence[Part], rejected: Sequence[Part]) -> list[Part]:
    """Both branches; turns that both begin with stand once and belong to none."""
    first, second = turns_of(chosen), turns_of(rejected)
    common = 0
    while common < min(len(first), len(second)) and first[common] == second[common]:
        common += 1
    shared = [part for turn in first[:common] for part in turn.parts]
    for branch, turns in zip(BRANCHES, (first, second), strict=True):
        shared += marked([part for turn in turns[common:] for part in turn.parts], branch=branch)
    return shared


def branch_parts(turns: Sequence[Turn], branch: str) -> list[Part]:
    """The parts of one branch, with those that both have."""
    return [part for turn in turns for part in turn.parts if turn.branch in (None, branch)]


def pair_losses(turns: Sequence[Turn]) -> list[str]:
    branches = {turn.branch for turn in turns} - {None}
    return [] if branches == set(BRANCHES) else ["no pair of answers"]


def are_transcripts(row: Mapping[str, Any]) -> bool:
    return all(isinstance(row[name], str) and starts_with_marker(row[name]) for name in BRANCHES)
