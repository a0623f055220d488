"""Copied runs of sentences: against all with all, and against datatrove."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel import _kernels
from cupel.deduplication.sentences import Sentences
from cupel.errors import BadOption, UnknownName
from cupel.findings import Facts, Section

from . import reference
from .conftest import Resolve, check_spans, spans_of, without

PIECES = [
    "A.",
    "a.",
    "B!",
    "Où?",
    "Ou\u0300?",
    "東京。",
    "One two.",
    " ",
    " ",
    "\n",
    "\n\n",
    "\u3000",
    "\x1c",
    "—",
    "…",
]
TEXTS = st.lists(st.none() | st.lists(st.sampled_from(PIECES), max_size=16).map("".join), max_size=10)


def sentences_of(text: str) -> list[tuple[str, int]]:
    """The sentences of a text, each with the byte at which it begins."""
    (pieces,) = pa.array(_kernels.sentences(pa.array([text], pa.large_string()))).to_pylist()
    placed, at = [], 0
    for piece in pieces:
        at = text.index(piece, at)
        placed.append((piece, len(text[:at].encode())))
        at += len(piece)
    return placed


def copied_runs(
    texts: list[str | None], run: int, min_characters: int = 1, normalize: bool = False
) -> dict[int, reference.Spans]:
    """Every run is compared with every earlier one."""
    earlier: list[list[str]] = []
    spans = {}
    for doc, text in enumerate(texts):
        pieces = sentences_of(text or "")
        starts = [start for _, start in pieces] + [len((text or "").encode())]
        copies = []
        for first in range(len(pieces) - run + 1):
            words = [piece for piece, _ in pieces[first : first + run]]
            if sum(reference.width(c) for piece in words for c in piece) < min_characters:
                continue
            key = [reference.plain(piece, normalize) for piece in words]
            if any(key == other for other in earlier):
                copies.append((starts[first], starts[first + run]))
            earlier.append(key)
        if copies:
            spans[doc] = reference.joined(copies)
    return spans


@given(TEXTS, st.integers(1, 4), st.sampled_from([1, 9]), st.booleans(), st.sampled_from([1 << 30, 200, 1]))
def test_spans_are_those_of_all_with_all(
    resolve: Resolve, texts: list[str | None], run: int, minimum: int, normalize: bool, memory: int
) -> None:
    """However many ranges of hashes the memory asks for."""
    method = Sentences.from_options({"sentences": run, "min_characters": minimum, "normalize": normalize})
    clusters = resolve(method, texts, memory_bytes=memory)
    check_spans(clusters, texts)
    assert spans_of(clusters) == copied_runs(texts, run, minimum, normalize)


@given(TEXTS, st.integers(1, 9))
def test_batches_decide_nothing(resolve: Resolve, texts: list[str | None], rows: int) -> None:
    whole = resolve(Sentences(), texts, rows_in_batch=100)
    assert resolve(Sentences(), texts, rows_in_batch=rows).members == whole.members


def test_an_example_by_hand(resolve: Resolve) -> None:
    passage = "The Café opened today. Its owner comes from 東京.\nShe said so herself!"
    texts = [
        passage + " Read on here.",
        "An own beginning. " + passage + "\n\nAnd an own end.",
        "The Café opened today. Its owner comes from 東京. Nobody knows more.",
        "THE CAFÉ opened today; its owner comes from 東京. She said so herself.",
    ]
    at = len(b"An own beginning. ")
    spans = {1: [(at, at + len((passage + "\n\n").encode()))]}
    clusters = resolve(Sentences(), texts)
    assert spans_of(clusters) == spans
    assert clusters.members["cluster"].to_pylist() == [0]
    left = pa.array(_kernels.cut_spans(pa.array([texts[1]]), clusters.members["spans"].combine_chunks()))
    assert left.to_pylist() == ["An own beginning.\n\nAnd an own end."]
    # Two in a row recur in the third text too.
    pairs = spans_of(resolve(Sentences.from_options({"sentences": 2}), texts))
    assert pairs[2] == [(0, len("The Café opened today. Its owner comes from 東京. ".encode()))]


def test_case_and_punctuation_are_ignored_on_request(resolve: Resolve) -> None:
    texts = ["One two. Three, four! Five six?", "ONE TWO! Three four. Five... six!"]
    assert not spans_of(resolve(Sentences(), texts))
    normalized = resolve(Sentences.from_options({"normalize": True}), texts)
    assert spans_of(normalized) == {1: [(0, len(texts[1]))]}
    numbers = ["It has 3 rooms. It is new. Call us.", "It has 4 rooms. It is new. Call us."]
    assert not spans_of(resolve(Sentences.from_options({"normalize": True}), numbers))


def test_copies_in_one_document_count(resolve: Resolve) -> None:
    verse = "First line. Second line. Third line. "
    clusters = resolve(Sentences(), [verse + "Between. " + verse], docs=[9 << 40])
    (row,) = clusters.members.to_pylist()
    at = len(verse + "Between. ")
    assert (row["cluster"], row["spans"]) == (9 << 40, [{"start": at, "stop": at + len(verse)}])


def test_runs_that_overlap_the_first_count_too(resolve: Resolve) -> None:
    """As in datatrove; the card's limits say so."""
    assert spans_of(resolve(Sentences(), ["Ha! " * 6])) == {0: [(4, 24)]}


def test_recurring_single_sentences_stay(resolve: Resolve) -> None:
    texts = [f"Page {n} begins. Thank you for reading. Page {n} ends." for n in range(9)]
    assert not spans_of(resolve(Sentences(), texts))
    assert len(spans_of(resolve(Sentences.from_options({"sentences": 1}), texts))) == 8


@pytest.mark.parametrize(
    "texts",
    [
        [],
        [None],
        ["", "\n\n", " \x1c\x00"],
        ["No stop", "No stop"],
        ["Two. Only.", "Two. Only."],
        ["x" * 1_000_000, "😀" * 10],
    ],
)
def test_no_effect_is_said(resolve: Resolve, texts: list[str | None]) -> None:
    clusters = resolve(Sentences(), texts)
    assert clusters.members.num_rows == 0
    assert "no effect" in clusters.findings[0].lead


def test_long_and_hostile_texts(resolve: Resolve) -> None:
    line = "word " * 200_000 + "ends. Two\x00two. 東京!\u200b "
    spans = spans_of(resolve(Sentences(), ["Here. " + line, line]))
    assert spans == {1: [(0, len(line.encode()))]}


def test_findings_name_the_run(resolve: Resolve) -> None:
    text = "One is here. Two is here. Three is here."
    (section,) = resolve(Sentences(), [text, text]).findings
    assert Section.model_validate_json(section.model_dump_json()) == section
    (facts,) = [dict(block.facts) for block in section.blocks if isinstance(block, Facts)]
    assert section.title == "Copied runs of 3 sentences"
    assert facts["runs of 3 sentences that count"] == "2"


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"sentences": 0}, BadOption, "option 'sentences' is 0"),
        ({"min_characters": 0}, BadOption, "option 'min_characters' is 0"),
        ({"action": "remove"}, BadOption, "'cut', 'drop' or 'mark'"),
        ({"sentnces": 3}, UnknownName, "did you mean 'sentences'"),
    ],
)
def test_mistakes_in_options_are_named(options: dict, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Sentences.from_options(options)


def test_a_mistake_in_the_kernel_is_an_error() -> None:
    with pytest.raises(ValueError, match="run: expected one unit or more"):
        _kernels.text_units(pa.array(["a"]), unit="sentence", run=0)


def after_datatrove(texts: list[str], folder: Path, ignore: bool) -> list[str]:
    """What datatrove's `SentenceDedup` leaves of each text, documents in one file."""
    dedup = pytest.importorskip("datatrove.pipeline.dedup.sentence_dedup")
    from datatrove.data import Document
    from datatrove.utils.text import TextNormConfig

    config = dedup.SentDedupConfig(
        min_doc_words=0,
        min_num_sentences=0,
        norm_config=TextNormConfig(
            lowercase=ignore,
            remove_punctuation=ignore,
            norm_whitespace=True,
            norm_unicode_diacritics=False,
            norm_numbers=False,
        ),
    )
    documents = [Document(text=text, id=str(place)) for place, text in enumerate(texts)]
    dedup.SentenceDedupSignature(str(folder / "hashes"), config=config).run(documents)
    dedup.SentenceFindDedups(str(folder / "hashes"), str(folder / "copies"), config=config).run()
    kept = dedup.SentenceDedupFilter(str(folder / "copies"), config=config).run(iter(documents))
    left = {document.id: document.text for document in kept}
    # A document of which nothing is left is dropped there.
    return [left.get(str(place), "") for place in range(len(texts))]


@pytest.mark.parametrize("ignore", [False, True])
def test_datatrove_removes_the_same(resolve: Resolve, tmp_path: Path, ignore: bool) -> None:
    sentences = [f"Sentence number {word} is here." for word in ("one", "two", "three", "four", "five")]
    rng = random.Random(3)
    texts = [" ".join(rng.choices(sentences, k=rng.randrange(1, 12))) for _ in range(120)]
    if ignore:
        texts = [text.upper().replace(" IS", ", IS") if rng.random() < 0.5 else text for text in texts]
    texts += ["Ha! Ha! Ha! Ha! Ha!", "Two.  Sentences.", "Café?\nYes. 東京! Café? Yes. 東京! End."]
    spans = spans_of(resolve(Sentences.from_options({"normalize": ignore}), texts))
    left = [without(text, spans.get(doc, [])) for doc, text in enumerate(texts)]
    theirs = after_datatrove(texts, tmp_path, ignore)
    assert [text.split() for text in left] == [text.split() for text in theirs]
    assert len(spans) > 60


@pytest.mark.parametrize("documents", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_real_documents(resolve: Resolve, articles: list[str], documents: int) -> None:
    """Each article follows once more, behind a sentence of its own and without its first."""
    articles = [article for article in articles[:documents] if len(article) < 20_000]
    again = ["An own one. " + "".join(article.partition(". ")[2]) for article in articles]
    texts = [*articles, *again]
    clusters = resolve(Sentences(), texts, rows_in_batch=50, memory_bytes=100_000)
    check_spans(clusters, texts)
    spans = spans_of(clusters)
    assert len(spans) > len(articles) // 4
    left = [without(text, spans.get(doc, [])) for doc, text in enumerate(texts)]
    assert sum(map(len, left)) < 0.7 * sum(map(len, texts))
