"""How many tokens a tokenizer makes of a document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa
from pydantic import Field

from cupel.contract import Column, Method, Paper, Signal
from cupel.errors import BadOption
from cupel.models.normalizers import describe_changes
from cupel.models.tokenizer_file import find_tokenizer
from cupel.signals._columns import count, real

if TYPE_CHECKING:
    pass

__all__ = ["TokenDensity"]


class TokenDensity(Signal):
    """Tokens by characters.

    The number of tokens that a tokenizer makes of the text, without special tokens, and this number
    divided by that of code points and by that of bytes. English prose gives about 0.2 to 0.25 with a tokenizer made for
    English; random characters, other languages and markup give more. An empty text has 0.

    The option `tokenizer` is required: the path of a `tokenizer.json`, or a name on the Hugging Face
    hub, from where it is downloaded.

    Examples
    --------
    >>> TokenDensity().measure(pa.record_batch({"text": ["Zürich"]}))
    Traceback (most recent call last):
    ...
    cupel.errors.BadOption: tokens: give option 'tokenizer': a path or a Hugging Face name
    """

    name = "tokens"
    papers = (
        Paper(
            "A Pretrainer's Guide to Training Data: Measuring the Effects of Data Age, Domain Coverage, "
            "Quality, & Toxicity",
            "Longpre et al.",
            2023,
            "https://arxiv.org/abs/2305.13169",
        ),
        Paper(
            "GneissWeb: Preparing High Quality Data for LLMs at Scale",
            "Emami Gohari et al.",
            2025,
            "https://arxiv.org/abs/2502.14907",
            "3.4, extreme-tokenized documents",
        ),
    )
    files = ("tokenizer",)
    cost = "runs the tokenizer, a few MB/s per core; many times the cost of the kernel's signals"
    limits = (
        "Ratios of different tokenizers cannot be compared. A tokenizer that normalizes text, "
        "or writes spaces in SentencePiece's style, counts the tokens of the text that results; a run says so."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "token_count": count("tokens", "tokens of the text, without special ones"),
        "token_to_character_ratio": real("tokens per code point", "tokens by code points"),
        "token_to_byte_ratio": real("tokens per byte", "tokens by UTF-8 bytes"),
    }

    class Options(Method.Options):
        """Which tokenizer."""

        tokenizer: str = Field("", description="path of a tokenizer.json, or a name on the Hugging Face hub")

    options: TokenDensity.Options

    def notice(self) -> str:
        """What the tokenizer does to text before it is cut into tokens; none is fetched to find out."""
        path = Path(self.options.tokenizer)
        path = path / "tokenizer.json" if path.is_dir() else path
        if not path.is_file():
            return ""
        try:
            changes = describe_changes(json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError, AttributeError):
            return ""  # measuring says what is wrong with it
        return f"{path} {changes}; tokens are counted in the text that results" if changes else ""

    def check_ready(self) -> None:
        """Refuse to begin without a tokenizer."""
        if not self.options.tokenizer:
            raise BadOption("tokens: give option 'tokenizer': a path or a Hugging Face name")

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """Tokens of each text.

        Raises
        ------
        BadOption
            No tokenizer is named, or `tokenizers` is not installed.
        BadInput
            The tokenizer cannot be read or fetched.
        """
        self.check_ready()
        tokenizer = find_tokenizer(self.options.tokenizer)
        texts = [text or "" for text in documents.column("text").to_pylist()]
        counts = [len(item.ids) for item in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        ratios = [count / len(text) if text else 0.0 for count, text in zip(counts, texts, strict=True)]
        per_byte = [
            count / len(text.encode()) if text else 0.0 for count, text in zip(counts, texts, strict=True)
        ]
        arrays = [
            pa.array(counts, pa.int64()),
            *(pa.array(values, pa.float64()) for values in (ratios, per_byte)),
        ]
        return pa.record_batch(arrays, names=list(self.columns))
