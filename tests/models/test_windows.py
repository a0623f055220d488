"""Windows of texts: every token scored once, whatever the text says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.models.checkpoint import text_encoder
from cupel.models.windows import text_rows, windows
from tests.models import tiny

pytest.importorskip("torch")


def test_the_end_of_text_inside_of_a_text_is_text() -> None:
    text = f"before {tiny.END} after"
    held = text_rows(tiny.model(), tiny.tokenizer(), text_encoder(tiny.tokenizer()), [text, ""], ["a", "b"])
    assert held.owners == [0] * len(held.rows)
    assert not any((row.targets == 0).any() for row in held.rows)
    assert tiny.tokenizer().decode(np.concatenate([row.targets for row in held.rows])) == text
    assert held.bytes.tolist() == [len(text), 0]
    assert held.tokens.tolist() == [sum(len(row.targets) for row in held.rows), 0]
    assert not held.unknown.any()


@given(st.integers(1, 70), st.integers(2, 12), st.floats(0, 0.99))
def test_windows_score_every_token_once_with_context(length: int, context: int, share: float) -> None:
    overlap = int(share * context)
    tokens = np.arange(length)
    rows = windows(tokens, context, overlap)
    assert [int(token) for row in rows for token in row.targets] == list(range(1, length))
    for row in rows:
        assert len(row.tokens) <= context
        np.testing.assert_array_equal(row.tokens[row.at] + 1, row.targets)
    for row in rows[1:]:
        assert row.at[0] >= overlap
        assert len(row.tokens) == context
