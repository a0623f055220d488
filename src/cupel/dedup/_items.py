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
    "answer_choices",
    "multiple_choice_targets",
    "target_scores",
    "mc1_targets",
    "mc1_choices",
    "input_choice_list",
    "classes",
)
_NUMBERED_CHOICES = re.compile(
    r"(?:sol|solution|choice|option|ending|answer|ans|mc_answer|sentence_quiz)_?[0-9a-e]$|[a-e]$",
    re.IGNORECASE,
)
_PASSAGE = ["passage", "article", "support", "story", "background", "context"]
# What says something about an item and is no part of it.
_ABOUT = re.compile(
    r".*(?:id|idx|index|url|link|source|split|subject|category|topic|level|language|lang|type|name|author|license"
    r"|date|title|explanation|rationale|metadata|comment|canary)s?",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
MIN_TEXT_WORDS = 3
"""A field of fewer words is a label, such as `cause` in COPA."""
MIN_QUESTION_WORDS = 8
"""A question of fewer words holds hardly an n-gram: the short text that it asks about belongs to it."""
MAX_CONTEXT_WORDS = 60
"""A longer text is a passage, which may be in clean documents too."""
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
    stem = named.get("question")
    if isinstance(stem, Mapping):  # ARC as published: the choices stand in the question
        named |= {str(name).lower(): value for name, value in stem.items()}
        named["question"] = _text(stem.get("stem", stem))
        named.pop("stem", None)
    if isinstance(named.get("context_options"), list):
        return _one_of_contexts(named)
    turns = next((value for value in named.values() if _is_chat(value)), None)
    if turns is not None:
        return _chat(turns)
    labels, choices = _choices(named)
    scores = named.get("target_scores")
    consumed = set(_CHOICES) | {name for name in named if _NUMBERED_CHOICES.fullmatch(name)}
    asking = [name for name in _QUESTION if name in named] or (["context"] if "context" in named else [])
    # A label, such as `cause` in COPA, asks nothing that could be found.
    question = next((name for name in asking if _is_text(named[name])), asking[0] if asking else None)
    answer = _first(named, [name for name in _ANSWER if name not in (question, *consumed)])
    passage = _first(named, [name for name in _PASSAGE if name != question])
    others = [
        _text(value)
        for name, value in named.items()
        if name not in (question, answer, passage, *consumed)
        and _is_text(value)
        and not _ABOUT.fullmatch(name)
    ]
    if question is None and not others:
        raise BadInput(
            f"{where}: no field is known to hold a question; there are: {', '.join(map(str, row)) or 'none'}. "
            "Say which one does: question=NAME, and answer, choices, passage where there are such"
        )
    asked, told = _split_passage(_text(named[question])) if question else ("", "")
    if question == "instruction":
        asked = f"{asked}\n{_text(named.get('input', ''))}"
        others = [text for text in others if text != _text(named.get("input", ""))]
    asked, listed = _split_choices(asked, choices)
    read = (_text(named[passage]) if passage else "") or told
    # Where the answer is a part of the passage there are no choices, and the passage may be a clean document.
    if (
        listed
        and passage == "context"
        and _words(asked) < MIN_QUESTION_WORDS
        and _words(read) <= MAX_CONTEXT_WORDS
    ):
        asked, read = f"{read}\n{asked}", ""
    if question in (None, "sentence", "premise", "sentence_good") or _words(asked) < MIN_QUESTION_WORDS:
        asked = "\n".join(text for text in (asked, *others) if text)
    right = named.get(answer) if answer else None
    if isinstance(scores, Mapping) and scores:
        listed = [str(text) for text in scores]
        right = max(range(len(listed)), key=lambda place: _number(scores[listed[place]]))
    if isinstance(right, str) and right.strip() in labels:
        right = labels.index(right.strip())
    return _item(asked, right, listed, read)


def _is_text(value: Any) -> bool:
    return not isinstance(value, bool | int | float) and _words(_text(value)) >= MIN_TEXT_WORDS


def _words(text: str) -> int:
    """About how many words: two characters of a script without spaces count as one."""
    return len(_WORD.findall(_UNSPACED.sub(" ", text))) + len(_UNSPACED.findall(text)) // 2


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _is_chat(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, Mapping) and ({"content", "value"} & set(turn)) for turn in value)
    )


def _chat(turns: list[Mapping[str, Any]]) -> Item:
    """A conversation: what the model says last is the answer, what comes before is asked."""
    said = [_text(turn.get("content", turn.get("value"))) for turn in turns]
    speaker = str(turns[-1].get("role", turns[-1].get("from", ""))).lower()
    answered = len(said) > 1 and speaker in ("assistant", "gpt", "model", "bot")
    return _item("\n".join(said[:-1] if answered else said), said[-1] if answered else None, [], "")


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
        value = value.get("text", value.get("choices", list(value.values())))
    return [_text(one) for one in value] if isinstance(value, list) else [_text(value)]


def _text(value: Any) -> str:
    """The text of a value; the first of several that say the same."""
    if isinstance(value, Mapping):
        value = value.get("text", next(iter(value.values()), ""))
    if isinstance(value, list):
        return _text(value[0]) if value else ""
    return value if isinstance(value, str) else "" if value is None else str(value)
