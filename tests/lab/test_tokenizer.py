import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.errors import BadInput, BadOption
from cupel.lab.tokenizer import END_OF_TEXT, Tokenizer, train_tokenizer
from tests.lab import tokens


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return tokens.tokenizer(tmp_path_factory.mktemp("tokenizer"))


@given(st.text(max_size=40))
def test_any_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_same_texts_give_the_same_tokeniser(tmp_path: Path) -> None:
    first, second = (
        train_tokenizer(tokens.texts(100), 300, tmp_path / name) for name in ("a.json", "b.json")
    )
    assert first.digest == second.digest
    assert first.vocabulary == 300


def test_too_few_tokens_for_all_bytes(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="257 or more"):
        train_tokenizer(["a"], 256, tmp_path / "tokenizer.json")


def _changed(tokenizer: Tokenizer, path: Path, change: dict[str, object]) -> Path:
    held = json.loads(tokenizer.path.read_text())
    path.write_text(json.dumps({**held, **change}))
    return path


def test_a_tokeniser_that_loses_text_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = _changed(tokenizer, tmp_path / "t.json", {"normalizer": {"type": "Lowercase"}})
    with pytest.raises(BadInput, match="comes back as"):
        Tokenizer.load(path)


def test_a_tokeniser_without_an_end_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    held = json.loads(tokenizer.path.read_text())
    del held["model"]["vocab"][END_OF_TEXT]
    (tmp_path / "t.json").write_text(json.dumps(held))
    with pytest.raises(BadInput, match="no token ends a document"):
        Tokenizer.load(tmp_path / "t.json")


def test_no_tokeniser_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"expected a tokenizer\.json"):
        Tokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BadInput, match=r"no tokenizer\.json of the tokenizers library"):
        Tokenizer.load(tmp_path)
