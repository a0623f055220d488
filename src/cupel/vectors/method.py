"""What methods on vectors share: where vectors come from, and how they are carried."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator, model_validator

from cupel.contract import (
    Computes,
    CorpusMethod,
    Documents,
    Fitted,
    Learned,
    Learns,
    Measure,
    Need,
    Resources,
    View,
)
from cupel.errors import BadInput, BadOption, MissingExtra, UnknownName
from cupel.models.folder import digest_folder, fetch_folder, local_folder
from cupel.models.model import Model
from cupel.models.reference import parse_reference
from cupel.models.static import DIMENSIONS, StaticEmbedder, distill
from cupel.store import Key
from cupel.vectors.fields import unit, vectors_in_field
from cupel.vectors.kmeans import Cells, cells_of, clusters_for
from cupel.vectors.mapped import Vectors, read_vectors
from cupel.vectors.workers import Workers

__all__ = ["DEFAULT_MODEL", "CellOptions", "EmbeddingOptions", "InCells", "OnVectors", "require"]

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
EXTRA = "semantic"
SUPPOSED_DIMENSIONS = 1024
"""What memory is planned with before the first vector has been seen."""
BYTES_A_DOCUMENT = 80
"""Numbers, cells, similarities and order of the documents, held while clusters are found."""


class EmbeddingOptions(Learns, Computes):
    """Where vectors come from."""

    artifact: str | None = Field(
        None,
        description="With `embed: fast`: folder of what `cupel fit` made; without it the run distills `model` itself.",
    )
    embed: Literal["model", "fast"] = Field(
        "model",
        description="`fast` takes the mean of vectors of tokens, distilled from `model`, instead of asking `model` for "
        "every text: a few hundred times as fast, and less exact.",
    )
    model: str | None = Field(
        None,
        description="A model that embeds the text: a folder of sentence-transformers, or `hf:org/name@revision` on "
        f"the Hugging Face hub. `{DEFAULT_MODEL}` where neither `model` nor `column` is given.",
    )
    column: str | None = Field(
        None,
        description="A field of the input that holds each document's vector, a list of numbers, from whatever "
        "model of text or images; no model is loaded then. Documents without one are left alone.",
    )
    batch_size: int = Field(
        1,
        ge=1,
        description="Texts that `model` takes at once. With 1 the vector of a document does not depend on the "
        "documents beside it, and costs little more on a processor; a graphics card wants 32 or more, and "
        "then last digits, and with them close decisions, may change with how the input is cut into files.",
    )

    @model_validator(mode="before")
    @classmethod
    def _model_or_column(cls, options: Any) -> Any:
        if not isinstance(options, dict):
            return options
        if options.get("model") is not None and options.get("column") is not None:
            raise ValueError("either model or column, not both")
        if options.get("embed") == "fast" and options.get("column") is not None:
            raise ValueError("embed: fast makes vectors of texts; it does not go with column")
        if options.get("embed", "model") == "model" and options.get("artifact") is not None:
            raise ValueError("artifact goes with embed: fast")
        if options.get("model") is None and options.get("column") is None:
            return {**options, "model": DEFAULT_MODEL}
        return options

    @field_validator("model")
    @classmethod
    def _reference(cls, model: str | None) -> str | None:
        if model is not None:
            try:
                parse_reference(model)
            except (BadOption, UnknownName) as error:
                raise ValueError(str(error)) from None
        return model


class CellOptions(EmbeddingOptions):
    """Where vectors come from, and the k-means that divides them."""

    clusters: int | None = Field(
        None,
        ge=1,
        description="Clusters of k-means. By default one for every 1,000 documents, and no more than 50,000.",
    )
    iterations: int = Field(20, ge=1, description="Iterations of k-means.")
    seed: int = Field(1, ge=0, description="Seed of the sample that k-means learns from, and of its start.")


class OnVectors(Fitted, CorpusMethod):
    """A decision on vectors; the sketch of a document is a unit vector in half precision.

    With `embed: fast` a static embedder is distilled from the model first: an artifact that all methods share, whatever
    the documents.
    """

    learns = "static-embedder"
    learner = "static-embedder"
    unfitted = "only embed=fast does"
    scores = True
    utility = "diversity"
    mechanism = "cover"
    needs = ("text", "metadata")
    requires: ClassVar[tuple[str, ...]] = ()
    """Modules that the decision needs; looked for before anything is embedded."""

    options: EmbeddingOptions

    @property
    def is_fitted(self) -> bool:
        return self.options.embed == "fast"

    @property
    def reads_corpus(self) -> bool:
        return False

    def key(self, documents: Documents) -> Key:
        """The key of a static embedder: the model it is distilled from, and nothing of the method.

        Raises
        ------
        BadInput
            The model cannot be read or fetched.
        """
        reference = parse_reference(str(self.options.model), self.name)
        folder = fetch_folder(reference, self.name) if reference.scheme == "hf" else reference.path
        inputs = {"model": digest_folder(folder)}
        return Key(self.learns, self.learner, self.version, {"dimensions": DIMENSIONS}, inputs)

    def fit(self, documents: Documents, folder: Path, resources: Resources) -> Learned:
        """Distill a static embedder from the model."""
        from cupel.models.embedder import Embedder
        from cupel.models.load import load_model

        options = self.options
        teacher = load_model(str(options.model), "embed", device=options.device, where=self.name)
        if not isinstance(teacher, Embedder):
            raise BadInput(f"{self.name}: model '{options.model}' cannot be distilled: it is no transformer")
        distill(teacher, folder)
        return Learned({"model": options.model, "digest": teacher.digest, "dimensions": DIMENSIONS})

    def prepare(self, resources: Resources) -> Measure:
        if not self.is_fitted:
            return self.sketch_documents
        return partial(self.sketch_documents, embedder=StaticEmbedder(self.learned(resources)))

    def sketch(self, text: pa.Array, embedder: Model | None = None) -> pa.RecordBatch:
        """Column `embedding`: a unit vector as float16 bytes, whatever the model; null for null."""
        if self.options.column is not None and len(text):
            raise BadOption(
                f"{self.name}: vectors come from the field '{self.options.column}', not from texts"
            )
        return _as_sketch(self._embedded(text, embedder) if len(text) else [])

    def sketch_documents(self, documents: pa.RecordBatch, embedder: Model | None = None) -> pa.RecordBatch:
        """Column `embedding`, of the text or from the field `column`.

        Raises
        ------
        MissingExtra
            What the decision needs later is not installed.
        BadInput
            A field that is no list of finite numbers, by document.
        """
        require(*self.requires)
        column = self.options.column
        if column is None:
            return self.sketch(documents.column("text"), embedder)
        return _as_sketch(vectors_in_field(documents, column, self.name))

    @property
    def sketch_schema(self) -> pa.Schema:
        return _as_sketch([]).schema

    def _embedded(self, text: pa.Array, embedder: Model | None) -> list[bytes | None]:
        from cupel.models.load import load_model

        options = self.options
        if self.is_fitted:
            model = embedder or StaticEmbedder(self.learned(Resources()))
        else:
            model = load_model(str(options.model), "embed", device=options.device, where=self.name)
        vectors = model.embed(pc.fill_null(text, "").to_pylist(), options.batch_size)
        # A text without any token that counts has no direction.
        packed = [row.tobytes() if row.any() else None for row in unit(vectors).astype(np.float16)]
        return [
            row if valid else None for row, valid in zip(packed, text.is_valid().to_pylist(), strict=True)
        ]

    def vectors(self, view: View, resources: Resources) -> Vectors:
        """The vectors of all documents, mapped from a file in the scratch folder."""
        require(*self.requires)
        options = self.options
        where = f"model '{options.model}'" if options.column is None else f"field '{options.column}'"
        return read_vectors(view, resources, f"{self.name}, {where}")

    def need(self, documents: int, text_bytes: int) -> Need:
        """Tables of the documents and one block of vectors; the vectors lie in a file."""
        return Need(
            memory_bytes=BYTES_A_DOCUMENT * documents + (256 << 20),
            scratch_bytes=2 * documents * self.dimensions,
        )

    @property
    def dimensions(self) -> int:
        """Numbers of a vector, as far as can be told before the first was seen."""
        return DIMENSIONS if self.is_fitted else _dimensions(self.options.model)


class InCells(OnVectors):
    """A decision on vectors that k-means has divided into cells."""

    requires = ("faiss", "threadpoolctl")

    options: CellOptions

    def cells(self, vectors: Vectors, workers: Workers, ranks: npt.NDArray[np.int32] | None = None) -> Cells:
        """The clusters of k-means that the options ask for."""
        options = self.options
        asked, iterations, seed = options.clusters, options.iterations, options.seed
        return cells_of(vectors, workers, clusters=asked, iterations=iterations, seed=seed, ranks=ranks)

    def facts(self, vectors: Vectors, cells: Cells) -> tuple[tuple[str, str], ...]:
        """What was clustered, for the findings."""
        without = vectors.total - len(vectors)
        return (
            ("documents", f"{vectors.total:,}"),
            *((("without a vector, left alone", f"{without:,}"),) if without else ()),
            ("dimensions", f"{vectors.dimensions:,}"),
            ("clusters of k-means", f"{len(cells):,}"),
            ("documents in the largest", f"{int(cells.sizes.max()):,}"),
        )

    def need(self, documents: int, text_bytes: int) -> Need:
        """Centroids beside what the vectors take."""
        vectors = super().need(documents, text_bytes)
        centroids = 4 * clusters_for(documents, self.options.clusters) * self.dimensions * 4
        return Need(vectors.memory_bytes + centroids, vectors.scratch_bytes)


def require(*modules: str) -> None:
    """Say which extra is missing before any work is done."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise MissingExtra("a method on vectors", EXTRA)


def _as_sketch(vectors: Sequence[bytes | None]) -> pa.RecordBatch:
    return pa.record_batch({"embedding": pa.array(vectors, pa.large_binary())})


def _dimensions(model: str | None) -> int:
    """The length of a model's vectors, where its folder says so."""
    folder = local_folder(model) if model else None
    for path in sorted(folder.glob("*_Pooling/config.json")) if folder else []:
        try:
            dimensions = json.loads(path.read_text("utf-8"))["word_embedding_dimension"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # loading the model says what is wrong with it
        if isinstance(dimensions, int):
            return dimensions
    return SUPPOSED_DIMENSIONS
