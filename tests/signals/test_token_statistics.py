"""Statistics of tokens: against a loop over transformers alone, and at the edges of texts."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cupel.errors import BadOption, UnknownName
from cupel.signals.token_statistics import TokenStatistics
from tests.conftest import prose
from tests.models import tiny

torch = pytest.importorskip("torch", reason="needs the extra 'lab'")


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("trial"))


def measured(trial: Path, texts: list[str | None], **options: object) -> dict[str, list[float | None]]:
    method = TokenStatistics.from_options({"model": f"trial:{trial}", **options})
    return method.measure(pa.record_batch({"text": pa.array(texts, pa.large_string())})).to_pydict()


def test_columns_are_those_of_a_loop_over_the_tokens(trial: Path) -> None:
    text = "Café Müller in 東京 serves cake."
    encoding = tiny.tokenizer().backend_tokenizer.encode(text)
    ids = torch.tensor([[0, *encoding.ids]])
    with torch.inference_mode():
        expected = torch.log_softmax(tiny.model()(input_ids=ids).logits[0, :-1].double(), -1).numpy()
    losses = [-expected[place, token] for place, token in enumerate(encoding.ids)]
    assert len(losses) > 15
    values = measured(trial, [text], window=3)
    assert values["token_loss_variance"] == [pytest.approx(np.var(losses), rel=1e-4)]
    hits = [expected[place].argmax() == token for place, token in enumerate(encoding.ids)]
    assert values["top_token_fraction"] == [np.mean(hits)]
    entropies = [-(np.exp(row) * row).sum() for row in expected]
    assert values["token_entropy"] == [pytest.approx(np.mean(entropies), rel=1e-4)]
    quarter = len(losses) // 4
    gain = np.mean(losses[:quarter]) - np.mean(losses[-quarter:])
    assert values["context_gain"] == [pytest.approx(gain, rel=1e-3)]
    # Every window of three tokens, its bytes counted by hand.
    before = [0, *(len(text[:stop].encode()) for _, stop in encoding.offsets)]
    worst = max(
        sum(losses[first : first + 3]) / math.log(2) / max(1, before[first + 3] - before[first])
        for first in range(len(losses) - 2)
    )
    assert values["worst_window_bits_per_byte"] == [pytest.approx(worst, rel=1e-4)]


def test_what_a_model_has_learned_by_heart_is_all_top_tokens(tmp_path: Path) -> None:
    text = "the river was by the mountain"
    tiny.learned(text, 120).save_pretrained(tmp_path)
    tiny.tokenizer().backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    values = measured(tmp_path, [text, "mountain the by was river the"])
    assert values["top_token_fraction"][0] == 1.0
    assert values["top_token_fraction"][1] < 0.5  # type: ignore[operator]
    assert values["token_entropy"][0] < values["token_entropy"][1]  # type: ignore[operator]


def test_the_worst_window_finds_the_broken_passage(tmp_path: Path) -> None:
    text = "the river was by the mountain"
    tiny.learned(text, 120).save_pretrained(tmp_path)
    tiny.tokenizer().backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    broken = f"{text} xq#zj%"
    values = measured(tmp_path, [text, broken], window=4)
    clean, worst = values["worst_window_bits_per_byte"]
    assert worst > 5 * clean  # type: ignore[operator]
    # A window longer than the text is the text.
    whole = measured(tmp_path, [text], window=10_000)["worst_window_bits_per_byte"][0]
    assert whole <= clean  # type: ignore[operator]


def test_hostile_texts(trial: Path) -> None:
    texts = ["", None, "a", "\x00\x1b[0m", "🎂🎂", "نص عربي", "x" * 5000]
    values = measured(trial, texts)
    for name, column in values.items():
        assert column[:2] == [None, None], name
        assert all(value is None or math.isfinite(value) for value in column)
    assert values["context_gain"][2] is None  # fewer than four tokens
    assert values["token_loss_variance"][2] == 0.0
    assert measured(trial, []) == {name: [] for name in TokenStatistics.columns}


def test_a_value_does_not_depend_on_the_documents_beside(trial: Path) -> None:
    rng = random.Random(2)
    texts: list[str | None] = [prose(rng, rng.randint(1, 60)) for _ in range(12)]
    together = measured(trial, texts)
    for place, text in enumerate(texts):
        assert measured(trial, [text]) == {name: [column[place]] for name, column in together.items()}


def test_bad_options_are_refused(trial: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'window'"):
        TokenStatistics.from_options({"model": f"trial:{trial}", "windows": 3})
    with pytest.raises(BadOption, match="option 'window'"):
        TokenStatistics.from_options({"model": f"trial:{trial}", "window": 0})
