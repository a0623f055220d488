"""Copied units by a Bloom filter: against an exact set of n-grams."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel import _kernels
from cupel.deduplication.bloom import Bloom
from cupel.errors import BadOption, UnknownName
from cupel.findings import Facts, Section
from tests.conftest import examples

from . import reference
from .conftest import Resolve, check_spans, in_memory, spans_of

RARE = 1e-9
UNITS = st.sampled_from(["line", "paragraph", "document"])
PIECES = ["one ", "two ", "Café ", "Zürich ", "cafe ", "4.2 ", "\n", "\n\n", "—", "ab"]
TEXTS = st.lists(st.none() | st.lists(st.sampled_from(PIECES), max_size=25).map("".join), max_size=10)


def compare(
    texts: Sequence[str | None],
    spans: dict[int, reference.Spans],
    method: Bloom,
    count: reference.Ngrams | None = None,
) -> tuple[int, int]:
    """Units flagged, and those of them that an exact set would have left.

    The set goes by the filter's own decisions: it holds the n-grams of units that stayed.
    """
    seen: set[object] = set()
    flagged = wrongly = 0
    options = method.options
    judged = reference.judged_units(texts, options.unit, options.ngram, options.min_words, count)
    for doc, unit, ngrams in judged:
        met = sum(ngram in seen for ngram in ngrams)
        copy = met > 0 and met >= options.threshold * len(ngrams)
        removed = any(start <= unit.start and unit.stop <= stop for start, stop in spans.get(doc, []))
        assert removed or not copy, f"document {doc} at byte {unit.start} was seen, and missed"
        flagged += removed
        wrongly += removed and not copy
        if not removed:
            seen.update(ngrams)
    return flagged, wrongly


@settings(max_examples=examples(60))
@given(TEXTS, UNITS, st.integers(1, 5), st.integers(1, 4), st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_what_a_set_has_seen_the_filter_has_seen(
    resolve: Resolve, texts: list[str | None], unit: str, ngram: int, words: int, threshold: float
) -> None:
    """Never missed, however often the filter errs; at a tiny rate it errs never."""
    shared = {"unit": unit, "ngram": ngram, "min_words": words, "threshold": threshold}
    loose = Bloom.from_options({**shared, "false_positive_rate": 0.5})
    clusters = resolve(loose, texts)
    check_spans(clusters, texts)
    compare(texts, spans_of(clusters), loose)
    exact = Bloom.from_options({**shared, "false_positive_rate": RARE})
    assert compare(texts, spans_of(resolve(exact, texts)), exact)[1] == 0


@settings(max_examples=examples(40))
@given(TEXTS, UNITS, st.integers(2, 4), st.integers(1, 9))
def test_neither_threads_nor_batches_matter(
    resolve: Resolve, texts: list[str | None], unit: str, threads: int, rows: int
) -> None:
    method = Bloom.from_options({"unit": unit, "ngram": 2, "min_words": 1, "false_positive_rate": 0.5})
    alone = resolve(method, texts, rows_in_batch=100)
    assert resolve(method, texts, threads=threads, rows_in_batch=rows).members == alone.members


def test_an_example_by_hand(resolve: Resolve) -> None:
    notice = "Wir verwenden Cookies, um Ihnen das Lesen zu erleichtern; mehr dazu in Zürich."
    texts = [
        f"Ein Absatz, der nur hier steht.\n\n{notice}",
        f"{notice.upper()}\n\nEin anderer Absatz mit sieben Wörtern hier.",
        notice.replace("mehr", "viel mehr"),
    ]
    method = Bloom.from_options({"ngram": 3})
    spans = spans_of(resolve(method, texts))
    upper = len(f"{notice.upper()}\n\n".encode())
    # Thirteen n-grams, of which one more word changes three of fourteen: above 0.8 no, above 0.7 yes.
    assert spans == {1: [(0, upper)]}
    lower = Bloom.from_options({"ngram": 3, "threshold": 0.7})
    assert spans_of(resolve(lower, texts)) == {1: [(0, upper)], 2: [(0, len(texts[2].encode()))]}


def test_short_units_are_neither_judged_nor_remembered(resolve: Resolve) -> None:
    texts = ["one two three four"] * 3
    assert not spans_of(resolve(Bloom(), texts))
    assert set(spans_of(resolve(Bloom.from_options({"min_words": 4}), texts))) == {1, 2}


def test_the_filter_must_fit_into_memory(resolve: Resolve) -> None:
    texts = [" ".join(f"w{n}" for n in range(5000))]
    with pytest.raises(BadOption, match=r"4,988 n-grams.*raise the rate, or give more memory"):
        resolve(Bloom(), texts, memory_bytes=1000)


def test_no_effect_is_said(resolve: Resolve) -> None:
    for texts in ([], [None, ""], ["a", "a"], ["one two three four five six seven"]):
        clusters = resolve(Bloom(), texts)
        assert clusters.members.num_rows == 0
        assert "no effect" in clusters.findings[0].lead


def test_findings_tell_the_filter(resolve: Resolve) -> None:
    texts = ["one two three four five six seven"] * 2
    (section,) = resolve(Bloom(), texts).findings
    assert Section.model_validate_json(section.model_dump_json()) == section
    facts = dict(next(block for block in section.blocks if isinstance(block, Facts)).facts)
    assert facts["n-grams"] == "2"
    assert facts["false positives asked for"] == "0.01"
    assert facts["copied bytes"] == str(len(texts[0]))


def test_no_origin_is_claimed(resolve: Resolve) -> None:
    """A filter knows that something was seen, not where."""
    texts = ["one two three four five six seven"] * 2
    assert "first in" not in resolve(Bloom(), texts).findings[0].model_dump_json()


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"unit": "sentence"}, BadOption, "'line', 'paragraph' or 'document'"),
        ({"ngram": 65}, BadOption, "option 'ngram' is 65"),
        ({"threshold": 0}, BadOption, "greater than 0"),
        ({"false_positive_rate": 1}, BadOption, "less than or equal to 0.5"),
        ({"false_positives": 0.1}, UnknownName, "did you mean 'false_positive_rate'"),
    ],
)
def test_mistakes_in_options_are_named(options: dict, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Bloom.from_options(options)


def test_the_sketch_counts_ngrams() -> None:
    counts = Bloom.from_options({"ngram": 2}).sketch(pa.array(["one two three\n\nfour", None, "—"]))
    assert counts.column("ngrams").to_pylist() == [3, 0, 0]


def test_a_filter_outlives_its_run() -> None:
    text = pa.array(["one two three four five six", "seven eight nine ten eleven"], pa.large_string())
    how = {"ngram": 3, "min_words": 2, "threshold": 0.8}
    bloom = _kernels.Bloom(100, 0.01)
    spans, seen, ngrams = bloom.mark(text, **how)
    assert (spans.to_pylist(), seen.to_pylist(), ngrams) == ([[], []], [0.0, 0.0], 7)
    again = _kernels.Bloom.from_bytes(bloom.to_bytes())
    assert again.mark(text, **how)[0].to_pylist() == [[{"start": 0, "stop": 27}]] * 2
    with pytest.raises(ValueError, match="Bloom"):
        _kernels.Bloom.from_bytes(b"12345678")


@pytest.mark.parametrize("documents", [70, pytest.param(5000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("unit", ["line", "paragraph", "document"])
def test_real_documents(resolve: Resolve, ascii_articles: list[str], unit: str, documents: int) -> None:
    """At a tiny rate the filter decides as a set does, at the default it misses nothing either."""
    texts = [*ascii_articles[:documents], *ascii_articles[:10]]  # few wholes are copies among so few
    count = reference.AsciiNgrams()
    exact = Bloom.from_options({"unit": unit, "ngram": 8, "false_positive_rate": RARE})
    spans = spans_of(resolve(exact, texts, threads=2, rows_in_batch=200))
    flagged, wrongly = compare(texts, spans, exact, count)
    assert flagged > 0
    assert wrongly == 0
    usual = Bloom.from_options({"unit": unit, "ngram": 8})
    clusters = resolve(usual, texts, threads=2, rows_in_batch=200)
    check_spans(clusters, texts)
    flagged, wrongly = compare(texts, spans_of(clusters), usual, count)
    # Units of a single n-gram are taken for copies at most at the rate of n-grams.
    judged = sum(1 for _ in reference.judged_units(texts, unit, 8, 5, count))
    assert wrongly <= 5 + 0.01 * judged


@given(TEXTS, st.integers(1, 5))
def test_the_two_references_agree(texts: list[str | None], ngram: int) -> None:
    """Numbers for n-grams are equal where the n-grams are."""
    count, table = reference.AsciiNgrams(), {}
    for text in texts:
        ascii_text = (text or "").encode("ascii", "ignore").decode()
        grams = reference.ngrams(ascii_text, ngram)
        number, numbers = count(ascii_text, ngram)
        assert len(numbers) == len(grams)
        assert number == (len(grams) + len(grams[0]) - 1 if grams else 0)
        for gram, value in zip(grams, numbers, strict=True):
            assert table.setdefault(value, gram) == gram
    assert len(set(table.values())) == len(table)


def test_the_rate_asked_for_is_kept() -> None:
    """Over all n-grams of a stream of fresh words: within 4.5 standard errors of one in a hundred."""
    method = Bloom.from_options({"unit": "line", "ngram": 1, "min_words": 1, "threshold": 1.0})
    first = ["\n".join(f"a{n}" for n in range(at, at + 1000)) for at in range(0, 50_000, 1000)]
    other = [text.replace("a", "b") for text in first]
    total = sum(in_memory(method, first).read(["ngrams"])["ngrams"].to_pylist())
    assert total == 50_000
    bloom = _kernels.Bloom(total, 0.01)
    how = {"ngram": 1, "min_words": 1, "threshold": 1.0, "unit": "line"}
    bloom.mark(pa.array(first, pa.large_string()), **how)
    wrong = 0
    for text in other:
        copy = _kernels.Bloom.from_bytes(bloom.to_bytes())
        _, seen, ngrams = copy.mark(pa.array([text], pa.large_string()), **how)
        wrong += round(seen.to_pylist()[0] * ngrams)
    assert wrong / 50_000 < 0.01 + 4.5 * (0.01 * 0.99 / 50_000) ** 0.5
    assert wrong > 0
