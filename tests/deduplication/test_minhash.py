"""MinHash deduplication: against brute force, the S-curve, and known duplicates."""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel import _kernels
from cupel.contract import Dedup, Resources
from cupel.deduplication.exact import Exact
from cupel.deduplication.minhash import MinHash
from cupel.deduplication.near import shingle_sets
from cupel.deduplication.near.curve import candidate_probability
from cupel.deduplication.simhash import SimHash
from cupel.errors import BadOption, UnknownName
from cupel.findings import Alarm, Facts, Figure, Section
from tests.conftest import examples

from . import reference
from .conftest import Resolve, as_sets, check_whole, in_memory

# Bands of one row see every pair that has anything in common but with a probability of
# (1 - s)^96: pairs at the lowest threshold, 0.3, are missed once in 10^15 cases.
SURE = {"bands": 96, "rows": 1, "clusters": "connected"}


def word(number: int) -> str:
    """A word of letters; digits would be folded."""
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def corpus(seed: int, families: int = 6, copies: int = 4, words: int = 30) -> list[str]:
    """Families of texts, each a chain in which some words change from one to the next."""
    rng = random.Random(seed)
    texts = []
    for _ in range(families):
        text = [word(rng.randrange(10**6)) for _ in range(words)]
        for _ in range(copies):
            texts.append(" ".join(text))
            for _ in range(rng.randrange(3)):
                text[rng.randrange(words)] = "changed" + word(rng.randrange(10**6))
    rng.shuffle(texts)
    return texts


def facts(section: Section) -> dict[str, str]:
    return dict(next(block for block in section.blocks if isinstance(block, Facts)).facts)


@given(st.integers(0, 10**6), st.sampled_from([0.3, 0.5, 0.75, 0.9]))
@settings(max_examples=examples(40))
def test_clusters_are_those_of_brute_force(resolve: Resolve, seed: int, threshold: float) -> None:
    texts = corpus(seed)
    sets = [reference.shingles(text) for text in texts]
    clusters = resolve(MinHash.from_options({"threshold": threshold, **SURE}), texts)
    check_whole(clusters)
    assert as_sets(clusters) == reference.clusters(sets, threshold)


@given(st.integers(0, 10**6), st.sampled_from([0.5, 0.75, 0.9]))
@settings(max_examples=examples(40))
def test_no_join_below_the_threshold(resolve: Resolve, seed: int, threshold: float) -> None:
    """With few bands pairs are missed, and every cluster is still held together by true pairs."""
    texts = corpus(seed)
    sets = [reference.shingles(text) for text in texts]
    options = {"threshold": threshold, "bands": 20, "rows": 2}
    clusters = resolve(MinHash.from_options(options), texts)
    check_whole(clusters)
    whole = reference.clusters(sets, threshold)
    for cluster in as_sets(clusters):
        assert any(cluster <= other for other in whole)
        inside = reference.clusters([sets[doc] for doc in sorted(cluster)], threshold)
        assert inside == {frozenset(range(len(cluster)))}


@given(st.integers(0, 10**6), st.booleans(), st.integers(1, 3))
@settings(max_examples=examples(30))
def test_order_does_not_matter(resolve: Resolve, seed: int, verify: bool, limit: int) -> None:
    """The same clusters however documents are numbered, even where comparisons are cut short.

    Of stars this does not hold: among equals the first document stays, and the star is drawn around it.
    """
    texts = corpus(seed)
    options = {"threshold": 0.6, "bands": 20, "rows": 2, "verify": verify, "max_comparisons": limit}
    options["clusters"] = "connected"
    method = MinHash.from_options(options)
    order = list(range(len(texts)))
    random.Random(seed).shuffle(order)
    straight = resolve(method, texts)
    turned = resolve(method, [texts[i] for i in order], rows_in_batch=3)
    assert as_sets(straight) == {frozenset(order[doc] for doc in c) for c in as_sets(turned)}
    again = resolve(method, [texts[i] for i in order], docs=[i * 10 for i in order])
    assert {frozenset(doc // 10 for doc in c) for c in as_sets(again)} == as_sets(straight)


@pytest.mark.parametrize("similarity", [0.5, 0.65, 0.72, 0.8, 0.9])
def test_pairs_are_seen_as_the_s_curve_says(similarity: float) -> None:
    """The share of planted pairs that share a band, within 4.5 standard errors."""
    rng = random.Random(str(similarity))
    size, pairs = 100, 1500
    shared = round(2 * size * similarity / (1 + similarity))
    truth = shared / (2 * size - shared)
    texts = []
    for _ in range(pairs):
        common = [f"{rng.getrandbits(60)}x" for _ in range(shared)]
        texts += [
            " ".join(common + [f"{rng.getrandbits(60)}y" for _ in range(size - shared)]) for _ in range(2)
        ]
    sketch = MinHash.from_options({"ngram": 1, "fold_numbers": False}).sketch(pa.array(texts))
    table = np.stack([column.to_numpy(zero_copy_only=False) for column in sketch], axis=1)
    seen = (table[::2] == table[1::2]).any(axis=1).mean()
    expected = candidate_probability(truth, 14, 8)
    assert abs(seen - expected) < 4.5 * np.sqrt(expected * (1 - expected) / pairs)


def test_unverified_bands_join_whatever_shares_one(resolve: Resolve) -> None:
    texts = corpus(3)
    method = MinHash.from_options({"verify": False, "bands": 5, "rows": 1})
    bands = [column.to_pylist() for column in method.sketch(pa.array(texts))]
    sets = [{hash((band, column[doc])) for band, column in enumerate(bands)} for doc in range(len(texts))]
    clusters = resolve(method, texts)
    check_whole(clusters)
    assert as_sets(clusters) == reference.clusters(sets, 1e-9)
    assert "off" in facts(clusters.findings[0])["verification"]


def test_verification_rejects_what_bands_would_join(resolve: Resolve) -> None:
    shared = " ".join(f"common{word(i)}" for i in range(30))
    texts = [f"{shared} " + " ".join(f"own{word(doc * 30 + i)}" for i in range(30)) for doc in range(10)]
    loose = {"bands": 64, "rows": 1, "threshold": 0.75}
    assert as_sets(resolve(MinHash.from_options({**loose, "verify": False}), texts)) == {frozenset(range(10))}
    clusters = resolve(MinHash.from_options(loose), texts)
    assert clusters.members.num_rows == 0
    values = facts(clusters.findings[0])
    assert int(values["rejected: false joins avoided"].replace(",", "")) >= 45
    assert values["verified"] == "0"
    assert "no effect" in clusters.findings[0].lead


def test_short_and_empty_documents(resolve: Resolve) -> None:
    texts = ["One café!", "one CAFE", "", "", None, None, "—", "...", "two"]
    assert as_sets(resolve(MinHash(), texts)) == {frozenset({0, 1})}
    assert resolve(MinHash(), []).members.num_rows == 0
    assert resolve(MinHash(), ["", None]).members.num_rows == 0


def test_numbers_are_folded_on_demand(resolve: Resolve) -> None:
    texts = [f"Invoice {n} of {n + 1}.5 euros, due on day {n}, with thanks" for n in range(3)]
    assert as_sets(resolve(MinHash.from_options({"fold_numbers": True}), texts)) == {frozenset({0, 1, 2})}
    assert not as_sets(resolve(MinHash(), texts))


DIFFERENT = [
    "C",
    "C++",
    "C#",
    "a < b",
    "a > b",
    "a = b",
    "12 + 7",
    "12 - 7",
    "12 * 7",
    "12 / 7",
    "😀 👍",
    "👍 😀",
    "-5",
    "5",
]


@pytest.mark.parametrize("method", [MinHash, SimHash, Exact])
def test_symbols_and_numbers_make_different_texts(resolve: Resolve, method: type[Dedup]) -> None:
    assert not as_sets(resolve(method(), DIFFERENT))
    assert as_sets(resolve(method(), [*DIFFERENT, *DIFFERENT])) == {
        frozenset({place, place + len(DIFFERENT)}) for place in range(len(DIFFERENT))
    }


def test_symbols_are_ignored_on_demand(resolve: Resolve) -> None:
    method = MinHash.from_options({"ignore_symbols": True, "fold_numbers": True})
    assert as_sets(resolve(method, ["C", "C++", "a < b", "a > b", "12 + 7", "1 / 3", "+", "<"])) == {
        frozenset({0, 1}),
        frozenset({2, 3}),
        frozenset({4, 5}),
    }


def test_a_huge_document_is_cut_into_shingles_part_by_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(5)
    texts = [" ".join(word(rng.randrange(9000)) for _ in range(n)) for n in (4000, 3, 50, 3000)]
    (tmp_path / "scratch").mkdir()
    view, resources = in_memory(MinHash(), texts), Resources(str(tmp_path / "scratch"))
    docs = pa.array(range(4), pa.int64())

    def written() -> tuple[list[int], list[int]]:
        sets = shingle_sets.write_sets(
            docs, view, resources, shingle_sets.Features("jaccard", 5, False, False), None
        )
        return sets.offsets.to_pylist(), sets.values.to_pylist()

    whole = written()
    monkeypatch.setattr(shingle_sets, "PART_BYTES", 1000)
    assert written() == whole
    lists = _kernels.shingles(pa.array(texts, pa.large_string()))
    assert whole == (lists.offsets.to_pylist(), lists.values.to_pylist())


def test_findings_are_whole_and_turn_into_json(resolve: Resolve) -> None:
    texts = [" ".join(f"word{word(i)}" for i in range(40)) + " end" + word(doc % 2) for doc in range(120)]
    texts += corpus(1)
    (section,) = resolve(MinHash(), texts).findings
    assert Section.model_validate_json(section.model_dump_json()) == section
    (figure,) = [block for block in section.blocks if isinstance(block, Figure)]
    curve = next(layer for layer in figure.spec["layer"] if layer["mark"]["type"] == "line")
    assert curve["data"] == {"name": "points"}
    at = {row["x"]: row["y"] for row in figure.spec["datasets"]["points"]}
    assert at[0.8] == pytest.approx(0.924, abs=5e-4)
    assert any(isinstance(block, Alarm) and "120 of 144" in block.text for block in section.blocks)
    values = facts(section)
    assert int(values["pairs compared"]) == int(values["verified"]) + int(
        values["rejected: false joins avoided"]
    )


def test_mistakes_in_options_are_named() -> None:
    with pytest.raises(UnknownName, match="did you mean 'threshold'"):
        MinHash.from_options({"treshold": 0.7})
    with pytest.raises(BadOption, match="keep"):
        MinHash.from_options({"keep": "shortest"})
    with pytest.raises(BadOption, match="threshold"):
        MinHash.from_options({"threshold": 1.5})


def test_known_duplicates_among_real_articles(shared: Path, resolve: Resolve) -> None:
    """2,500 news articles with 20 known pairs: all are found, and nothing else is."""
    path = shared / "data" / "label_noise" / "minhash_articles_2500.jsonl.zst"
    with path.open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file)
        rows = [json.loads(line) for line in io.TextIOWrapper(stream, encoding="utf-8")]
    number = {row["id"]: doc for doc, row in enumerate(rows)}
    known = {
        frozenset({number[row["id"]], number[row["duplicate_of"]]}) for row in rows if row.get("duplicate_of")
    }
    assert len(known) == 20
    clusters = resolve(MinHash(), [row["text"] for row in rows], rows_in_batch=100)
    check_whole(clusters)
    assert as_sets(clusters) == known
