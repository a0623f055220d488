"""Golden vectors: text → the signal's value → the verdict, for every rule of the web sets.

For every rule there is a text that this rule is the first to drop, with the value of the
signal it compares, worked out by hand from the paper's definition.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from types import ModuleType

import pyarrow as pa
import pytest

from cupel import _kernels
from cupel.contract import Decision, Edit, find_method
from cupel.rules import RuleSet, methods


@dataclass(frozen=True)
class Golden:
    """A text, the first rule of a set that drops it, and the value of that rule's signal."""

    rule_set: str
    rule: str
    text: str
    value: float | Fraction


# 72 words, 6 full stops and 2 commas: 80 segments, 72 of them with letters; 6 lines.
PROSE = "\n".join(
    (
        "The old harbour lies to the north of our town behind a long stone wall.",
        "Fishermen have mended their nets there since before anyone can remember.",
        "On clear mornings, you see boats leave with gulls crying above each mast.",
        "Children wait near a small lighthouse that was painted white last spring.",
        "Most visitors arrive by train, walk down Mill Street and look for coffee.",
        "Nobody knows who built it or how many winters those grey stones will last.",
    )
)


def numbered(words: int) -> str:
    """That many different words of letters, four or more long, three in ten of them stop words."""
    letters = "abcdefghij"
    stop = ("the", "with", "have")
    return " ".join(
        stop[i % 10] if i % 10 < 3 else "w" + "".join(letters[int(digit)] for digit in f"{i:05d}")
        for i in range(words)
    )


def _words(how_many: int) -> list[str]:
    """Different words of six letters."""
    return ["w" + "".join("abcdefghij"[int(digit)] for digit in f"{i:05d}") for i in range(how_many)]


def most_frequent_run(n: int, threshold: float) -> Golden:
    """Ten times the same n words, each time before another word, then other words."""
    run, times = _words(n), 10
    length = 7 * n - 1  # with the spaces inside
    total = int(times * length / (7 * (threshold + 0.005)))
    others = iter(_words(n + total)[n:])
    words = [word for _ in range(times) for word in (*run, next(others))]
    words += [next(others) for _ in range(total - len(words))]
    value = Fraction(times * length, 7 * total - 1)
    return Golden("gopher-repetition", f"max_top_{n}gram_character_fraction", " ".join(words), value)


def repeated_runs(n: int, threshold: float) -> Golden:
    """Ten runs of n words, each twice, always before another word, then other words."""
    runs = 10
    total = int(runs * n * 6 / (7 * (threshold + 0.004)))
    others = iter(_words(total))
    words: list[str] = []
    for _ in range(runs):
        run = [next(others) for _ in range(n)]
        words += [*run, next(others), *run, next(others)]
    words += [next(others) for _ in range(total - len(words))]
    value = Fraction(runs * n * 6, 7 * total - 1)  # without spaces, over the text with them
    return Golden("gopher-repetition", f"max_duplicate_{n}gram_character_fraction", " ".join(words), value)


HALF = "Walls of stone keep out wind and rain but never the sea."
OTHER = "Every evening a keeper lights one lamp so that ships find home."
THIRD = "Gulls follow trawlers because nets always spill some silver fish."

GOLDEN = (
    # --- Gopher, quality -------------------------------------------------------------------
    Golden("gopher-quality", "min_words", numbered(49), 49),
    Golden("gopher-quality", "max_words", numbered(100_001), 100_001),
    # Letters 1, 2, 2, 2: mean 1.75.
    Golden("gopher-quality", "min_mean_word_length", "a to be of " * 20, 1.75),
    # Letters 20, 22 and 3: mean 15.
    Golden(
        "gopher-quality",
        "max_mean_word_length",
        "internationalization counterrevolutionaries the " * 20,
        15,
    ),
    # 60 words and 10 signs: 70 segments; of the 60, 18 are stop words.
    Golden("gopher-quality", "max_hash_to_word_ratio", numbered(60) + " #" * 10, Fraction(10, 70)),
    Golden("gopher-quality", "max_ellipsis_to_word_ratio", numbered(60) + " …" * 10, Fraction(10, 70)),
    Golden(
        "gopher-quality",
        "max_bullet_line_fraction",
        "\n".join("- " + numbered(200)[i * 60 : i * 60 + 60].strip() for i in range(10)),
        1,
    ),
    # Two of five lines end in an ellipsis; two ellipses among many words.
    Golden(
        "gopher-quality",
        "max_ellipsis_line_fraction",
        "\n".join(numbered(60) + end for end in ("...", " …", ".", ".", ".")),
        Fraction(2, 5),
    ),
    # 60 words with letters, 20 numbers: 60 of 80.
    Golden(
        "gopher-quality",
        "min_alpha_word_fraction",
        numbered(60) + " " + " ".join(str(10_000 + i) for i in range(20)),
        Fraction(60, 80),
    ),
    # One stop word, however often, is one.
    Golden("gopher-quality", "min_stop_words", "the quick brown foxes jumped over lazy dogs " * 8, 1),
    # --- Gopher, repetition ----------------------------------------------------------------
    Golden("gopher-repetition", "min_characters", "", 0),
    Golden(
        "gopher-repetition",
        "max_duplicate_paragraph_fraction",
        "\n\n".join(("Buy now.", "Buy now.", "Buy now.", PROSE)),
        Fraction(2, 4),
    ),
    # One paragraph of four comes again, and it is most of the text: 2 of 6 would be over 0.3.
    Golden(
        "gopher-repetition",
        "max_duplicate_paragraph_character_fraction",
        "\n\n".join((PROSE, HALF, OTHER, PROSE)),
        Fraction(len(PROSE), 2 * len(PROSE) + len(HALF) + len(OTHER) + 6),
    ),
    # Two of five lines, but they are short.
    Golden(
        "gopher-repetition",
        "max_duplicate_line_fraction",
        "\n".join(("Menu", HALF, "Menu", OTHER, "Menu")),
        Fraction(2, 5),
    ),
    # One of four lines, and it is long.
    Golden(
        "gopher-repetition",
        "max_duplicate_line_character_fraction",
        "\n".join((HALF + " " + OTHER, THIRD, HALF + " " + OTHER, "Storms pass quickly here.")),
        Fraction(len(HALF + OTHER) + 1, 2 * len(HALF + OTHER) + 2 + len(THIRD) + 25 + 3),
    ),
    # The run of n words takes a little more than its threshold, shorter runs less than theirs.
    *(most_frequent_run(n, threshold) for n, threshold in ((2, 0.20), (3, 0.18), (4, 0.16))),
    *(
        repeated_runs(n, threshold)
        for n, threshold in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
    ),
    # --- FineWeb ---------------------------------------------------------------------------
    Golden("fineweb", "min_nonblank_lines", " \n\t\n ", 0),
    # No line of ten ends a sentence.
    Golden(
        "fineweb",
        "min_terminal_punctuation_line_fraction",
        "\n".join(f"{line} and so on" for line in PROSE.splitlines()),
        0,
    ),
    # Three of four lines have at most 30 characters.
    Golden(
        "fineweb",
        "max_short_line_fraction",
        "\n".join(
            (HALF, "Stone walls keep out wind.", "Rain comes and goes again.", "The sea stays where it is.")
        ),
        Fraction(3, 4),
    ),
    # One of two equal lines of five; line breaks do not count.
    Golden(
        "fineweb",
        "max_duplicate_line_character_fraction",
        "\n".join((PROSE, HALF, HALF)),
        Fraction(len(HALF), len(PROSE) - 5 + 2 * len(HALF)),
    ),
    # Two words and a full stop in each line of 31 characters or more: one break in three.
    Golden(
        "fineweb",
        "max_newline_to_word_ratio",
        "\n".join(f"Counterrevolutionaries internationalize{c}." for c in "abcdefghijklmnopqrst"),
        Fraction(19, 60),
    ),
    # --- C4 (after the edit c4-lines) --------------------------------------------------------
    Golden("c4", "max_lorem_ipsum_lines", PROSE + "\nLorem Ipsum dolor sit amet.", 1),
    Golden("c4", "max_curly_bracket_lines", PROSE + "\nif (x) { return the whole. }.", 1),
    Golden("c4", "min_sentences", "\n".join(PROSE.splitlines()[:4]), 4),
)

RULE_SETS = {rule_set.name: rule_set for rule_set in methods()}
SETS = ("gopher-quality", "gopher-repetition", "fineweb", "c4")


def decide(name: str, text: str) -> tuple[RuleSet, Decision]:
    rule_set = RULE_SETS[name].from_options({})
    batch = pa.RecordBatch.from_pydict({"text": pa.array([text], pa.large_string())})
    if rule_set.needs_edit:
        edited = find_method(rule_set.needs_edit, Edit).from_options({}).edit(batch)
        signals = pa.RecordBatch.from_pydict(dict(edited.columns))
    else:
        signals = pa.record_batch(
            _kernels.measure(batch.column("text"), list(rule_set.signals), segmentation="prose")
        )
    return rule_set, rule_set.decide(signals)


def reference_reason(agreement: ModuleType, name: str, text: str) -> str:
    """Why datatrove's filter drops the text when it is given our words; empty: it keeps it."""
    filters = pytest.importorskip("datatrove.pipeline.filters")
    data = pytest.importorskip("datatrove.data")
    filter_ = {
        "gopher-quality": filters.GopherQualityFilter,
        "gopher-repetition": filters.GopherRepetitionFilter,
        "fineweb": filters.FineWebQualityFilter,
        "c4": filters.C4QualityFilter,
    }[name]()
    with agreement.our_words():
        answer = filter_.filter(data.Document(text=text, id="golden"))
    return answer[1] if isinstance(answer, tuple) else ""


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: f"{golden.rule_set}.{golden.rule}")
def test_golden(golden: Golden, agreement: ModuleType) -> None:
    rule_set, decision = decide(golden.rule_set, golden.text)
    reason = decision.reason(0)
    assert reason is not None
    assert reason.rule == golden.rule
    assert reason.value == pytest.approx(float(golden.value), rel=1e-12, abs=1e-12)
    reference = next(rule.reference for rule in rule_set.rules if rule.name == golden.rule)
    assert reference_reason(agreement, golden.rule_set, golden.text) == reference


@pytest.mark.parametrize("name", SETS)
def test_prose_passes(name: str, agreement: ModuleType) -> None:
    assert decide(name, PROSE)[1].reason(0) is None
    assert reference_reason(agreement, name, PROSE) == ""


def test_every_rule_with_a_reference_has_a_golden_vector() -> None:
    have = {(golden.rule_set, golden.rule) for golden in GOLDEN}
    for name in SETS:
        for rule in RULE_SETS[name].rules:
            if rule.reference and rule.threshold is not None:
                assert (name, rule.name) in have
