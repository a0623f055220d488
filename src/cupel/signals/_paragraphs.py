"""The language of each paragraph of a batch of texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel.contract import Method, Paper
from cupel.errors import BadInput
from cupel.signals.language import bundled_model, language_model

__all__ = ["DOLMA", "ParagraphOptions", "Paragraphs", "model_path"]

DOLMA = Paper(
    "Dolma: an Open Corpus of Three Trillion Tokens for Language Model Pretraining Research",
    "Soldaini et al.",
    2024,
    "https://arxiv.org/abs/2402.00159",
    "5.1, and the taggers of the code published with it",
)


class ParagraphOptions(Method.Options):
    """Which paragraphs have a language."""

    model: str | None = Field(
        None, description="path of a fastText supervised .ftz or .bin file; lid.176 by default"
    )
    min_characters: int = Field(
        60, ge=1, description="a shorter paragraph is taken for one in the document's main language"
    )
    min_confidence: float = Field(
        0.65, ge=0, le=1, description="the same for a paragraph whose language is less certain than this"
    )


class Paragraphs:
    """The lines of texts, with the language of those that are long and plain enough.

    Attributes
    ----------
    texts
        large_string: every line of every text, in order.
    rows
        int64: the text that each line is of.
    sizes
        int64: bytes of each line; 0 for one of white space.
    languages
        int64: the place of its language in `labels`, or -1 where it has none.
    labels
        The model's labels that occur, sorted.
    """

    def __init__(self, documents: pa.Array, options: ParagraphOptions, model: str, digest: str) -> None:
        lines = pc.split_pattern(documents.cast(pa.large_string()), "\n")
        self.texts = lines.flatten()
        self.rows: npt.NDArray[np.int64] = pc.list_parent_indices(lines).to_numpy().astype(np.int64)
        lengths = pc.utf8_length(pc.utf8_trim_whitespace(self.texts)).to_numpy()
        sizes = pc.binary_length(self.texts).to_numpy()
        self.sizes: npt.NDArray[np.int64] = np.where(lengths > 0, sizes, 0).astype(np.int64)
        self.languages: npt.NDArray[np.int64] = np.full(len(sizes), -1, np.int64)
        long = np.flatnonzero(lengths >= options.min_characters)
        identified = pa.record_batch(
            language_model(model, digest).identify(
                self.texts.take(pa.array(long)), max_bytes=None, as_it_is=False
            )
        )
        names = identified.column("language")
        self.labels: list[str] = sorted(pc.unique(names.drop_null()).to_pylist())
        places = pc.fill_null(pc.index_in(names, value_set=pa.array(self.labels, names.type)), -1).to_numpy()
        certain = identified.column("language_confidence").to_numpy() >= options.min_confidence
        self.languages[long] = np.where(certain, places, -1)
        self._documents = len(documents)

    @property
    def language_sizes(self) -> npt.NDArray[np.int64]:
        """Bytes of the paragraphs in each language: one row per text, one column per label."""
        width = max(1, len(self.labels))
        known = self.languages >= 0
        keys = self.rows[known] * width + self.languages[known]
        counts = np.bincount(keys, self.sizes[known], minlength=self._documents * width)
        return counts.astype(np.int64).reshape(self._documents, width)

    @property
    def total_sizes(self) -> npt.NDArray[np.int64]:
        """Bytes of all paragraphs of each text."""
        return np.bincount(self.rows, self.sizes, minlength=self._documents).astype(np.int64)


def model_path(method: Method, model: str | None) -> tuple[str, str]:
    """The path and the digest of a language model: of the method's option, or the bundled model.

    Raises
    ------
    BadInput
        There is no such file.
    """
    if model is not None and not Path(model).is_file():
        raise BadInput(f"{method.name}: there is no model file at {model}")
    path = model or str(bundled_model())
    return path, method.file_digests.get(path, "")
