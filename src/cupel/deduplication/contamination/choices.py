"""The choices of an item, wherever a row has them, and the one that an answer names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cupel.deduplication.contamination.field_names import rank, role_of

__all__ = ["LETTERS", "Choices", "choices_of", "is_options", "split_listed", "text_of", "texts_of"]

LETTERS = "abcdefghijklmnopqrstuvwxyz"
MAX_CHOICES = 26
_NUMBERED = re.compile(r"(?P<stem>.*?)_?(?P<mark>\d{1,2}|[a-j])")
# Names of choices that are no words: PIQA's `sol1`, MedMCQA's `opa`, AlphaNLI's `hyp1`, bare letters.
_SHORT_STEMS = {
    "",
    "op",
    "opt",
    "sol",
    "ans",
    "mc_answer",
    "quiz",
    "sentence_quiz",
    "hyp",
    "hypothesis",
    "ending",
}
_TEXTS = ("text", "texts", "choices", "options", "content", "choice", "option", "answer", "value", "body")
_LABELS = ("label", "labels", "key", "letter", "id")
_CORRECT = ("correct", "is_correct", "labels", "label", "score", "scores")
_MARK = re.compile(r"(?:(?<=\s)|^)\(?([A-Za-z])\s?[).:]\s+")


@dataclass(frozen=True)
class Choices:
    """Texts to choose from.

    Attributes
    ----------
    labels
        What each is called where the row says so, else empty.
    right
        The place of the right one, where the choices themselves say it.
    names
        The fields that hold them.
    """

    texts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    right: int | None = None
    names: frozenset[str] = frozenset()

    def place(self, answer: Any, *, from_one: bool = False) -> int | None:
        """The place of the choice that an answer names: by its text, label, letter, number or field.

        Numbers count from 0, or from 1 where `from_one` says so or the number is that of choices.

        Examples
        --------
        >>> choices = Choices(("red", "blue"), ("option_a", "option_b"))
        >>> [choices.place(answer) for answer in ("blue", "B", "(b)", 1, "1", "option_b", "2", "C")]
        [1, 1, 1, 1, 1, 1, 1, None]
        """
        answer = answer[0] if isinstance(answer, list) and answer else answer
        if not self.texts or answer is None or isinstance(answer, list | Mapping):
            return None
        if isinstance(answer, bool) or (isinstance(answer, float) and answer.is_integer()):
            answer = int(answer)
        text = str(answer).strip()
        if text in self.texts:
            return self.texts.index(text)
        bare = text.strip("().: ").lower()
        labels = [label.strip("().: ").lower() for label in self.labels]
        if bare in labels:
            return labels.index(bare)
        if bare.isdecimal():
            place = int(bare) - from_one
            place -= place == len(self.texts)
        else:
            place = LETTERS.find(bare) if len(bare) == 1 else -1
        return place if 0 <= place < len(self.texts) else None


def choices_of(fields: Mapping[str, Any]) -> Choices:
    """The choices of a row whose fields are flattened: listed in one field, or in a field for each."""
    named = [name for name in fields if role_of(name) in ("choices", "wrong")]
    listed = [
        (name, choices)
        for name in sorted((name for name in named if role_of(name) == "choices"), key=rank)
        for choices in [_listed(fields[name])]
        if len(choices.texts) > 1
    ]
    names = frozenset(name for name in named if not isinstance(fields[name], bool | int | float))
    if listed:
        best = listed[0][1]
        return Choices(best.texts, best.labels, best.right, names)
    groups = _numbered(fields)
    if groups:
        marks = max(groups, key=len)
        texts = tuple(text_of(fields[name]).strip() for name in marks.values())
        labels = tuple(mark for mark in marks) if _are_letters(marks) else ()
        return Choices(texts, labels or tuple(marks.values()), None, names | set(marks.values()))
    wrong = [text for name in named if role_of(name) == "wrong" for text in texts_of(fields[name]) if text]
    right = [name for name in sorted(fields, key=rank) if role_of(name) == "answer" and text_of(fields[name])]
    if wrong and right:
        return Choices((text_of(fields[right[0]]), *wrong), (), 0, names)
    return _picked_from(fields) or Choices(names=names)


def is_options(value: Any) -> bool:
    """Whether a mapping, or a list of them, holds choices: texts with labels, or a text for each letter."""
    if isinstance(value, list):
        return len(value) > 1 and all(
            isinstance(entry, Mapping)
            and _key(entry, _TEXTS)
            and _key(entry, _LABELS + _CORRECT)
            and len(entry) < 5
            for entry in value
        )
    if not isinstance(value, Mapping) or len(value) < 2:
        return False
    texts, labels = _key(value, _TEXTS), _key(value, _LABELS)
    if texts and labels and isinstance(value[texts], list) and isinstance(value[labels], list):
        return True
    keys = [str(key).lower() for key in value]
    lettered = keys == list(LETTERS[: len(keys)]) or keys == [str(n) for n in range(len(keys))]
    return (lettered or keys == [str(n + 1) for n in range(len(keys))]) and all(
        isinstance(v, str) for v in value.values()
    )


def is_scores(value: Any) -> bool:
    """Whether a mapping scores the texts that are its keys."""
    return (
        isinstance(value, Mapping)
        and len(value) > 1
        and all(isinstance(score, bool | int | float) for score in value.values())
    )


def split_listed(text: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """What stands before a list of choices, their labels and their texts; no labels where there is no such list.

    Examples
    --------
    >>> split_listed("Which is blue? (A) the sky (B) grass (C) snow")
    ('Which is blue?', ('A', 'B', 'C'), ('the sky', 'grass', 'snow'))
    >>> split_listed("Vitamin A. It is in carrots.")
    ('Vitamin A. It is in carrots.', (), ())
    """
    marks = list(_MARK.finditer(text))
    for first, mark in enumerate(marks):
        if mark[1] not in "Aa":
            continue
        run = [mark]
        for other in marks[first + 1 :]:
            if ord(other[1]) == ord(run[-1][1]) + 1:
                run.append(other)
        if len(run) > 1:
            ends = [other.start() for other in run[1:]] + [len(text)]
            texts = tuple(
                text[label.end() : end].strip(" \n,;") for label, end in zip(run, ends, strict=True)
            )
            if all(texts):
                return text[: mark.start()].strip(), tuple(label[1] for label in run), texts
    return text, (), ()


def texts_of(value: Any) -> list[str]:
    """All texts within a value."""
    if isinstance(value, Mapping):
        return [text for inner in value.values() for text in texts_of(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts_of(inner)]
    return [] if value is None else [str(value)]


def text_of(value: Any) -> str:
    """The text of a value; the first of several that say the same."""
    if isinstance(value, Mapping):
        key = _key(value, _TEXTS)
        value = value[key] if key else next(iter(value.values()), "")
    if isinstance(value, list):
        return text_of(value[0]) if value else ""
    return value if isinstance(value, str) else "" if value is None else str(value)


def _listed(value: Any) -> Choices:
    """The choices in one field."""
    if isinstance(value, str):
        _, labels, texts = split_listed(value)
        return Choices(texts, labels)
    if isinstance(value, Mapping):
        if is_scores(value):
            texts = tuple(str(text) for text in value)
            return Choices(texts, (), max(range(len(texts)), key=lambda place: float(value[texts[place]])))
        key, called_in = _key(value, _TEXTS), _key(value, _LABELS)
        if key and isinstance(value[key], list):
            called = value[called_in] if called_in and isinstance(value[called_in], list) else []
            return Choices(tuple(map(text_of, value[key])), *_called(called))
        return Choices(tuple(map(text_of, value.values())), tuple(map(str, value)))
    if not isinstance(value, list):
        return Choices()
    if value and all(isinstance(entry, Mapping) for entry in value):
        keys = [_key(entry, _LABELS) for entry in value]
        right = _only(
            [
                entry[key]
                for entry in value
                for key in _CORRECT
                if key in entry and not isinstance(entry[key], str)
            ]
        )
        names = [
            entry[key] for entry, key in zip(value, keys, strict=True) if key and isinstance(entry[key], str)
        ]
        return Choices(tuple(map(text_of, value)), tuple(names) if len(names) == len(value) else (), right)
    if value and all(isinstance(entry, list) for entry in value):
        return Choices()  # of several questions
    return Choices(tuple(text_of(entry) for entry in value))


def _called(labels: Sequence[Any]) -> tuple[tuple[str, ...], int | None]:
    """Labels that are names, or that say which choice is right."""
    if labels and all(isinstance(label, bool | int | float) for label in labels) and set(labels) <= {0, 1}:
        return (), _only(labels)
    return tuple(map(str, labels)), None


def _only(flags: Sequence[Any]) -> int | None:
    """The place of the first that is true."""
    return next((place for place, flag in enumerate(flags) if flag), None)


def _numbered(fields: Mapping[str, Any]) -> list[dict[str, str]]:
    """Groups of fields that differ by a number or letter at their end: its fields, by mark."""
    stems: dict[str, dict[str, str]] = {}
    for name, value in fields.items():
        match = _NUMBERED.fullmatch(name)
        if match and isinstance(value, str | int | float) and not isinstance(value, bool):
            stems.setdefault(match["stem"], {})[match["mark"]] = name
    groups = []
    for stem, marks in stems.items():
        offers = stem.rpartition(".")[2] in _SHORT_STEMS or role_of(stem) in ("choices", "answer")
        ordered = sorted(marks, key=lambda mark: (len(mark), mark))
        first = "".join(ordered[:1])
        if offers and len(marks) > 1 and first in ("0", "1", "a"):
            groups.append({mark: marks[mark] for mark in ordered})
    return groups


def _are_letters(marks: Mapping[str, str]) -> bool:
    return all(mark in LETTERS for mark in marks)


def _picked_from(fields: Mapping[str, Any]) -> Choices | None:
    """A list in a field whose name says nothing, which an answer picks from."""
    answers = [
        value for name, value in fields.items() if role_of(name) == "answer" and not isinstance(value, list)
    ]
    for name, value in fields.items():
        if role_of(name) or not isinstance(value, list) or not 1 < len(value) <= MAX_CHOICES:
            continue
        if all(isinstance(entry, str) for entry in value):
            choices = Choices(tuple(value), (), None, frozenset([name]))
            if any(choices.place(answer) is not None for answer in answers):
                return choices
    return None


def _key(value: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    return next((key for key in keys if key in value), None)
