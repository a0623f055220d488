"""How two runs differ, field by field: explains the refusal to mix them in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import yaml

from cupel.errors import Damaged
from cupel.recipe.folder import Folder, read_sealed

__all__ = ["differences", "kept_settings", "settings", "written"]

MAX_DIFFERENCES = 6
MAX_CHARACTERS = 60
ABSENT = object()


def settings(
    recipe: Mapping[str, Any], reading: Mapping[str, Any], writing: Mapping[str, Any]
) -> dict[str, Any]:
    """All settings that affect the result of a run, by their user-facing names: `minhash.threshold`, `text_column`.

    Parameters
    ----------
    recipe
        As `Recipe.to_dict` gives it.
    reading, writing
        Fields of the options of reading and writing.

    Examples
    --------
    >>> settings({"seed": 0, "steps": ["exact"]}, {"text_column": None}, {})
    {'seed': 0, 'exact': 'a step', 'text_column': None}
    """
    named: dict[str, Any] = {"seed": recipe["seed"]}
    for family, options in recipe.get("signals", {}).items():
        named |= {f"{family}.{option}": value for option, value in options.items()}
    seen: dict[str, int] = {}
    for step in recipe["steps"]:
        name, options = (step, {}) if isinstance(step, str) else next(iter(step.items()))
        seen[name] = seen.get(name, 0) + 1
        label = name if seen[name] == 1 else f"{name}-{seen[name]}"
        named[label] = "a step"
        named |= {f"{label}.{option}": value for option, value in options.items()}
    named |= dict(reading)
    return named | {f"output.{name}" if name in reading else name: value for name, value in writing.items()}


def kept_settings(folder: Folder) -> dict[str, Any]:
    """The settings of the run in a folder, finished or not; empty if they cannot be read."""
    try:
        if folder.manifest.exists():
            inputs = folder.read_inputs()
            recipe = yaml.safe_load((folder.root / "recipe.yaml").read_text("utf-8"))
            return settings(recipe, inputs["reading"], inputs.get("output", {}))
        job = read_sealed(folder.plan)["job"]
        return settings(job["recipe"], job["reading"], job["output"])
    except (Damaged, OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return {}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """`name: before → now` of each setting that differs, steps before their options.

    >>> differences({"text_column": None, "exact": "a step"}, {"text_column": "messages", "pii": "a step"})
    ['steps removed: exact', 'steps added: pii', "text_column: null → 'messages'"]
    """
    if not before:
        return []
    # What was kept has been through JSON: tuples are lists, and numbers may have lost their kind.
    now = orjson.loads(orjson.dumps(dict(now), default=str))
    before = orjson.loads(orjson.dumps(dict(before), default=str))
    steps_before, steps_now = ([name for name in each if each[name] == "a step"] for each in (before, now))
    removed = [name for name in steps_before if name not in steps_now]
    added = [name for name in steps_now if name not in steps_before]
    changes = [f"steps removed: {', '.join(removed)}"] if removed else []
    changes += [f"steps added: {', '.join(added)}"] if added else []
    if not changes and steps_before != steps_now:
        changes.append(f"order of steps: {', '.join(steps_before)} → {', '.join(steps_now)}")
    for name in dict.fromkeys([*before, *now]):
        step = name.rpartition(".")[0]
        if {name, step} & {*removed, *added}:
            continue
        old, new = before.get(name, ABSENT), now.get(name, ABSENT)
        if old != new:
            changes.append(f"{name}: {_value(old)} → {_value(new)}")
    return changes


def written(changes: list[str]) -> str:
    """The differences in one line."""
    if not changes:
        return "a file that an option or --methods names has changed, or it is of another version of Cupel"
    more = f"; and {len(changes) - MAX_DIFFERENCES} more" if len(changes) > MAX_DIFFERENCES else ""
    return "; ".join(changes[:MAX_DIFFERENCES]) + more


def _value(value: Any) -> str:
    if value is ABSENT:
        return "absent"
    if value is None:
        return "null"
    text = repr(value) if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"
