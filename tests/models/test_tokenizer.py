import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.errors import BadInput, BadOption
from cupel.models.tokenizer import END_OF_TEXT, Tokenizer, train_tokenizer
from tests.lab import tokens


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    return tokens.tokenizer(tmp_path_factory.mktemp("tokenizer"))


@given(st.text(max_size=40))
def test_any_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_same_texts_give_the_same_tokenizer(tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    "normalizer",
    [
        {"type": "Lowercase"},
        {"type": "NFD"},
        {"type": "NFKC"},
        {"type": "Strip", "strip_left": False, "strip_right": True},
        {"type": "Strip", "strip_left": True, "strip_right": False},
        {"type": "Replace", "pattern": {"String": "\u2019"}, "content": "'"},
        {"type": "Replace", "pattern": {"String": "\u201c"}, "content": '"'},
        {"type": "Replace", "pattern": {"String": "\r\n"}, "content": "\n"},
        {"type": "Replace", "pattern": {"String": "\u200b"}, "content": ""},
        {"type": "Replace", "pattern": {"String": "  "}, "content": " "},
        {"type": "Prepend", "prepend": " "},
        {
            "type": "Sequence",
            "normalizers": [{"type": "NFC"}, {"type": "Strip", "strip_left": True, "strip_right": True}],
        },
    ],
    ids=str,
)
def test_a_tokenizer_whose_normalizer_changes_text_is_refused(
    tokenizer: Tokenizer, tmp_path: Path, normalizer: dict[str, object]
) -> None:
    path = _changed(tokenizer, tmp_path / "t.json", {"normalizer": normalizer})
    named = "NFC, normalizer Strip" if "normalizers" in normalizer else normalizer["type"]
    with pytest.raises(BadInput, match=rf"comes back as .* declares normalizer {named}"):
        Tokenizer.load(path)


@pytest.mark.parametrize(
    "normalizer", [{"type": "NFC"}, {"type": "Sequence", "normalizers": [{"type": "NFC"}]}], ids=str
)
def test_a_tokenizer_that_composes_gives_composed_text_back(
    tokenizer: Tokenizer, tmp_path: Path, normalizer: dict[str, object]
) -> None:
    path = _changed(tokenizer, tmp_path / "t.json", {"normalizer": normalizer})
    with pytest.raises(BadInput, match=r"composes characters .* text does not come back as it was"):
        Tokenizer.load(path)
    loaded = Tokenizer.load(path, composing=True)
    assert loaded.composes
    assert not tokenizer.composes
    assert loaded.encode("Cafe\u0301 \u212b") == tokenizer.encode("Café Å")
    assert loaded.decode(loaded.encode("Cafe\u0301 \u212b")) == "Café Å"
    assert "composes characters (Unicode NFC)" in loaded.notice()
    assert tokenizer.notice() == ""


SENTENCEPIECE = [
    {
        "pre_tokenizer": {
            "type": "Metaspace",
            "replacement": "\u2581",
            "prepend_scheme": "first",
            "split": True,
        },
        "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": True},
    },
    {
        "pre_tokenizer": {
            "type": "Metaspace",
            "replacement": "\u2581",
            "prepend_scheme": "never",
            "split": False,
        },
        "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "never", "split": False},
    },
    {  # as Llama 2 declares it
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "\u2581"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
            ],
        },
        "pre_tokenizer": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
    },
]


@pytest.mark.parametrize("stages", SENTENCEPIECE, ids=["dummy prefix", "no prefix", "Llama 2"])
def test_a_sentencepiece_tokenizer_is_refused_by_its_name(tmp_path: Path, stages: dict[str, object]) -> None:
    vocab = {"<unk>": 0, "</s>": 1, **{f"<0x{byte:02X}>": 2 + byte for byte in range(256)}, "\u2581": 258}
    held = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "post_processor": None,
        "model": {"type": "BPE", "vocab": vocab, "merges": [], "unk_token": "<unk>", "byte_fallback": True},
        **stages,
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(held))
    with pytest.raises(BadInput, match=r"a SentencePiece-style tokenizer: .* comes back as"):
        Tokenizer.load(tmp_path)


def test_a_tokenizer_that_drops_spaces_between_words_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    split = {"type": "WhitespaceSplit"}
    byte_level = json.loads(tokenizer.path.read_text())["pre_tokenizer"]
    change = {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, byte_level]}}
    with pytest.raises(BadInput, match=r"comes back as .* declares pre_tokenizer WhitespaceSplit"):
        Tokenizer.load(_changed(tokenizer, tmp_path / "t.json", change))


def test_a_tokenizer_without_an_end_is_refused(tokenizer: Tokenizer, tmp_path: Path) -> None:
    held = json.loads(tokenizer.path.read_text())
    del held["model"]["vocab"][END_OF_TEXT]
    (tmp_path / "t.json").write_text(json.dumps(held))
    with pytest.raises(BadInput, match="no token ends a document"):
        Tokenizer.load(tmp_path / "t.json")


def test_no_tokenizer_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"expected a tokenizer\.json"):
        Tokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(BadInput, match=r"no tokenizer\.json of the tokenizers library"):
        Tokenizer.load(tmp_path)
