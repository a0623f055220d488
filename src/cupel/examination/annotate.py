"""Join a finding to a corpus: its values for each document become signals for the next recipe."""

from __future__ import annotations

from pathlib import Path

from cupel.contract import Annotates, KeptFinding, find_method
from cupel.errors import BadOption
from cupel.recipe.recipe import Recipe

__all__ = ["annotation"]


def annotation(finding: str | Path) -> Recipe:
    """The recipe of one step that joins a finding's table by document to a corpus, by `id`.

    It keeps every document; a document that is not in the finding gets nulls. The output holds the
    finding's columns as signals, which rules and selectors of the next recipe read instead of measuring them.

    Raises
    ------
    BadInput
        There is no finding.
    BadOption
        The finding has no values for single documents.
    UnknownName
        The method that made the finding is not installed.
    """
    kept = KeptFinding.read(finding)
    method = find_method(kept.method, where=f"finding {finding}")
    if not issubclass(method, Annotates):
        raise BadOption(
            f"finding {finding}: {kept.method} says nothing of single documents, so there is nothing to join to a corpus"
        )
    return Recipe.from_dict({"name": "annotate", "steps": [{kept.method: {"finding": str(finding)}}]})
