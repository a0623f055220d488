"""From a row of an evaluation set to a question, its answer, the choices and a passage."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cupel.errors import BadInput

__all__ = ["PARTS", "Fields", "Item", "item_of"]

PARTS = ("question", "answer", "choices", "passage")

# Which field is what, in order of preference: llm-foundry, lm-evaluation-harness and the tasks' own names.
_QUESTION = (
    "question",
    "query",
    "goal",
    "ctx",
    "question_stem",
    "problem",
    "prompt",
    "premise",
    "sentence_good",
    "sentence",
    "instruction",
    "inputs",
    "input",
    "text",
)
_ANSWER = (
    "answer",
    "answers",
    "gold",
    "label",
    "answerkey",
    "correct",
    "correct_answer",
    "canonical_solution",
    "solution",
    "continuation",
    "target",
    "targets",
    "output",
    "best_answer",
    "code",
    "best answer",
)
_CHOICES = (
    "choices",
    "options",
    "endings",
    "candidates",
)
_NUMBERED_CHOICES = re.compile(
    r"(?:sol|choice|option|ending)_?[0-9a-e]$|[a-e]$|mc_answer[0-9]$", re.IGNORECASE
)
_PASSAGE = ["passage", "article", "support", "story", "background", "context"]
_LETTERS = "abcdefghij"
_LISTED = re.compile(r"^\(?([A-J])[.):]\s*(.+)$", re.MULTILINE)
_CHOICES_BEGIN = re.compile(r"\n(?:Choices:|Options:)\s*\n|\n\(?A[.):]\s")
# llm-foundry writes headings; MMLU's history questions end with the question.
_WITH_PASSAGE = (
    re.compile(r"\s*(?:Passage|Context|Story)\s*:\s*(.*?)\n\s*(?:Question|Q)\s*:\s*(.*)", re.DOTALL),
    re.compile(r"\s*This question refers to the following information\.\s*(.*)\n\s*(.+)", re.DOTALL),
)
_HEADINGS = re.compile(r"^\s*(?:Question|Q|Goal)\s*:\s*|\s*(?:Answer|A)\s*:\s*$")


@dataclass(frozen=True)
class Item:
    """One item of an evaluation set: what is asked, the right answer, the choices listed, what to read."""

    question: str
    answer: str = ""
    choices: str = ""
    passage: str = ""


@dataclass(frozen=True)
class Fields:
    """Which field is what, where a file does not say it by its names."""

    question: str | None = None
    answer: str | None = None
    choices: tuple[str, ...] = ()
    passage: str | None = None


def item_of(row: Mapping[str, Any], fields: Fields = Fields(), where: str = "") -> Item:
    """The item that a row of an evaluation set holds.

    Raises
    ------
    BadInput
        No field is known to hold a question, or one named in `fields` is not there.

    Examples
    --------
    >>> item_of({"goal": "Open a jar", "sol1": "Turn the lid.", "sol2": "Eat the lid.", "label": 0}).answer
    'Turn the lid.'
    """
    inner = row.get("doc")
    if isinstance(inner, Mapping):  # a logged sample of lm-evaluation-harness
        row = inner
    if fields != Fields():
        return _mapped(row, fields, where)
    named = {str(name).lower(): value for name, value in row.items() if value is not None}
    if isinstance(named.get("context_options"), list):
        return _one_of_contexts(named)
    question = _first(named, _QUESTION) or ("context" if "context" in named else None)
    if question is None:
        raise BadInput(
            f"{where}: no field is known to hold a question; there are: {', '.join(map(str, row)) or 'none'}. "
            "Say which one does: question=NAME, and answer, choices, passage where there are such"
        )
    passage = _first(named, [name for name in _PASSAGE if name != question])
    labels, choices = _choices(named)
    asked, told = _split_passage(_text(named[question]))
    if question == "instruction":
        asked = f"{asked}\n{_text(named.get('input', ''))}"
    asked, listed = _split_choices(asked, choices)
    answer = _first(named, [name for name in _ANSWER if name != question])
    right = named.get(answer) if answer else None
    if isinstance(right, str) and right.strip() in labels:
        right = labels.index(right.strip())
    return _item(asked, right, listed, (_text(named[passage]) if passage else "") or told)


def _mapped(row: Mapping[str, Any], fields: Fields, where: str) -> Item:
    for name in (fields.question, fields.answer, fields.passage, *fields.choices):
        if name is not None and name not in row:
            there = ", ".join(map(str, row)) or "none"
            raise BadInput(f"{where}: no field '{name}'; there are: {there}")
    offered = [text for name in fields.choices for text in _texts(row[name])]
    question = _text(row[fields.question]) if fields.question else ""
    return _item(
        question,
        row[fields.answer] if fields.answer else None,
        offered,
        _text(row[fields.passage]) if fields.passage else "",
    )


def _item(question: str, answer: Any, choices: list[str], passage: str) -> Item:
    """The item, its right answer read off the choices where it is named by number or letter."""
    right = _picked(answer, choices)
    # As they stand on the pages that leak them: in order, with letters.
    listed = [f"{letter}. {choice}" for letter, choice in zip(_LETTERS.upper(), choices, strict=False)]
    return Item(
        question=_HEADINGS.sub("", question).strip(),
        answer=(_text(answer) if right is None else right).strip(),
        choices="\n".join([*listed, *choices[len(listed) :]]),
        passage=passage.strip(),
    )


def _picked(answer: Any, choices: list[str]) -> str | None:
    """The choice that an answer names, by number, letter or itself."""
    if not choices or isinstance(answer, list | Mapping) or answer is None:
        return None
    text = str(answer).strip()
    if text in choices:
        return text
    place = int(text) if text.isdecimal() else _LETTERS.find(text.lower()) if len(text) == 1 else -1
    if text.isdecimal() and place == len(choices):  # counted from one
        place -= 1
    return choices[place] if 0 <= place < len(choices) else None


def _one_of_contexts(named: Mapping[str, Any]) -> Item:
    """A schema of llm-foundry: one of several contexts goes with the continuation."""
    contexts = _texts(named["context_options"])
    gold = named.get("gold", 0)
    place = gold if isinstance(gold, int) and 0 <= gold < len(contexts) else 0
    return Item(contexts[place] if contexts else "", _text(named.get("continuation", "")).strip())


def _first(named: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((name for name in names if name in named), None)


def _choices(named: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What the choices are called, where that is said, and their texts."""
    given = _first(named, _CHOICES)
    if given is not None:
        value = named[given]
        labels = value.get("label") if isinstance(value, Mapping) else None
        return [str(label) for label in labels or ()], _texts(value)
    numbered = sorted(name for name in named if _NUMBERED_CHOICES.fullmatch(name))
    # Winogrande counts its options in text from "1"; numbers count from 0.
    return [name.removeprefix("option") for name in numbered], [_text(named[name]) for name in numbered]


def _split_passage(query: str) -> tuple[str, str]:
    """Question and passage of a query that holds both."""
    for both in _WITH_PASSAGE:
        found = both.match(query)
        if found:
            return found[2], found[1]
    return query, ""


def _split_choices(query: str, choices: list[str]) -> tuple[str, list[str]]:
    """Question and choices of a query that lists them, where the field of choices holds their letters."""
    if not choices or any(len(choice.strip()) > 1 for choice in choices):
        return query, choices
    begin = _CHOICES_BEGIN.search(query)
    listed = [found[1].strip() for found in _listed(query[begin.start() :])] if begin else []
    if begin is None or len(listed) < 2:
        return query, choices
    return query[: begin.start()], listed


def _listed(text: str) -> list[tuple[str, str]]:
    return [(found[1], found[2]) for found in _LISTED.finditer(text)]


def _texts(value: Any) -> list[str]:
    """A list of texts, from lists, from `{"text": [...]}`, or of one text."""
    if isinstance(value, Mapping):
        value = value.get("text", list(value.values()))
    return [_text(one) for one in value] if isinstance(value, list) else [_text(value)]


def _text(value: Any) -> str:
    """The text of a value; the first of several that say the same."""
    if isinstance(value, Mapping):
        value = value.get("text", next(iter(value.values()), ""))
    if isinstance(value, list):
        return _text(value[0]) if value else ""
    return value if isinstance(value, str) else "" if value is None else str(value)
