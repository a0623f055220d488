"""The rows of an evaluation set, flattened, and what they show of their fields beyond the names."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from cupel.deduplication.contamination.choices import choices_of, is_options, is_scores
from cupel.deduplication.contamination.field_names import normalized, role_of

__all__ = [
    "Evidence",
    "evidence_of",
    "flattened",
    "has_questions",
    "is_chat",
    "is_spaced",
    "joined",
    "word_count",
]

MIN_ROWS = 8
"""Of so many rows and more, what more than half share is constant; of fewer, what all of them share."""
MAX_LITERAL = 1 << 20
_WORD = re.compile(r"\w+")
_CHINESE = re.compile(
    r"[\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
_THAI = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\ua9e0-\ua9ff\uaa60-\uaa7f]")
_ASKS = re.compile(r"[?？؟;՞፧]\W*$|_{2,}|\[MASK\]|<mask>")


@dataclass(frozen=True)
class Evidence:
    """What the rows of a set show of their fields, by normalized name.

    Attributes
    ----------
    constant
        Fields that say the same in most rows: an instruction, or a label.
    asking
        Fields that end with a question mark, or leave a blank, in most rows.
    from_one
        Fields that name the right choice by a number, counted from one.
    """

    constant: frozenset[str] = frozenset()
    asking: frozenset[str] = frozenset()
    from_one: frozenset[str] = frozenset()


def evidence_of(rows: Sequence[Mapping[str, Any]]) -> Evidence:
    """What the rows of a set show, all of them flattened.

    Examples
    --------
    >>> rows = [{"task": "Say which.", "frage": f"Welche {n}?", "antwort": n} for n in range(3)]
    >>> evidence = evidence_of(rows)
    >>> sorted(evidence.constant), sorted(evidence.asking)
    (['task'], ['frage'])
    """
    texts: dict[str, Counter[str]] = defaultdict(Counter)
    asking: Counter[str] = Counter()
    numbers: dict[str, set[int]] = defaultdict(set)
    sizes: dict[str, int] = {}
    counted: set[str] = set()
    for row in rows:
        choices = None
        for name, value in row.items():
            text = joined(value)
            if text is not None:
                texts[name][text] += 1
                asking[name] += bool(_ASKS.search(text.strip()))
            number = _number(value)
            if number is not None and role_of(name) == "answer":
                choices = choices or choices_of(row)
                numbers[name].add(number)
                sizes[name] = max(sizes.get(name, 0), len(choices.texts))
                # Winogrande writes "1" for `option1`.
                if isinstance(value, str) and any(label.endswith("1") for label in choices.labels[:1]):
                    counted.add(name)
    constant = {
        name
        for name, values in texts.items()
        for count in [values.most_common(1)[0][1]]
        if len(rows) > 1 and count > len(rows) / 2 and (count == len(rows) or len(rows) >= MIN_ROWS)
    }
    from_one = {
        name
        for name, seen in numbers.items()
        if sizes[name]
        and 0 not in seen
        and max(seen) <= sizes[name]
        and (max(seen) == sizes[name] or name in counted)
    }
    asked = {name for name, times in asking.items() if 2 * times > texts[name].total()}
    return Evidence(frozenset(constant), frozenset(asked), frozenset(from_one))


def flattened(row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a row by normalized name; one within another is `outer.inner`, and what is empty is left out.

    Choices, conversations and lists of questions stay as they are; lists and mappings written out as text are read.

    Examples
    --------
    >>> flattened({"Question": {"stem": "Why?", "choices": ["a", "b"]}, "note": None})
    {'question.stem': 'Why?', 'question.choices': ['a', 'b']}
    """
    fields: dict[str, Any] = {}
    for name, value in row.items():
        _flatten(normalized(name), value, fields)
    return fields


def _flatten(name: str, value: Any, fields: dict[str, Any]) -> None:
    value = _read(name, value)
    if value is None or value in ("", [], {}):
        return
    if (
        isinstance(value, list)
        and len(value) == 1
        and isinstance(value[0], Mapping)
        and not has_questions(value[0])
    ):
        value = value[0]
    if isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        if is_chat(value) or is_options(value) or any(map(has_questions, value)):
            fields[name] = value
            return
        keys = dict.fromkeys(key for item in value for key in item)
        value = {key: [item[key] for item in value if key in item] for key in keys}
    if isinstance(value, Mapping):
        if is_options(value) or (is_scores(value) and role_of(name) == "choices"):
            fields[name] = value
            return
        for key, inner in value.items():
            _flatten(f"{name}.{normalized(key)}", inner, fields)
    else:
        fields.setdefault(name, value)


def has_questions(value: Any) -> bool:
    """Whether a mapping, or something within it, has a field for a question."""
    if isinstance(value, list):
        return any(isinstance(item, Mapping) and has_questions(item) for item in value)
    return isinstance(value, Mapping) and any(
        (role_of(normalized(name)) == "question" and isinstance(inner, str)) or has_questions(inner)
        for name, inner in value.items()
    )


def is_chat(value: Any) -> bool:
    """Whether a value is the turns of a conversation, each with its speaker."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(turn, Mapping)
            and ({"content", "value"} & set(turn))
            and ({"role", "from"} & set(turn))
            for turn in value
        )
    )


def joined(value: Any) -> str | None:
    """The text in a field: a string, or strings that belong together; None for anything else.

    Examples
    --------
    >>> joined(["The", "cat", "sat", "."]), joined(["How are you?", "Well."]), joined(3)
    ('The cat sat .', 'How are you?\\nWell.', None)
    """
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        return None
    texts = [text for text in map(joined, value) if text is not None]
    if len(texts) < len(value):
        return None
    words = sum(" " not in text for text in texts)
    return (" " if words > 0.9 * len(texts) else "\n").join(texts)


def word_count(text: str) -> int:
    """About how many words: two characters of Chinese or Japanese count as one, and four of Thai or Khmer."""
    spaced = _THAI.sub(" ", _CHINESE.sub(" ", text))
    return len(_WORD.findall(spaced)) + len(_CHINESE.findall(text)) // 2 + len(_THAI.findall(text)) // 4


def is_spaced(text: str) -> bool:
    """Whether a text has words at all: it has spaces, or is written without them."""
    return bool(re.search(r"\S\s+\S", text) or _CHINESE.search(text) or _THAI.search(text))


def _read(name: str, value: Any) -> Any:
    """A list or mapping that is written out as text, where the field's name or content says that it is one."""
    if not isinstance(value, str) or len(value) > MAX_LITERAL or value[:1] + value[-1:] not in ("[]", "{}"):
        return value
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        try:
            parsed = ast.literal_eval(value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return value
    structured = is_options(parsed) or has_questions(parsed)
    listed = (
        isinstance(parsed, list)
        and role_of(name) in ("choices", "wrong")
        and all(isinstance(t, str) for t in parsed)
    )
    return parsed if structured or listed else value


def _number(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else None
