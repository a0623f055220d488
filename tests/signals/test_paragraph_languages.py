"""Languages by paragraph: golden shares, a reference in plain Python, and the edit that keeps some of them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.edits.keep_languages import KeepLanguages, without
from cupel.errors import BadInput, BadOption, UnknownName
from cupel.signals.language import Language, bundled_model
from cupel.signals.paragraph_languages import ParagraphLanguages

EN = "The committee will meet on Thursday to hear what the residents have to say about the new road."
DE = "Der Ausschuss trifft sich am Donnerstag und hört, was die Anwohner über die neue Straße sagen."
FR = "Le comité se réunira jeudi pour écouter l’avis des habitants de la commune sur la nouvelle route."
JA = "委員会は木曜日に会合を開き、新しい道路について住民の意見を聞くことになっています。" * 2


def measured(texts: list[str | None], **options: object) -> list[dict]:
    signal = ParagraphLanguages.from_options(options)
    batch = signal.measure(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    assert batch.schema.names == list(signal.columns)
    assert batch.schema.types == [column.type for column in signal.columns.values()]
    return batch.to_pylist()


def edited(texts: list[str | None], **options: object) -> tuple[list[str | None], list[int], list[float]]:
    edit = KeepLanguages.from_options(options)
    result = edit.edit(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    assert {name: column.type for name, column in result.columns.items()} == {
        name: column.type for name, column in edit.columns.items()
    }
    counts, fractions = result.columns.values()
    return result.text.to_pylist(), counts.to_pylist(), fractions.to_pylist()


def test_golden_shares() -> None:
    text = f"Route\n{EN}\n\n{EN}\n{DE}\n{FR}\n{FR}\n   \n{EN}"
    total = len(f"Route{EN * 3}{DE}{FR * 2}".encode())
    (row,) = measured([text])
    assert row["main_language"] == "en"
    assert row["language_count"] == 3
    assert row["second_language"] == "fr"
    assert row["second_language_fraction"] == pytest.approx(2 * len(FR.encode()) / total)
    assert row["main_language_fraction"] == pytest.approx((len("Route") + 3 * len(EN)) / total)


def test_texts_without_long_paragraphs_have_no_language() -> None:
    nothing = {
        "main_language": None,
        "main_language_fraction": None,
        "language_count": 0,
        "second_language": None,
        "second_language_fraction": None,
    }
    assert measured(["", None, "\n \n", "Café\nRoute", "1 2 3 " * 50]) == [nothing] * 5
    single = measured([JA])[0]
    assert (single["main_language"], single["main_language_fraction"], single["second_language"]) == (
        "ja",
        1,
        None,
    )
    assert single["second_language_fraction"] == 0
    assert measured([]) == []


def reference(text: str) -> dict:
    """The definition, a paragraph at a time."""
    sizes: dict[str, int] = {}
    total = 0
    for line in text.split("\n"):
        if line.strip():
            total += len(line.encode())
        if len(line.strip()) >= 60:
            (row,) = Language().measure(pa.record_batch({"text": pa.array([line])})).to_pylist()
            if row["language"] and row["language_confidence"] >= 0.65:
                sizes[row["language"]] = sizes.get(row["language"], 0) + len(line.encode())
    order = sorted(sizes, key=lambda label: (-sizes[label], label))
    return {
        "main_language": order[0] if order else None,
        "main_language_fraction": 1 - sum(sizes[label] for label in order[1:]) / total if order else None,
        "language_count": len(order),
        "second_language": order[1] if len(order) > 1 else None,
        "second_language_fraction": (sizes[order[1]] / total if len(order) > 1 else 0.0) if order else None,
    }


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.sampled_from([EN, DE, FR, JA, "", "Café", " \t", "x" * 80]), max_size=8), max_size=5)
)
def test_any_mixture_is_measured_as_defined(documents: list[list[str]]) -> None:
    texts = ["\n".join(lines) for lines in documents]
    rows = measured(texts)
    for text, row in zip(texts, rows, strict=True):
        assert row == pytest.approx(reference(text))
        assert measured([text]) == [row]  # neighbors change nothing


def test_paragraphs_of_real_texts_have_their_language(shared: Path) -> None:
    path = shared / "data" / "multilingual" / "xquad_paragraphs.jsonl.zst"
    with path.open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        rows = [json.loads(line) for line in lines]
    by_language: dict[str, list[str]] = {}
    for row in rows:
        by_language.setdefault(row["lang"], []).append(row["text"].replace("\n", " "))
    labels = {"eng": "en", "deu": "de", "ell": "el", "hin": "hi", "rus": "ru", "spa": "es"}
    pairs = [
        (code, "\n".join([*by_language[code][start : start + 3], by_language["tur"][start]]))
        for code in labels
        for start in range(0, 60, 3)
    ]
    result = measured([text for _, text in pairs])
    assert [row["second_language"] for row in result] == ["tr"] * len(pairs)
    assert [row["main_language"] for row in result] == [labels[code] for code, _ in pairs]
    kept, counts, _ = edited([text for _, text in pairs])
    assert counts == [1] * len(pairs)
    assert kept == [text.rpartition("\n")[0] for _, text in pairs]


def test_short_and_uncertain_paragraphs_are_kept() -> None:
    text = f"Bonjour le monde\n{EN}\n{FR}\nxyz {'x' * 80}\n{EN}"
    texts, counts, fractions = edited([text, None, "", "Café"])
    assert texts == [text.replace(f"{FR}\n", ""), None, "", "Café"]
    assert counts == [1, 0, 0, 0]
    assert fractions[0] == pytest.approx(len(FR.encode()) / len(text.replace("\n", "").encode()))
    assert edited([text], min_confidence=1.0)[1] == [0]
    assert edited([text], min_characters=500)[1] == [0]


def test_languages_that_are_named_are_kept() -> None:
    text = f"{EN}\n\n{DE}\n\n{FR}\n\n{EN}"
    assert edited([text], languages="de")[0] == [DE]
    assert edited([text], languages=["de", "fr"])[0] == [f"{DE}\n\n{FR}"]
    assert edited([EN], languages=["ja"])[0] == [""]
    assert edited([text])[0] == [f"{EN}\n\n{EN}"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "", " ", "b"]), st.booleans()), max_size=12))
def test_no_gap_is_left_and_nothing_else_is_touched(lines: list[tuple[str, bool]]) -> None:
    texts = [line for line, _ in lines]
    removed = np.array([bool(line.strip()) and is_removed for line, is_removed in lines], bool)
    left = without(texts, removed).split("\n")
    assert [line for line in left if line.strip()] == [
        line for line, is_removed in zip(texts, removed, strict=True) if line.strip() and not is_removed
    ]
    if not removed.any():
        assert left == (texts or [""])


def test_editing_twice_changes_nothing_more() -> None:
    texts, _, _ = edited([f"{EN}\n{FR}\n{EN}\n{DE}", f"{DE}\n{JA}"])
    assert edited(texts)[0] == texts


def test_hostile_texts() -> None:
    texts = [
        "x" * 1_000_000,
        "\n" * 300_000,
        "\0🙂" * 10_000,
        ("é" * 70 + "\n") * 3000,
        "\u202e" * 1000 + "\r\n" + EN,
    ]
    assert len(measured(texts)) == 5
    assert len(edited(texts)[0]) == 5


@pytest.mark.parametrize("method", [ParagraphLanguages, KeepLanguages])
def test_bad_options_are_refused(method: type, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no model file"):
        method.from_options({"model": str(tmp_path / "none.ftz")})
    with pytest.raises(BadOption, match="min_characters"):
        method.from_options({"min_characters": 0})
    with pytest.raises(BadOption, match="min_confidence"):
        method.from_options({"min_confidence": 1.5})
    (tmp_path / "model.ftz").write_bytes(bundled_model().read_bytes())
    assert method.from_options({"model": str(tmp_path / "model.ftz")}).file_digests


def test_a_language_that_the_model_does_not_know_is_refused() -> None:
    with pytest.raises(UnknownName, match="no language is called 'english'"):
        KeepLanguages.from_options({"languages": ["english"]})
