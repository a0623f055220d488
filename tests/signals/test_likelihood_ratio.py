"""The ratio of two models: what it is, which texts it picks, and what two tokenizers leave of it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from cupel.errors import BadOption
from cupel.models.load import load_model
from cupel.models.ngram import Ngram
from cupel.signals.likelihood_ratio import LikelihoodRatio
from tests.models import tiny

torch = pytest.importorskip("torch", reason="needs the extra 'lab'")

DOMAIN = "the river was by the mountain"


def saved(model: Any, folder: Path, tokenizer: Any = None) -> str:
    model.save_pretrained(folder)
    (tokenizer or tiny.tokenizer().backend_tokenizer).save(str(folder / "tokenizer.json"))
    return f"trial:{folder}"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved(tiny.model(seed=3, spread=0.02), tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The base, after it has read the domain over and over."""
    return saved(tiny.learned(DOMAIN), tmp_path_factory.mktemp("tuned"))


def measured(model: str, base: str, texts: list[str | None]) -> dict[str, list[float | None]]:
    method = LikelihoodRatio.from_options({"model": model, "base": base})
    return method.measure(pa.record_batch({"text": pa.array(texts, pa.large_string())})).to_pydict()


def test_it_is_the_difference_of_the_log_probabilities(tuned: str, base: str) -> None:
    text = "Café Müller in 東京"
    values = measured(tuned, base, [text])
    high, low = (load_model(name, "log_probs").log_probs(pa.array([text])) for name in (tuned, base))
    ratio = high.nats[0] - low.nats[0]
    assert values["likelihood_ratio"] == [ratio]
    assert values["likelihood_ratio_per_token"] == [ratio / high.tokens[0]]
    assert values["likelihood_ratio_per_byte"] == [pytest.approx(ratio / math.log(2) / len(text.encode()))]
    assert measured(base, base, [text])["likelihood_ratio"] == [0.0]
    assert measured(base, tuned, [text])["likelihood_ratio"] == [-ratio]


def test_the_domain_is_above_what_is_easy_for_both(tuned: str, base: str) -> None:
    texts: list[str | None] = [
        DOMAIN,
        DOMAIN[:20],
        "xq zj vw kk",
        "東京は日本の首都です。",
        "cake cake cake cake",
    ]
    values = np.array(measured(tuned, base, texts)["likelihood_ratio_per_byte"], float)
    assert values[:2].min() > values[2:].max()


def test_two_tokenizers_leave_bits_per_byte(tuned: str, tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    rules = json.loads(tiny.tokenizer().backend_tokenizer.to_str())
    rules["model"]["merges"] = []  # every byte is a token
    other = Tokenizer.from_str(json.dumps(rules))
    other_base = saved(tiny.model(seed=3), tmp_path / "other", other)
    values = measured(tuned, other_base, [DOMAIN, ""])
    assert values["likelihood_ratio"] == values["likelihood_ratio_per_token"] == [None, None]
    assert values["likelihood_ratio_per_byte"][0] is not None
    Ngram.fit([pa.array([DOMAIN])], order=2).save(tmp_path / "ngrams")
    with_words = measured(tuned, f"ngram:{tmp_path / 'ngrams'}", [DOMAIN])
    assert with_words["likelihood_ratio"] == [None]
    assert with_words["likelihood_ratio_per_byte"][0] is not None


def test_two_ngram_models_count_the_same_words(tmp_path: Path) -> None:
    for name, text in (("tuned", DOMAIN), ("base", "a dog ran in the park")):
        Ngram.fit([pa.array([text])], order=2).save(tmp_path / name)
    values = measured(f"ngram:{tmp_path / 'tuned'}", f"ngram:{tmp_path / 'base'}", [DOMAIN, "…"])
    assert values["likelihood_ratio"][0] > 0  # type: ignore[operator]
    assert values["likelihood_ratio"][1] is None


def test_hostile_texts_and_batches(tuned: str, base: str) -> None:
    texts = ["", None, "\x00\x1b[0m", "🎂", "نص", "x" * 3000, DOMAIN]
    together = measured(tuned, base, texts)
    for name, column in together.items():
        assert column[:2] == [None, None], name
        assert all(value is not None and math.isfinite(value) for value in column[2:])
    for place, text in enumerate(texts):
        assert measured(tuned, base, [text]) == {name: [column[place]] for name, column in together.items()}
    assert measured(tuned, base, []) == {name: [] for name in LikelihoodRatio.columns}


def test_both_models_are_checked_before_anything_is_read(tuned: str) -> None:
    with pytest.raises(BadOption, match="likelihood-ratio: model 'trial:nowhere': no such folder"):
        LikelihoodRatio.from_options({"model": tuned, "base": "trial:nowhere"})
    with pytest.raises(BadOption, match="not for log_probs"):
        LikelihoodRatio.from_options({"model": tuned, "base": "openai:http://127.0.0.1:9/v1#m"})
    with pytest.raises(BadOption, match="option 'base'"):
        LikelihoodRatio.from_options({"model": tuned})
