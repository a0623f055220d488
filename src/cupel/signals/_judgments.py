"""Judgments of pairs of texts: asked of a model in both orders, or read from a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from cupel.contract.view import Ask
from cupel.errors import BadInput
from cupel.models.model import Answer, Request
from cupel.signals._ratings import criterion_name
from cupel.signals._rubrics import Criterion, Rubric

__all__ = ["Judgments", "ask_pairs", "draw_pairs", "pair_question", "read_choice", "read_judgments"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_CHOICE = re.compile(r"\b([AB])\b")


@dataclass(frozen=True)
class Judgments:
    """Judgments of pairs by one criterion.

    Attributes
    ----------
    first, second
        int64: which documents each compares.
    preferred
        float64: how far the second was preferred, 0 to 1; half where it depended on the order.
    judges
        int64: who judged each.
    asked, unusable
        How many answers were asked for, and how many named neither text.
    chose_first, in_both
        Of the answers of pairs that were asked in both orders: how many chose the text that stood first, and how many
        there are.
    turned
        Of these pairs: how many were judged otherwise in the other order.
    """

    first: Integers
    second: Integers
    preferred: Floats
    judges: Integers
    asked: int = 0
    unusable: int = 0
    chose_first: int = 0
    in_both: int = 0
    turned: int = 0


def draw_pairs(count: int, pairs: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """Pairs of different documents: rounds in which each document meets two others, so that all are judged as often.

    A round is a random circle of all documents. At most as many pairs as there are; none comes twice.

    >>> first, second = draw_pairs(5, 100, np.random.default_rng(0))
    >>> len(first), len({frozenset(pair) for pair in zip(first.tolist(), second.tolist())})
    (10, 10)
    """
    wanted = min(pairs, count * (count - 1) // 2)
    seen: dict[tuple[int, int], tuple[int, int]] = {}
    while len(seen) < wanted:
        before = len(seen)
        circle = rng.permutation(count).tolist()
        for one_end, other in zip(circle, [*circle[1:], circle[0]], strict=True):
            if one_end != other and len(seen) < wanted:
                seen.setdefault((min(one_end, other), max(one_end, other)), (one_end, other))
        if len(seen) == before:  # few are left: take them as they come
            for left in range(count):
                for right in range(left + 1, count):
                    if len(seen) < wanted:
                        seen.setdefault((left, right), (left, right))
    drawn = np.array(list(seen.values()), np.int64).reshape(-1, 2)
    return drawn[:, 0], drawn[:, 1]


def pair_question(criterion: Criterion, first: str, second: str) -> str:
    """The question which of two texts has more of a criterion.

    >>> style = Criterion(name="style", question="It is well written.", comparison="Which is better written?")
    >>> pair_question(style, "Café", "東京").splitlines()[0]
    'Which is better written?'
    """
    return (
        f"{criterion.compared}\n\n"
        "Both texts are excerpts, so judge each as part of what it seems to come from. Their language, their length and "
        "their order must not count. Where they are close, choose all the same.\n\n"
        f"Text A:\n\n{first}\n\n(end of text A)\n\nText B:\n\n{second}\n\n(end of text B)\n\n"
        'Answer with a single letter, "A" or "B".'
    )


def read_choice(answer: str) -> int | None:
    """Which text an answer chooses: 0 for A, 1 for B, None where it names neither or both.

    >>> read_choice("B"), read_choice("**A**."), read_choice("Option B"), read_choice("A or B?"), read_choice("")
    (1, 0, 1, None, None)
    """
    letters = set(_CHOICE.findall(answer.strip()))
    return "AB".index(letters.pop()) if len(letters) == 1 else None


def ask_pairs(
    texts: list[str], rubric: Rubric, pairs: tuple[Integers, Integers], ask: Ask, max_characters: int
) -> dict[str, Judgments]:
    """What a model judges of pairs by each criterion of a rubric; every pair is asked in both orders.

    Raises
    ------
    BudgetSpent
        The budget of the run is spent; what was answered is kept.
    """
    begun = [text[:max_characters] for text in texts]
    orders = [
        (a, b) for pair in zip(*(end.tolist() for end in pairs), strict=True) for a, b in (pair, pair[::-1])
    ]
    requests = [
        Request.chat(pair_question(criterion, begun[a], begun[b]), max_tokens=16)
        for criterion in rubric.points
        for a, b in orders
    ]
    answers = ask(requests)
    size = len(orders)
    return {
        criterion.name: _judged(pairs, answers[number * size : (number + 1) * size])
        for number, criterion in enumerate(rubric.points)
    }


def read_judgments(
    table: pa.Table, places: Mapping[str, int], where: str
) -> tuple[dict[str, Judgments], tuple[str, ...]]:
    """The judgments in a file: `a` and `b` name documents, and the other columns say which was preferred.

    Returns
    -------
    dict, tuple
        The judgments by criterion, and the names of the judges.

    Raises
    ------
    BadInput
        A column or a document is not there, or a preference is none.
    """
    columns = preference_columns(table, where)
    judges = [str(name) for name in table["judge"].to_pylist()] if "judge" in table.column_names else []
    names = tuple(sorted(set(judges)))
    ends = [table[name].cast(pa.large_string()).to_pylist() for name in ("a", "b")]
    for row, pair in enumerate(zip(*ends, strict=True)):
        for end in pair:
            if end not in places:
                raise BadInput(
                    f"{where}: row {row + 1} compares '{end}', which is no document of the input with text"
                )
        if pair[0] == pair[1]:
            raise BadInput(f"{where}: row {row + 1} compares '{pair[0]}' with itself")
    first, second = (np.array([places[end] for end in own], np.int64) for own in ends)
    judge = np.array([names.index(name) for name in judges] if judges else [0] * table.num_rows, np.int64)
    judgments = {}
    for name, column in columns.items():
        values = [
            _preference(value, f"{where}: row {row + 1}")
            for row, value in enumerate(table[column].to_pylist())
        ]
        preferred = np.array(values, np.float64)
        rows = ~np.isnan(preferred)
        judgments[name] = Judgments(first[rows], second[rows], preferred[rows], judge[rows], int(rows.sum()))
    return judgments, names


def preference_columns(table: pa.Table, where: str) -> dict[str, str]:
    """The columns of a file that hold preferences, by criterion: `preference`, or any but the keys."""
    missing = [name for name in ("a", "b") if name not in table.column_names]
    columns = [name for name in table.column_names if name not in ("a", "b", "judge")]
    if missing or not columns:
        raise BadInput(
            f"{where} has the columns {', '.join(table.column_names)}; expected 'a' and 'b', ids of documents, and "
            "'preference': which of them was preferred"
        )
    if "preference" in columns:
        return {"preference": "preference"}
    return {criterion_name(column): column for column in columns}


def _preference(value: object, place: str) -> float:
    """0 where `a` was preferred, 1 for `b`; shares of votes for `b` stand between them."""
    if value is None or value == "":
        return float("nan")
    text = str(value).strip().casefold()
    if text in ("a", "b", "tie"):
        return {"a": 0.0, "b": 1.0, "tie": 0.5}[text]
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise BadInput(
            f"{place}: preference is '{value}'; expected a, b or tie, or a share of votes for b, 0 to 1"
        )
    return share


def _judged(pairs: tuple[Integers, Integers], answers: list[Answer]) -> Judgments:
    """Both orders of each pair as one judgment; a pair without a usable answer is left out."""
    choices = [read_choice(answer.text or "") for answer in answers]
    first, second, preferred = [], [], []
    chose_first = in_both = turned = 0
    for number, (a, b) in enumerate(zip(*(end.tolist() for end in pairs), strict=True)):
        # In the second question b stands first: what was chosen there counts the other way round.
        straight, reverse = choices[2 * number], choices[2 * number + 1]
        votes = [
            choice for choice in (straight, None if reverse is None else 1 - reverse) if choice is not None
        ]
        if not votes:
            continue
        first.append(a)
        second.append(b)
        preferred.append(sum(votes) / len(votes))
        if straight is not None and reverse is not None:
            chose_first += (straight == 0) + (reverse == 0)
            in_both += 2
            turned += straight == reverse
    return Judgments(
        np.array(first, np.int64),
        np.array(second, np.int64),
        np.array(preferred, np.float64),
        np.zeros(len(first), np.int64),
        len(answers),
        sum(choice is None for choice in choices),
        chose_first,
        in_both,
        turned,
    )
