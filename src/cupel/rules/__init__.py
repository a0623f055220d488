"""Decide on signals and fields: named rule sets as YAML data with their sources, and rules of a recipe's own.

A YAML file in this folder is a method of kind `rules`; nothing registers it. Its rules never compute: each compares one
signal with one threshold and says which documents stay.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from cupel.rules._file import read_rule_set
from cupel.rules._rule_set import RuleSet

__all__ = ["RuleSet", "methods", "read_rule_set"]


@cache
def methods() -> tuple[type[RuleSet], ...]:
    """The rule sets of the YAML files in this folder, sorted by file name.

    >>> [m.name for m in methods()][:3]
    ['c4', 'dclm-heuristics', 'fineweb']
    """
    return tuple(read_rule_set(path) for path in sorted(Path(__file__).parent.glob("*.yaml")))
