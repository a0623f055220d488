"""Copied passages: against the plain definition, window by window."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cupel
from cupel import _kernels
from cupel.contract import SPANS
from cupel.deduplication.substring import Substring
from cupel.errors import BadInput, BadOption, UnknownName
from cupel.findings import Samples, Section
from cupel.models.tokenizer_file import find_tokenizer
from tests.conftest import examples

from . import reference
from .conftest import Resolve, check_spans, spans_of

PIECES = ["a", "b", "é", "東", "𝄞", "ab", "the same passage of some length "]


@st.composite
def corpora(draw: st.DrawFn) -> list[str | None]:
    """Texts of few characters, into some of which parts of others are planted."""
    text = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)
    texts: list[str | None] = draw(st.lists(st.none() | text, min_size=1, max_size=8))
    for _ in range(draw(st.integers(0, 5))):
        source, target = draw(st.sampled_from(texts)) or "", draw(st.integers(0, len(texts) - 1))
        low = draw(st.integers(0, len(source)))
        at = draw(st.integers(0, len(texts[target] or "")))
        text_ = texts[target] or ""
        texts[target] = text_[:at] + source[low:] + text_[at:]
    return texts


def reference_by_dict(texts: list[str | None], length: int) -> dict[int, reference.Spans]:
    """The definition once more, with a dictionary of windows."""
    firsts: dict[bytes, int] = {}
    spans, base = {}, 0
    for doc, text in enumerate(texts):
        data = (text or "").encode()
        copies = []
        for at in range(len(data) - length + 1):
            if firsts.setdefault(data[at : at + length], base + at) + length <= base + at:
                copies.append((at, at + length))
        if copies:
            spans[doc] = [reference._whole_characters(data, *span) for span in reference.joined(copies)]
        base += len(data)
    return spans


@given(corpora(), st.integers(16, 40), st.integers(1, 4), st.integers(1, 9))
@settings(max_examples=examples(200))
def test_spans_are_those_of_brute_force(
    resolve: Resolve, texts: list[str | None], length: int, threads: int, rows: int
) -> None:
    clusters = resolve(
        Substring.from_options({"min_bytes": length, "whole": "graphemes"}),
        texts,
        threads=threads,
        rows_in_batch=rows,
    )
    check_spans(clusters, texts)
    assert spans_of(clusters) == reference.copied_passages(texts, length) == reference_by_dict(texts, length)


def reference_of_units(
    texts: list[str | None],
    cut: Callable[[str], list[tuple[str, int, int]]],
    least: int,
    punctuation: bool = False,
) -> dict[int, reference.Spans]:
    """The definition for units: `cut` gives what each is and the bytes it takes."""
    firsts: dict[tuple[str, ...], int] = {}
    spans_by_document, base = {}, 0
    for doc, text in enumerate(texts):
        units = cut(text or "")
        copies = []
        for at in range(len(units) - least + 1):
            window = tuple(what for what, _, _ in units[at : at + least])
            if firsts.setdefault(window, base + at) + least <= base + at:
                copies.append((at, at + least))
        if copies:
            spans = [
                attached(text or "", units, first, last)
                if punctuation
                else (units[first][1], units[last - 1][2])
                for first, last in reference.joined(copies)
            ]
            spans_by_document[doc] = reference.joined(spans)
        base += len(units)
    return spans_by_document


def attached(text: str, units: list[tuple[str, int, int]], first: int, last: int) -> tuple[int, int]:
    """The bytes of some units and of the punctuation that is attached to them."""
    data = text.encode()
    start, stop = units[first][1], units[last - 1][2]
    before = units[first - 1][2] if first else 0
    behind = units[last][1] if last < len(units) else len(data)
    while start > before and data[start - 1 : start].strip():
        start -= 1
    while stop < behind and data[stop : stop + 1].strip():
        stop += 1
    return start, stop


def words(text: str) -> list[tuple[str, int, int]]:
    """Words of Latin letters and Chinese characters, and where they stand."""
    matches = [(m[0], *m.span()) for m in re.finditer(r"[a-zé]+|[東京]", text, re.IGNORECASE)]
    plain = str.maketrans("éÉ", "ee")
    return [
        (what.translate(plain).lower(), len(text[:start].encode()), len(text[:stop].encode()))
        for what, start, stop in matches
    ]


SENTENCES = ["A b c.", "CAFÉ, ", " the same passage ", "東京", "\n", "x", "Of some length: "]


@given(
    st.lists(st.none() | st.lists(st.sampled_from(SENTENCES), max_size=12).map(" ".join), max_size=8),
    st.integers(4, 9),
    st.integers(1, 4),
    st.integers(1, 9),
)
@settings(max_examples=examples(200))
def test_passages_of_words(
    resolve: Resolve, texts: list[str | None], least: int, threads: int, rows: int
) -> None:
    method = Substring.from_options({"min_tokens": least, "whole": "graphemes"})
    clusters = resolve(method, texts, threads=threads, rows_in_batch=rows)
    check_spans(clusters, texts)
    assert spans_of(clusters) == reference_of_units(texts, words, least, punctuation=True)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Byte-level BPE, some of whose tokens are parts of a character."""
    tokenizers = pytest.importorskip("tokenizers", reason="needs the extra lab")
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE())
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=280, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator([" ".join(SENTENCES)] * 5, trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    bpe.save(str(path))
    return path


@given(corpora(), st.integers(4, 12), st.integers(1, 9))
@settings(max_examples=examples(100))
def test_passages_of_tokens(
    resolve: Resolve, tokenizer: Path, texts: list[str | None], least: int, rows: int
) -> None:
    loaded = find_tokenizer(str(tokenizer))

    def characters(text: str, copied: list[bool]) -> reference.Spans:
        """Those of which every token is copied."""
        offsets = loaded.encode(text, add_special_tokens=False).offsets
        spans = []
        for place in range(len(text)):
            tokens = [number for number, (start, stop) in enumerate(offsets) if start <= place < stop]
            if tokens and all(copied[number] for number in tokens):
                spans.append((len(text[:place].encode()), len(text[: place + 1].encode())))
        return reference.joined(spans)

    def cut(text: str) -> list[tuple[str, int, int]]:
        ids = loaded.encode(text, add_special_tokens=False).ids
        return [(str(id_), place, place + 1) for place, id_ in enumerate(ids)]

    expected = {}
    for doc, spans in reference_of_units(texts, cut, least).items():
        copied = np.zeros(len(cut(texts[doc] or "")), bool)
        for start, stop in spans:
            copied[start:stop] = True
        if copied_characters := characters(texts[doc] or "", copied.tolist()):
            expected[doc] = copied_characters
    method = Substring.from_options({"min_tokens": least, "tokenizer": str(tokenizer), "whole": "graphemes"})
    clusters = resolve(method, texts, rows_in_batch=rows)
    check_spans(clusters, texts)
    assert spans_of(clusters) == expected


def test_a_character_that_is_no_copy_stays(resolve: Resolve, tokenizer: Path) -> None:
    """The two last characters begin with the same two bytes."""
    options = {"min_tokens": 4, "tokenizer": str(tokenizer)}
    clusters = resolve(Substring.from_options(options), ["甲乙丙一", "甲乙丙丁"])
    assert spans_of(clusters) == {1: [(0, 9)]}


def test_texts_are_neither_cut_nor_padded(resolve: Resolve, tokenizer: Path, tmp_path: Path) -> None:
    short = find_tokenizer.__wrapped__(str(tokenizer))
    short.enable_truncation(8)
    short.enable_padding(length=8)
    short.save(str(tmp_path / "tokenizer.json"))
    texts = ["abcdefgh" * 3 + "the end", "x", "y", "hgfedcba" * 3 + "the end"]
    for path in (tokenizer, tmp_path):
        clusters = resolve(
            Substring.from_options({"min_tokens": 5, "tokenizer": str(path), "whole": "graphemes"}), texts
        )
        # Of the last its own repetition, and the end of the first.
        assert spans_of(clusters)[3] == [(8, 31)]
        assert 2 not in spans_of(clusters)


def test_what_passages_are_made_of_is_said(resolve: Resolve) -> None:
    text = " ".join(f"word{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")
    method = Substring.from_options({"min_tokens": 20})
    clusters = resolve(method, [text, f"Before: {text.upper().replace(' ', ', ')}!"])
    # Punctuation inside and behind goes too.
    assert spans_of(clusters) == {1: [(8, 8 + len(text) + 26)]}
    assert ("passages of at least", "20 words") in clusters.findings[0].blocks[0].facts
    again = Substring.from_options(method.options.model_dump(mode="json"))
    assert again.options == method.options
    assert method.need(1000, 600_000).scratch_bytes > 800_000


def test_an_example_by_hand(resolve: Resolve) -> None:
    rng = random.Random(4)
    passage = "".join(chr(rng.randrange(0x4E00, 0x9FFF)) for _ in range(80))
    texts = [f"A {passage} B", "No copy at all.", f"Und wieder: {passage}!", passage[:50] + "?"]
    clusters = resolve(Substring(), texts)
    at = len("Und wieder: ")
    # The space before the passage stands in both.
    assert spans_of(clusters) == {2: [(at - 1, at + 240)]}
    assert clusters.members["cluster"].to_pylist() == [0]
    shorter = resolve(Substring.from_options({"min_bytes": 150}), texts)
    assert spans_of(shorter) == {2: [(at - 1, at + 240)], 3: [(0, 150)]}


def test_the_longest_part_names_the_document_it_stood_in_first(resolve: Resolve) -> None:
    rng = random.Random(1)
    short, long = ("".join(rng.choice("abcdefgh") for _ in range(n)) for n in (210, 700))
    clusters = resolve(
        Substring(), ["", short, long, None, f"{short} and {long}"], docs=[3, 50, 60, 65, 1 << 41]
    )
    assert clusters.members["doc"].to_pylist() == [1 << 41]
    assert clusters.members["cluster"].to_pylist() == [60]
    assert clusters.members["size"].to_pylist() == [2]


def test_passages_do_not_reach_over_the_end_of_a_document(resolve: Resolve) -> None:
    rng = random.Random(2)
    passage = "".join(rng.choice("abcdefgh") for _ in range(300))
    assert not spans_of(resolve(Substring(), [passage, passage[:150], passage[150:]]))
    assert not spans_of(resolve(Substring(), [passage[:150], passage[150:], passage]))


def test_a_run_of_one_character(resolve: Resolve) -> None:
    """Of a thousand spaces the first two hundred stay."""
    assert spans_of(resolve(Substring(), [" " * 1000])) == {0: [(200, 1000)]}
    assert not spans_of(resolve(Substring(), [" " * 399]))


def test_verses_of_64_bytes(resolve: Resolve) -> None:
    """What repeats itself at that distance is told apart like anything else."""
    rng = random.Random(64)
    texts = []
    for _ in range(40):
        verse, other, chorus, end = ("".join(rng.choices("abcdefgh ", k=size)) for size in (64, 64, 64, 72))
        texts += [verse * 2 + chorus + end, other * 2 + chorus + end, other * 2 + chorus + end]
    spans = spans_of(resolve(Substring.from_options({"min_bytes": 264}), texts))
    assert spans == {doc: [(0, 264)] for doc in range(2, 120, 3)}


def test_no_effect_is_said(resolve: Resolve) -> None:
    for texts in ([], [None, ""], ["short", "short"]):
        clusters = resolve(Substring(), texts)
        assert clusters.members.num_rows == 0
        assert "no effect" in clusters.findings[0].lead


def test_findings_mark_the_copies(resolve: Resolve) -> None:
    passage = "".join(f"Satz {n}: äöü 東京. " for n in range(40))
    (section,) = resolve(Substring(), [passage, "Vorher. " * 3 + passage]).findings
    assert Section.model_validate_json(section.model_dump_json()) == section
    (samples,) = [block for block in section.blocks if isinstance(block, Samples)]
    (sample,) = samples.samples
    ((start, stop),) = sample.marks
    assert passage.startswith(sample.text[start:stop])
    assert "d0" in sample.note


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"min_bytes": 3}, BadOption, "option 'min_bytes' is 3: input should be greater than or equal to 16"),
        ({"unit": "line"}, UnknownName, "option"),
        ({"min_byte": 200}, UnknownName, "did you mean 'min_bytes'"),
        ({"min_bytes": 100, "min_tokens": 50}, BadOption, "give min_bytes or min_tokens, not both"),
        ({"tokenizer": "gpt2"}, BadOption, "tokenizer goes with min_tokens"),
    ],
)
def test_mistakes_in_options_are_named(options: dict, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Substring.from_options(options)


def test_mistakes_in_the_kernels_are_errors() -> None:
    with pytest.raises(ValueError, match="min_bytes"):
        _kernels.minimizers(pa.array(["text"], pa.large_string()), 4, 0)
    outside = pa.RecordBatch.from_pydict(
        {
            "hash": pa.array([1, 1], pa.uint64()),
            "start": pa.array([0, 90], pa.uint64()),
            "windows": pa.array([1, 1], pa.uint32()),
        }
    )
    with pytest.raises(ValueError, match="outside of the text"):
        _kernels.repeats(pa.array([b"x" * 100], pa.large_binary()), outside, 16)
    with pytest.raises(ValueError, match="a divisor of the length 16, got 3"):
        _kernels.repeats(pa.array([b"x" * 100], pa.large_binary()), outside, 16, 3)


def test_a_tokenizer_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    method = Substring.from_options({"min_tokens": 50, "tokenizer": str(tmp_path)})
    with pytest.raises(BadInput, match=r"no tokenizer\.json of the tokenizers library"):
        method.sketch(pa.array(["text"]))  # before all texts are read


@given(st.lists(st.text(alphabet="abé", max_size=60), max_size=6), st.integers(1, 20))
@settings(max_examples=examples(200))
def test_the_two_references_agree(texts: list[str], length: int) -> None:
    """By hash or without: the same passages."""
    spans = reference.copied_passages(texts, length)
    assert reference.copied_passages(texts, length, reference.hashed_windows) == spans


@pytest.mark.parametrize("documents", [800, pytest.param(5000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("length", [50, 200])
def test_real_documents(resolve: Resolve, articles: list[str], length: int, documents: int) -> None:
    """5,000 documents are 25 MB."""
    articles = articles[:documents]
    method = Substring.from_options({"min_bytes": length, "whole": "graphemes"})
    clusters = resolve(method, articles, rows_in_batch=300, threads=2)
    check_spans(clusters, articles)
    copied = spans_of(clusters)
    assert copied == reference.copied_passages(articles, length, reference.hashed_windows)
    assert len(copied) > 10


PASSAGE = " ".join(f"ferry{number} harbour{number * 7}" for number in range(20))


def left(resolve: Resolve, texts: list[str], **options: object) -> list[str]:
    """What is left of each text."""
    spans = resolve(Substring.from_options(options), texts).members
    rows = {row["doc"]: row["spans"] for row in spans.to_pylist()}
    column = pa.array([rows.get(doc) for doc in range(len(texts))], SPANS)
    return _kernels.cut_spans(pa.array(texts, pa.large_string()), column).to_pylist()


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("a discovery {}", "an unrecovery {} end", "an unrecovery end"),
        ("un {}", "deux{}fin", None),
        ("🇩🇪 {}", "🇸🇪 {} x", "🇸🇪 x"),
        ("a\u0301 {}\u0301", "e\u0301 {} b", None),
        ("one\r\n{}\r\ntwo", "three\r\n{}\r\nfour", "three\r\nfour"),
        ("(see {})", "“{}” he said", None),
    ],
)
def test_cuts_leave_words_whole(resolve: Resolve, first: str, second: str, kept: str | None) -> None:
    before = second.format(PASSAGE)
    _, after = left(resolve, [first.format(PASSAGE), before])
    assert set(after.split()) <= set(before.split())
    assert len(after) < len(PASSAGE) / 4
    if kept is not None:
        assert after == kept


def test_all_copies_go_where_none_is_to_stay(resolve: Resolve) -> None:
    texts = [f"First: {PASSAGE} end.", f"Second: {PASSAGE} end!", "No copy at all."]
    assert left(resolve, texts, keep="none") == ["First: end.", "Second: end!", texts[2]]
    assert left(resolve, texts) == [texts[0], "Second: end!", texts[2]]


def test_rare_passages_stay(resolve: Resolve) -> None:
    rare = PASSAGE.replace("ferry", "bridge")
    texts = [f"{PASSAGE} a", f"{rare} b", f"{PASSAGE} c", f"{rare} d", f"{PASSAGE} e"]
    assert left(resolve, texts, min_occurrences=3) == [texts[0], texts[1], "c", texts[3], "e"]
    assert left(resolve, texts, min_occurrences=3, keep="none") == ["a", texts[1], "c", texts[3], "e"]
    assert left(resolve, texts, min_occurrences=4) == texts


def test_a_run_where_no_copy_is_to_stay(tmp_path: Path) -> None:
    texts = [f"First: {PASSAGE} end.", f"Second: {PASSAGE} end!", "No copy at all."]
    (tmp_path / "pool.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    recipe = cupel.Recipe.from_dict(
        {"name": "cut", "steps": [{"substring": {"min_bytes": 50, "keep": "none"}}]}
    )
    result = cupel.refine(recipe, input=[str(tmp_path / "pool.jsonl")], output=tmp_path / "out")
    kept = result.corpus().to_arrow()["text"].to_pylist()
    assert sorted(kept) == ["First: end.", texts[2], "Second: end!"]
