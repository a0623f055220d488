"""From a row of an evaluation set to a question, its answer, the choices and a passage."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cupel.deduplication.contamination.choices import (
    LETTERS,
    Choices,
    choices_of,
    split_listed,
    text_of,
    texts_of,
)
from cupel.deduplication.contamination.layouts import (
    Evidence,
    evidence_of,
    flattened,
    has_questions,
    is_chat,
    word_count,
)
from cupel.deduplication.contamination.roles import MAX_TOGETHER, MIN_ITEM_WORDS, answer_name, texts_of_item
from cupel.errors import BadInput

__all__ = ["PARTS", "Fields", "Item", "items_of", "items_of_rows"]

PARTS = ("question", "answer", "choices", "passage")

# llm-foundry writes headings; MMLU's history questions end with the question.
_WITH_PASSAGE = (
    re.compile(r"\s*(?:Passage|Context|Story)\s*:\s*(.*?)\n\s*(?:Question|Q)\s*:\s*(.*)", re.DOTALL),
    re.compile(r"\s*This question refers to the following information\.\s*(.*)\n\s*(.+)", re.DOTALL),
)
_HEADINGS = re.compile(r"^\s*(?:Question|Q|Goal)\s*:\s*|\s*(?:Answer|A)\s*:\s*$")
_CHOICES_HEADING = re.compile(r"\n\s*(?:Choices|Options)\s*:\s*$")
_LETTER = re.compile(r"\(?[A-Za-z]\)?[.:]?")


@dataclass(frozen=True)
class Item:
    """One item of an evaluation set: what is asked, the right answer, the choices listed, what to read."""

    question: str
    answer: str = ""
    choices: str = ""
    passage: str = ""


@dataclass(frozen=True)
class Fields:
    """Which field has which role, where the names in a file do not say."""

    question: str | None = None
    answer: str | None = None
    choices: tuple[str, ...] = ()
    passage: str | None = None


def items_of_rows(
    rows: Sequence[tuple[str, Mapping[str, Any]]], fields: Fields = Fields()
) -> list[list[Item]]:
    """The items of each row of a set; all rows together show which fields are text of an item.

    Parameters
    ----------
    rows
        The place of each row, for messages, and its fields.

    Raises
    ------
    BadInput
        No field of a row holds text of an item, or a field named in `fields` is missing.
    """
    if fields != Fields():
        return [[_mapped(row, fields, where)] for where, row in rows]
    flat = [flattened(_inner(row)) for _, row in rows]
    evidence = evidence_of(flat)
    return [items_of(row, evidence, where) for (where, _), row in zip(rows, flat, strict=True)]


def items_of(row: Mapping[str, Any], evidence: Evidence = Evidence(), where: str = "") -> list[Item]:
    """The items that a row holds: one per question if several questions share a passage, otherwise one.

    Texts that make up an item without a question among them are several items where they are long. No
    two items of a row share text, except the passage.

    Raises
    ------
    BadInput
        No field holds text.

    Examples
    --------
    >>> items_of({"goal": "Open a jar", "sol1": "Turn the lid.", "sol2": "Eat the lid.", "label": 0})[0].answer
    'Turn the lid.'
    """
    fields = flattened(row)
    if isinstance(fields.get("context_options"), list):
        return [_one_of_contexts(fields)]
    chat = next((value for value in fields.values() if is_chat(value)), None)
    if chat is not None:
        return [_chat(chat)]
    nested = next(
        (name for name, value in fields.items() if isinstance(value, list) and has_questions(value)), None
    )
    if nested is not None:
        outer = {name: value for name, value in fields.items() if name != nested}
        inner = [part for part in fields[nested] if isinstance(part, Mapping)]
        return [item for part in inner for item in items_of(outer | flattened(part), evidence, where)]
    choices = choices_of(fields)
    answer = answer_name(fields, choices, evidence)
    asked, read = texts_of_item(fields, choices, answer, evidence)
    if not asked:
        names = ", ".join(map(str, row)) or "none"
        raise BadInput(
            f"{where}: no field is known to hold a question; the row has: {names}. "
            "Say which one does: question=NAME, and answer, choices, passage if the row has them"
        )
    value = fields.get(answer) if answer else None
    if not choices.texts and isinstance(value, int) and answer is not None and "label" in answer:
        value = ""  # a code for what the row does not say
    return _built(asked, read, value, choices, from_one=answer in evidence.from_one)


def _built(asked: list[str], read: list[str], answer: Any, choices: Choices, *, from_one: bool) -> list[Item]:
    """Texts that are asked together as one item, or many long ones one by one; choices belong to the first."""
    passage = "\n".join(read)
    enough = [text for text in asked if word_count(text) >= MIN_ITEM_WORDS]
    if len(enough) > 2 and sum(map(word_count, asked)) > MAX_TOGETHER:
        short = "\n".join(text for text in asked if text not in enough)
        first, *others = enough if not short else [short, *enough]
    else:
        first, others = "\n".join(asked), []
    question, before = _split_passage(first)
    question, choices = _split_choices(_clean(question), choices, answer)
    item = _item(question, answer, choices, from_one, "\n".join(text for text in (passage, before) if text))
    return [item, *(Item(_clean(text)) for text in others)]


def _item(question: str, answer: Any, choices: Choices, from_one: bool, passage: str) -> Item:
    """The item, its right answer read off the choices where it is named by number, letter or name."""
    place = choices.place(answer, from_one=from_one)
    place = choices.right if place is None else place
    texts = [text.strip() for text in choices.texts]
    if place is None and answer is None and texts:
        place = 0  # pages that list all of them hold the first too
    right = text_of(answer) if place is None else texts[place]
    # As they stand on the pages that leak them: in order, with letters.
    lettered = [f"{letter}. {text}" for letter, text in zip(LETTERS.upper(), texts, strict=False)]
    return Item(
        question=_clean(question),
        answer=right.strip(),
        choices="\n".join([*lettered, *texts[len(lettered) :]]),
        passage=passage.strip(),
    )


def _clean(question: str) -> str:
    return _HEADINGS.sub("", question).strip()


def _chat(turns: Sequence[Mapping[str, Any]]) -> Item:
    """A conversation: what the model says last is the answer, what comes before is asked."""
    contents = [text_of(turn.get("content", turn.get("value"))) for turn in turns]
    speaker = str(turns[-1].get("role", turns[-1].get("from", ""))).lower()
    answered = len(contents) > 1 and speaker in ("assistant", "gpt", "model", "bot")
    return Item(
        _clean("\n".join(contents[:-1] if answered else contents)), contents[-1].strip() if answered else ""
    )


def _one_of_contexts(fields: Mapping[str, Any]) -> Item:
    """A schema of llm-foundry: one of several contexts goes with the continuation."""
    contexts = texts_of(fields["context_options"])
    gold = fields.get("gold", 0)
    place = gold if isinstance(gold, int) and 0 <= gold < len(contexts) else 0
    return Item(contexts[place] if contexts else "", text_of(fields.get("continuation", "")).strip())


def _inner(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row itself, or the one within a logged sample of lm-evaluation-harness."""
    inner = row.get("doc")
    return inner if isinstance(inner, Mapping) else row


def _mapped(row: Mapping[str, Any], fields: Fields, where: str) -> Item:
    row = _inner(row)
    for name in (fields.question, fields.answer, fields.passage, *fields.choices):
        if name is not None and name not in row:
            names = ", ".join(map(str, row)) or "none"
            raise BadInput(f"{where}: no field '{name}'; the row has: {names}")
    offered = tuple(text for name in fields.choices for text in texts_of(row[name]))
    return _item(
        text_of(row[fields.question]) if fields.question else "",
        row[fields.answer] if fields.answer else None,
        Choices(offered),
        False,
        text_of(row[fields.passage]) if fields.passage else "",
    )


def _split_passage(query: str) -> tuple[str, str]:
    """Question and passage of a query that holds both."""
    for pattern in _WITH_PASSAGE:
        match = pattern.match(query)
        if match:
            return match[2], match[1]
    return query, ""


def _split_choices(query: str, choices: Choices, answer: Any) -> tuple[str, Choices]:
    """Question and choices of a query that lists them, where no field does or it holds their letters only."""
    if any(not _LETTER.fullmatch(text.strip()) for text in choices.texts):
        return query, choices
    stem, labels, texts = split_listed(query)
    listed = Choices(texts, labels)
    if not labels or (not choices.texts and listed.place(answer) is None):
        return query, Choices(names=choices.names) if choices.texts and not labels else choices
    right = choices.place(answer)
    return _CHOICES_HEADING.sub("", stem), Choices(texts, labels, right, choices.names)
