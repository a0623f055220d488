"""Passages: counted as a plain search counts them, drawn alike however documents are divided."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.auditing.passages import count_documents, draw_passages
from cupel.errors import BadInput
from cupel.lab.data.documents import as_documents
from tests.lab import tokens

LETTERS = st.text("abé東", min_size=0, max_size=60)


@given(st.lists(LETTERS.filter(bool), min_size=1, max_size=8), st.lists(LETTERS, max_size=12))
def test_counts_are_those_of_a_plain_search(passages: list[str], texts: list[str]) -> None:
    batch = pa.record_batch({"text": pa.array(texts, pa.large_string())})
    counts = count_documents(passages, [batch.slice(0, 3), batch.slice(3)])
    assert counts.tolist() == [sum(passage in text for text in texts) for passage in passages]


def test_passages_are_openings_of_so_many_tokens(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tokenizers import Tokenizer

    fast = Tokenizer.from_file(str(tokens.tokenizer(tmp_path_factory.mktemp("tokenizer")).path))
    texts = tokens.texts(60, 3)
    table = as_documents(texts)
    drawn = draw_passages(table.to_batches(), [fast], 20, 10, seed=1)
    assert drawn.num_rows == 10
    for row in drawn.to_pylist():
        text = texts[int(row["id"])]
        encoded = fast.encode(text, add_special_tokens=False)
        assert row["passage"] == text[: encoded.offsets[19][1]]
    again = draw_passages(table.to_batches(max_chunksize=7), [fast], 20, 10, seed=1)
    assert again.to_pylist() == drawn.to_pylist()
    assert draw_passages(table.to_batches(), [fast], 20, 10, seed=2)["id"] != drawn["id"]
    with pytest.raises(BadInput, match="none of 60 documents has 9000 tokens"):
        draw_passages(table.to_batches(), [fast], 9000, 10, seed=1)
