"""Which fields of a row hold the text of an item, and which one its answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cupel.deduplication.contamination.choices import Choices
from cupel.deduplication.contamination.field_names import rank, role_of
from cupel.deduplication.contamination.layouts import Evidence, is_spaced, joined, word_count

__all__ = ["MAX_TOGETHER", "MIN_ITEM_WORDS", "answer_name", "texts_of_item"]

MIN_TEXT_WORDS = 3
"""A field of fewer words is a label, such as `cause` in COPA."""
MIN_ITEM_WORDS = 10
"""A text of fewer words hardly marks a document by itself."""
MAX_TOGETHER = 60
"""Words of texts that are asked together; more of them are looked for one by one."""


def texts_of_item(
    fields: Mapping[str, Any], choices: Choices, answer: str | None, evidence: Evidence
) -> tuple[list[str], list[str]]:
    """The texts that make up the item, and those to read with it."""
    texts = {
        name: text
        for name, value in fields.items()
        for text in [joined(value)]
        if text is not None and text.strip() and name not in choices.names and name != answer
    }
    roles = {name: role_of(name) for name in texts}
    named = ("question", "prompt", "passage")
    constant = [name for name in texts if name in evidence.constant]
    about = [name for name in texts if roles[name] in ("about", "answer")]
    own = [
        name
        for name in texts
        if name not in constant and name not in about and (roles[name] in named or _is_text(texts[name]))
    ]
    question = _question_name(own, texts, roles, evidence)
    if question is not None:
        # Quora's pairs are `question1` and `question2`.
        asking = [name for name in own if name.rstrip("0123456789") == question.rstrip("0123456789")]
        others = [name for name in own if name not in asking]
        if not _is_item(texts[question]) and _total(others, texts) < MIN_ITEM_WORDS <= _total(own, texts):
            asking = own
    else:
        prompts = [name for name in own if roles[name] == "prompt"]
        reading = [name for name in own if roles[name] == "passage"]
        others = [
            name
            for name in own
            if name not in reading and (roles[name] != "question" or _is_text(texts[name]))
        ]
        if reading and _total(prompts, texts) >= MIN_TEXT_WORDS:
            asking = prompts
        elif others:
            asking = others if _total(others, texts) >= MIN_ITEM_WORDS else [*reading, *others]
        else:
            asking = own
        if not others and reading and _is_long(texts, reading) and _is_item(joined(fields.get(answer or ""))):
            # An article with its summary: the article may be a clean document, the summary is found by itself.
            return [""], [texts[name] for name in reading]
    offered = any(_is_text(text) for text in (joined(fields.get(answer or "")) or "", *choices.texts))
    for some in ([name for name in about if name not in constant], [] if offered else constant):
        # A set of nothing but titles, answers or instructions.
        asking = asking or [name for name in some if _is_item(texts[name])]
        asking = asking or [name for name in some if _is_text(texts[name])]
    if not asking and offered:
        return [""], [texts[name] for name in texts if _is_text(texts[name]) and name not in constant]
    asking = asking or [name for name in texts if roles[name] != "about"]
    long = [
        texts[name] for name in texts if name not in asking and name not in constant and _is_text(texts[name])
    ]
    short = [
        texts[name]
        for name in texts
        if name not in asking and roles[name] == "passage" and texts[name] not in long
    ]
    chosen = _distinct(texts[name] for name in asking)
    return chosen, [text for text in _distinct([*long, *short]) if not any(text in asked for asked in chosen)]


def _question_name(
    own: Sequence[str], texts: Mapping[str, str], roles: Mapping[str, str], evidence: Evidence
) -> str | None:
    """The field that asks, unless it is a label and the item stands in others."""
    asking = sorted(
        (name for name in own if roles[name] == "question"),
        key=lambda name: (not _is_text(texts[name]), rank(name)),
    )
    # AfriQA asks in `question_lang`.
    asking += [
        name
        for name in texts
        if name in evidence.asking
        and name not in evidence.constant
        and roles[name] in ("", "prompt", "about")
    ]
    best = next(iter(asking), None)
    if best is not None and not _is_text(texts[best]):
        others = [name for name in own if name != best and _is_text(texts[name])]
        if any(word_count(texts[name]) <= MAX_TOGETHER or roles[name] != "passage" for name in others):
            return None
    return best


def answer_name(fields: Mapping[str, Any], choices: Choices, evidence: Evidence) -> str | None:
    """The field of the right answer: one that names a choice, else text before a number."""
    named = [name for name in fields if role_of(name) == "answer" and name not in choices.names]

    def order(name: str) -> tuple[bool, int, bool]:
        value = fields[name]
        if choices.texts:
            unfit = choices.place(value, from_one=name in evidence.from_one) is None
        else:
            unfit = isinstance(value, bool | int | float)
        return unfit, rank(name), isinstance(value, list)

    best = min(named, key=order, default=None)
    if choices.texts and best is None and choices.right is None:
        # Its name says nothing, but it names a choice.
        places = [
            name for name, value in fields.items() if not role_of(name) and choices.place(value) is not None
        ]
        best = next((name for name in places if name not in choices.names), None)
    return best


def _is_text(text: str) -> bool:
    return word_count(text) >= MIN_TEXT_WORDS and is_spaced(text)


def _is_item(text: str | None) -> bool:
    return text is not None and word_count(text) >= MIN_ITEM_WORDS


def _is_long(texts: Mapping[str, str], names: Sequence[str]) -> bool:
    return _total(names, texts) > MAX_TOGETHER


def _total(names: Iterable[str], texts: Mapping[str, str]) -> int:
    return sum(word_count(texts[name]) for name in names)


def _distinct(texts: Iterable[str]) -> list[str]:
    """Texts that no other one holds, in their order."""
    kept: list[str] = []
    for text in texts:
        if not any(text in other for other in kept):
            kept = [other for other in kept if other not in text] + [text]
    return kept
