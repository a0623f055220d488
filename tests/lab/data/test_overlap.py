from __future__ import annotations

import io
import itertools
import json
import random
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard

from cupel.errors import BadInput
from cupel.lab.data.overlap import Overlap, OverlapOptions, OverlapSearch, find_overlap
from tests.conftest import prose


def _table(texts: list[str], domain: str = "all") -> pa.Table:
    ids = [f"d{number}" for number in range(len(texts))]
    return pa.table({"id": ids, "text": texts, "domain": [domain] * len(texts)})


def _batches(texts: list[str], size: int = 7) -> list[pa.RecordBatch]:
    return pa.table({"text": texts}).to_batches(max_chunksize=size)


def _brute_force(held_out: list[str], training: list[str], ngram: int) -> list[float]:
    def grams(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"[a-z0-9]+", text.lower())
        return {tuple(words[start : start + ngram]) for start in range(len(words) - ngram + 1)}

    seen = set().union(*map(grams, training))
    return [len(own & seen) / len(own) if own else 0.0 for own in map(grams, held_out)]


def _plain(seed: int, words: int) -> str:
    """Prose without accents, where words are the same to everybody."""
    return prose(random.Random(seed), words).encode("ascii", "ignore").decode()


def test_shares_are_those_of_brute_force() -> None:
    rng = random.Random(1)
    held_out = [_plain(seed, 60) for seed in range(20)]
    training = [_plain(seed, 80) for seed in range(100, 130)]
    for text in held_out[:12]:
        words = text.split()
        start = rng.randrange(len(words))
        training.append(" ".join(words[start : start + rng.randrange(5, 50)]))
    for ngram in (3, 8, 13):
        overlap = find_overlap(_table(held_out), {"raw": _batches(training)}, OverlapOptions(ngram=ngram))
        np.testing.assert_allclose(overlap.share[0], _brute_force(held_out, training, ngram))
    assert 0 < (overlap.share > 0).sum() < 20


def test_a_document_that_any_arm_has_goes_for_all() -> None:
    held_out = [_plain(seed, 40) for seed in range(4)]
    arms = {
        "raw": _batches([held_out[0], held_out[1], _plain(50, 40)]),
        "refined": _batches([held_out[1]]),
        "other": _batches([_plain(51, 40)]),
        "empty": [],
    }
    overlap = find_overlap(_table(held_out), arms)
    assert overlap.seen.tolist() == [
        [True, True, False, False],
        [False, True, False, False],
        [False] * 4,
        [False] * 4,
    ]
    assert overlap.kept["id"].to_pylist() == ["d2", "d3"]
    counts = {row["arm"]: row for row in overlap.counts.to_pylist()}
    assert {arm: row["seen_documents"] for arm, row in counts.items()} == {
        "raw": 2,
        "refined": 1,
        "other": 0,
        "empty": 0,
        "": 2,
    }
    assert counts["raw"]["seen_bytes"] == len(held_out[0]) + len(held_out[1])
    assert "2 of 4 held-out documents" in overlap.section.lead


def test_parts_in_several_training_documents_count_together() -> None:
    text = _plain(3, 80)
    words = text.split()
    half = len(words) // 2
    (whole,) = find_overlap(
        _table([text]), {"a": _batches([" ".join(words[: half + 12]), " ".join(words[half:])])}
    ).share
    assert whole[0] == 1.0


def test_short_documents_are_seen_only_whole() -> None:
    held_out = ["The river, in winter!", "the river", "", "the mountain"]
    overlap = find_overlap(
        _table(held_out), {"a": _batches(["THE RIVER in   winter", "the mountain is high"])}
    )
    assert overlap.seen[0].tolist() == [True, False, False, False]


def test_a_short_document_is_seen_among_marks() -> None:
    """But not in a text that is little else."""
    word = "mountains"
    overlap = find_overlap(
        _table([word]),
        {"few": _batches(["long " * 99, f"... {word}!!!"]), "many": _batches([word + "!" * 8 * len(word)])},
    )
    assert overlap.seen[:, 0].tolist() == [True, False]


def test_the_number_of_batches_does_not_matter() -> None:
    held_out = [_plain(seed, 40) for seed in range(6)]
    training = [*held_out[::2], *(_plain(seed, 40) for seed in range(60, 80))]
    single = find_overlap(_table(held_out), {"a": _batches(training, 1000)})
    many = find_overlap(_table(held_out), {"a": _batches(training, 1)})
    np.testing.assert_array_equal(single.share, many.share)


def test_nothing_found_is_said() -> None:
    overlap = find_overlap(_table([_plain(1, 40)]), {"a": _batches([_plain(2, 40)])})
    assert overlap.kept.num_rows == 1
    assert overlap.section.lead.startswith("No held-out document")


def test_missing_columns_are_named() -> None:
    with pytest.raises(BadInput, match="no column 'domain'"):
        OverlapSearch(pa.table({"id": ["a"], "text": ["b"]}))
    with pytest.raises(BadInput, match="arm 'raw': no column 'text'; there are: content"):
        find_overlap(_table(["a"]), {"raw": pa.table({"content": ["a"]}).to_batches()})


def _pool(shared: Path, name: str, count: int) -> list[str]:
    path = shared / "data" / "pool" / f"{name}.jsonl.zst"
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        lines = itertools.islice(io.TextIOWrapper(stream, "utf-8"), count)
        return [json.loads(line)["text"] for line in lines]


def _edited(text: str, every: int, rng: random.Random) -> str:
    """One word in `every` replaced."""
    words = text.split()
    return " ".join("altered" if rng.random() < 1 / every else word for word in words)


def test_planted_copies_of_real_text_are_found_and_look_alikes_are_not(shared: Path) -> None:
    rng = random.Random(0)
    # Pieces of the same novels, film reviews and abstracts of one field: alike, and not copied.
    texts = {name: _pool(shared, name, 400) for name in ("books_eltec", "reviews_imdb", "arxiv_abstracts")}
    held_out, training = [], []
    for pieces in texts.values():
        rng.shuffle(pieces)
        held_out += [text for text in pieces[:60] if len(text.split()) > 80]
        training += pieces[60:]
    kinds = ["verbatim", "case", "inside", "edited", "none", "none"]
    planted = [kinds[place % len(kinds)] for place in range(len(held_out))]
    for kind, text in zip(planted, held_out, strict=True):
        if kind == "verbatim":
            training.append(text)
        elif kind == "case":
            training.append(re.sub(r"[.,;]", " -- ", text.upper()))
        elif kind == "inside":
            training.append(f"{training[0]}\n{text}\n{training[1]}")
        elif kind == "edited":
            training.append(_edited(text, 20, rng))
    rng.shuffle(training)
    overlap: Overlap = find_overlap(_table(held_out), {"raw": _batches(training, 100)})
    assert overlap.seen[0].tolist() == [kind != "none" for kind in planted]
    kinds_of = np.array(planted)
    assert (
        overlap.share[0][(kinds_of == "verbatim") | (kinds_of == "case") | (kinds_of == "inside")] == 1
    ).all()
    assert overlap.share[0][kinds_of == "none"].max() < 0.05


@pytest.mark.parametrize("text", ["", "—", " \n ", "?!", "🙂"])
def test_text_without_words_is_not_seen(text: str) -> None:
    search = OverlapSearch(_table([text, "Café"]))
    search.add("raw", pa.array(["", "café"]))
    assert search.result().share.tolist() == [[0.0, 1.0]]
