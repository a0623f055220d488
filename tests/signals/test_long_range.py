"""The signal `long-range`: planted dependence is seen, and nothing depends on the documents beside."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cupel.errors import BadOption
from cupel.signals.long_range import LongRange
from tests.models import tiny

torch = pytest.importorskip("torch", reason="needs the extra 'lab'")


def matcher() -> Any:
    """A model whose first layer attends to the tokens that equal its own, wherever they stand."""
    model = tiny.model(spread=1.0)
    attention = model.model.layers[0].self_attn
    with torch.no_grad():
        for name, heads in (("q_proj", 4), ("k_proj", 2)):
            weight = getattr(attention, name).weight
            weight.zero_()
            for head in range(
                heads
            ):  # the slowest turning dimensions of each head, so that places hardly count
                for size in (6, 7, 14, 15):
                    weight[head * 16 + size, size] = 6.0
    return model


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("trial")
    matcher().save_pretrained(folder)
    tiny.tokenizer().backend_tokenizer.save(str(folder / "tokenizer.json"))
    return f"trial:{folder}"


def measured(trial: str, texts: list[str | None], **options: object) -> dict[str, list[float | None]]:
    method = LongRange.from_options({"model": trial, "min_tokens": 8, **options})
    return method.measure(pa.record_batch({"text": pa.array(texts, pa.large_string())})).to_pydict()


def test_a_text_that_comes_back_to_its_beginning_has_a_longer_reach(trial: str) -> None:
    values = measured(
        trial, ["abcdefghijklmn" + "abcdefghijklmn", "aabbccddeeffgghhiijjkkllmmnn"], distance=8
    )
    comes_back, never = values["long_range_strength"]
    assert comes_back > never + 0.1  # type: ignore[operator]


def test_hostile_texts_and_batches(trial: str) -> None:
    texts: list[str | None] = ["", None, "short", "\x00\x1b" * 20, "🎂" * 12, "نص عربي طويل جدا", "x" * 3000]
    together = measured(trial, texts)
    for column in together.values():
        assert column[:3] == [None, None, None]
        assert all(value is not None and math.isfinite(value) and value >= 0 for value in column[3:])
    for place, text in enumerate(texts):
        assert measured(trial, [text]) == {name: [column[place]] for name, column in together.items()}
    assert measured(trial, []) == {name: [] for name in LongRange.columns}


def test_bad_options_are_refused(trial: str, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="expected a distance inside of the window"):
        LongRange.from_options({"model": trial, "distance": 64, "max_tokens": 64})
    with pytest.raises(BadOption, match="option 'layers"):
        LongRange.from_options({"model": trial, "layers": []})
    with pytest.raises(BadOption, match="numbers from 0 to 1, the layers of the model"):
        measured(trial, ["the river was by the mountain"], layers=[7])
    with pytest.raises(BadOption, match="not for attention"):
        LongRange.from_options({"model": "openai:http://127.0.0.1:9/v1#m"})
