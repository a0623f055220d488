"""Tokenizers: byte-level BPE trained on a stated sample, or a file of somebody's own."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from cupel.errors import BadInput, BadOption, MissingExtra
from cupel.models.encoder import Encoder
from cupel.models.normalizers import is_sentencepiece, stage_types
from cupel.models.tokenizer_file import read_file, read_tokenizer
from cupel.store import digest, replace

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Inner

__all__ = ["END_OF_TEXT", "Tokenizer", "train_tokenizer"]

END_OF_TEXT = "<|endoftext|>"
_ENDS = (END_OF_TEXT, "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>", "[SEP]")
_PROBES = (
    "Café 東京\t\n \u00a0🙂\u200d\x00\x7f ﷽ é\ud7ff  x",
    "e\u0301 n\u0303 \u1112\u1161\u11ab \u212b \u2126 \u0958",  # composed by NFC, and excluded from composition
    "\u1e69 \ud55c \u00e9",  # taken apart by NFD
    "\ufb01 \uff21 \u00b2 \u2460 \u2026 \u3000",  # replaced by NFKC
    "\u2018a\u2019 \u201cb\u201d ``c'' \u2013 \u2014 \u00ab\u00bb",  # quotes and dashes
    "a\u200bb\u200cc\u2060d\ufeffe\u00adf\u202eg",  # zero-width and format characters
    "a\r\nb\rc\n\n\nd\u0085e\u2028f\u2029g\x0bh\x0ci",  # line ends
    " a  b   c \t d  ",  # spaces at both ends and in runs
    "\ta",
    "a\n",
    "i'm . do n't , yes ! no ? we 've",  # what `clean_up_tokenization_spaces` joins
    "ABC Straße İI ıi ΑΣ",  # case
    "\u2581a \u2581 \u0120b \u010a ##c <0x41> [UNK] <unk>",  # what other tokenizers write for spaces and bytes
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u263a\ufe0f \U0001f1e9\U0001f1ea",
    "\u0e01\u0e33 \u0915\u094d\u0937 \u0627\u0644\u0644\u0647 \U00020000 \ue000 \U0010ffff",
)
"""Texts that tokenizers are known to give back changed."""


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer that was checked: any text comes back as it was, and one token ends a document.

    One whose only normalizer is Unicode's NFC, such as those of Pythia and Qwen2, gives text back composed: `e` and
    a combining accent as `é`. Bits per byte then count the bytes of composed text. Every other normalizer is refused.

    Attributes
    ----------
    path
        Its `tokenizer.json`.
    digest
        Hash of the file.
    vocabulary
        How many tokens there are.
    end_of_text
        The token that closes a document.
    composes
        Whether text comes back in Unicode's form NFC.
    """

    path: Path
    digest: str
    vocabulary: int
    end_of_text: int
    inner: Inner
    composes: bool = False

    @classmethod
    def load(cls, path: str | Path, *, composing: bool = False) -> Tokenizer:
        """The tokenizer of a `tokenizer.json`, or of a folder that holds one.

        Parameters
        ----------
        composing
            Take one that composes characters (Unicode NFC), such as those of Pythia and Qwen2: bits are then
            counted of composed text, and whoever reads them must be told (`notice`).

        Raises
        ------
        BadInput
            No such file, no token that ends a document, or a text that does not come back.
        MissingExtra
            `tokenizers` is not installed.
        """
        file = Path(path)
        file = file / "tokenizer.json" if file.is_dir() else file
        held = read_file(file)
        loaded = read_tokenizer(held, str(path))
        ends = [token for token in map(loaded.token_to_id, _ENDS) if token is not None]
        if not ends:
            raise BadInput(f"tokenizer {path}: no token ends a document; expected one of {', '.join(_ENDS)}")
        composes = stage_types(json.loads(held).get("normalizer")) == ["NFC"]
        tokenizer = cls(file, digest(held), loaded.get_vocab_size(), ends[0], loaded, composes)
        if composes and not composing:
            raise BadInput(
                f"tokenizer {path} composes characters (Unicode NFC): text does not come back as it was. An assay "
                "takes it and says so; in Python, Tokenizer.load(…, composing=True) does"
            )
        tokenizer._check()
        return tokenizer

    @cached_property
    def encoder(self) -> Encoder:
        """Texts to tokens, many at once."""
        return Encoder(self.path.read_bytes(), self.end_of_text, self.vocabulary)

    def encode(self, text: str) -> list[int]:
        """The tokens of one text; nothing is added, and the words of a special token are plain letters."""
        return list(self.encoder.encode(pa.array([text], pa.large_string()))[0][:-1].tolist())

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of tokens."""
        return str(self.inner.decode(list(tokens), skip_special_tokens=False))

    def _check(self) -> None:
        name = str(self.inner.id_to_token(self.end_of_text))
        for text in (*_PROBES, name, f"a{name}b", *(chr(byte) for byte in range(256))):
            tokens = self.encode(text)
            if self.end_of_text in tokens:
                raise BadInput(
                    f"tokenizer {self.path}: the words {name} in a text become the token that ends a document"
                )
            if self.decode(tokens) != (unicodedata.normalize("NFC", text) if self.composes else text):
                declared = json.loads(self.path.read_bytes())
                kind = "a SentencePiece-style tokenizer: " if is_sentencepiece(declared) else ""
                raise BadInput(
                    f"tokenizer {self.path}: {kind}{text!r} comes back as {self.decode(tokens)!r}{_cause(declared)}. "
                    "Bits per byte need text that comes back unchanged; use a byte-level tokenizer with no normalizer "
                    "but NFC"
                )

    def notice(self) -> str:
        """What whoever compares models should know of it, in a sentence; empty where there is nothing."""
        if not self.composes:
            return ""
        return f"tokenizer {self.path} composes characters (Unicode NFC): bits per byte count the bytes of composed text"


def _cause(declared: Mapping[str, Any]) -> str:
    """What the file itself declares that may change text, in words; empty where there is nothing."""
    parts = [
        f"{stage} {name}"
        for stage in ("normalizer", "pre_tokenizer", "decoder")
        for name in stage_types(declared.get(stage))
        if name != "ByteLevel"
    ]
    return f" (it declares {', '.join(parts)})" if parts else ""


def train_tokenizer(texts: Iterable[str], vocabulary: int, path: Path) -> Tokenizer:
    """Train a byte-level BPE (Sennrich et al. 2016; bytes as in Radford et al. 2019) and save it.

    Parameters
    ----------
    texts
        What it is trained on.
    vocabulary
        Tokens, the 256 bytes and the end of text counted.

    Raises
    ------
    BadOption
        A vocabulary smaller than the bytes.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tokenizer.json"
    >>> tokenizer = train_tokenizer(["Café in 東京"] * 9, 270, path)
    >>> tokenizer.decode(tokenizer.encode("Café"))
    'Café'
    """
    if vocabulary < 257:
        raise BadOption(f"a vocabulary of {vocabulary}: expected 257 or more, one a byte and the end of text")
    inner = _tokenizers()
    model = inner.Tokenizer(inner.models.BPE())
    model.pre_tokenizer = inner.pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = inner.decoders.ByteLevel()
    trainer = inner.trainers.BpeTrainer(
        vocab_size=vocabulary - 1,
        initial_alphabet=inner.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    model.train_from_iterator(texts, trainer)

    def build(unfinished: Path) -> None:
        model.save(str(unfinished))
        _with_end(unfinished)

    return Tokenizer.load(replace(path, build))


def _with_end(path: Path) -> None:
    """Add the end of text as the last token of the vocabulary. No word of a text becomes it: it is part
    of the vocabulary, and not of the words that are looked for in texts."""
    held = json.loads(path.read_text())
    held["model"]["vocab"][END_OF_TEXT] = len(held["model"]["vocab"])
    path.write_text(json.dumps(held, ensure_ascii=False))


def _tokenizers() -> Any:
    try:
        import tokenizers
        import tokenizers.decoders
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ImportError:
        raise MissingExtra("the lab", "lab") from None
    return tokenizers
