"""Buckets of documents by the percentiles of a signal: CCNet's head, middle and tail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from cupel.contract import Acts, Clusters, Need, Paper, Resources, Selector, View
from cupel.findings import Section, Table

__all__ = ["Bucket"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

UNMEASURED = "all"
"""CCNet's name for the bucket of documents in languages without a model."""


class Bucket(Selector):
    """Buckets of documents by the percentiles of a signal, for each language by itself: head, middle and tail.

    CCNet (Wenzek et al. 2020) cuts the pages of each language at two percentiles of their perplexity under a model of
    Wikipedia: the *head* is most like well-edited text, the *tail* least. Perplexities of different languages, under
    different models, cannot be compared; percentiles within a language can. With edges e₁ < … < eₖ in percent,
    a document with the value v lies in the first bucket of which v is below the percentile, and in the last one where it
    is below none:

        head: v < P₃₀,   middle: P₃₀ ≤ v < P₆₀,   tail: P₆₀ ≤ v

    The paper speaks of three parts of equal size; the published code cuts at 30 and 60, which are the defaults here. Its
    cutoffs were read off one sample and used for every crawl; here the percentiles are those of this corpus, between
    neighbors by straight lines. A document without a value belongs to the bucket `all`, as in CCNet.

    `mark`, the default, drops nothing and adds the column `bucket_name`; `drop` keeps the buckets of `keep`.

    Examples
    --------
    >>> Bucket.from_options({"by": "ngram_perplexity", "keep": ["head"], "action": "drop"}).limit
    'in head by ngram_perplexity'
    """

    name = "bucket"
    reason = "other-bucket"
    group = "name"
    papers = (
        Paper(
            title="CCNet: Extracting High Quality Monolingual Datasets from Web Crawl Data",
            authors="Wenzek, Lachaux, Conneau, Chaudhary, Guzmán, Joulin, Grave",
            year=2020,
            url="https://arxiv.org/abs/1911.00359",
            section="3.3 and 5.1; cc_net/perplexity.py",
        ),
    )
    cost = "About 48 bytes of memory per document, and a sort."
    limits = (
        "Percentiles of a handful of documents mean nothing: a language of three documents has a head of one. Ties lie in "
        "one bucket, so buckets can be far from the shares that the edges name; where all values are equal, all are tail."
    )

    class Options(Acts):
        """By what documents are put into buckets, and where these end."""

        action: Literal["drop", "mark"] = Field(
            "mark",
            description="`mark` keeps everything and adds the columns `bucket_name`, `bucket_score` (the value) and "
            "`bucket_selected`; `drop` keeps the buckets of `keep`.",
        )
        by: str = Field(
            pattern=r"^[a-z][a-z0-9_]*$", description="Signal column whose percentiles are the edges."
        )
        within: str | None = Field(
            None,
            pattern=r"^[a-z][a-z0-9_]*$",
            description="Signal column of text that names groups with percentiles of their own, such as `language`; a "
            "document without a group belongs to the bucket `all`.",
        )
        edges: tuple[Annotated[float, Field(gt=0, lt=100)], ...] = Field(
            (30, 60), min_length=1, description="Percentiles at which buckets end, ascending."
        )
        names: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
            ("head", "middle", "tail"),
            description="Names of the buckets, from low values to high: one more than edges.",
        )
        keep: tuple[str, ...] = Field(
            ("head", UNMEASURED), min_length=1, description="Buckets that stay with the action `drop`."
        )

        @model_validator(mode="after")
        def _fit(self) -> Self:
            if list(self.edges) != sorted(set(self.edges)):
                raise ValueError(f"edges are {list(self.edges)}: expected them ascending")
            if len(self.names) != len(self.edges) + 1:
                raise ValueError(
                    f"{len(self.edges)} edges make {len(self.edges) + 1} buckets, and names are {list(self.names)}"
                )
            known = (*self.names, UNMEASURED)
            if len(set(known)) < len(known):
                raise ValueError(
                    f"names are {list(self.names)}: expected different ones, and none called '{UNMEASURED}'"
                )
            for name in self.keep:
                if name not in known:
                    raise ValueError(f"keep names the bucket '{name}'; expected some of {', '.join(known)}")
            return self

    options: Options

    @property
    def limit(self) -> str:
        return f"in {' or '.join(self.options.keep)} by {self.options.by}"

    @property
    def signals(self) -> tuple[str, ...]:
        within = self.options.within
        return (self.options.by, *((within,) if within else ()))

    @property
    def sketch_schema(self) -> pa.Schema:
        return pa.schema([("value", pa.float64()), ("group", pa.large_string())])

    def sketch_documents(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """Columns `value` and `group` (empty where documents are not grouped)."""
        value = pc.cast(documents.column(self.options.by), pa.float64())
        within = self.options.within
        group = pc.cast(documents.column(within), pa.large_string()) if within else None
        if group is None:
            group = pa.array([""] * documents.num_rows, pa.large_string())
        return pa.RecordBatch.from_arrays([value, group], schema=self.sketch_schema)

    def need(self, documents: int, text_bytes: int) -> Need:
        """Values, groups, buckets, and the order of values."""
        return Need(memory_bytes=48 * documents)

    def decide(self, view: View, resources: Resources) -> Clusters:
        """The bucket of each document."""
        table = view.read(["doc", "value", "group"])
        values = pc.fill_null(table["value"], np.nan).to_numpy()
        groups = table["group"].combine_chunks().dictionary_encode()
        codes = pc.fill_null(groups.indices, -1).to_numpy().astype(np.int64)
        names = groups.dictionary.to_pylist()
        places, cutoffs = bucket_places(values, codes, len(names), self.options.edges)
        labels = (*self.options.names, UNMEASURED)
        kept = np.isin(places, [place for place, label in enumerate(labels) if label in self.options.keep])
        members = pa.table(
            {
                "doc": table["doc"],
                "kept": pa.array(kept),
                "score": pa.array(values, from_pandas=True),
                "reason": pa.array(np.array(labels, object)[places], pa.large_string()),
            }
        )
        return Clusters(members=members, findings=(self._section(names, codes, places, cutoffs),))

    def _section(
        self, names: list[str], codes: Integers, places: Integers, cutoffs: Mapping[int, Floats]
    ) -> Section:
        labels = (*self.options.names, UNMEASURED)
        rows = []
        for code in sorted(range(len(names)), key=lambda code: names[code]):
            counts = np.bincount(places[codes == code], minlength=len(labels))
            edges = cutoffs[code] if code in cutoffs else np.full(len(self.options.edges), np.nan)
            rows.append(
                (
                    names[code] or "all documents",
                    *(None if np.isnan(e) else float(e) for e in edges),
                    *map(int, counts),
                )
            )
        percentiles = [f"{edge:g} % below" for edge in self.options.edges]
        table = Table(
            columns=(self.options.within or "", *percentiles, *labels),
            rows=tuple(rows),
            formats=("text", *["number"] * len(percentiles), *["count"] * len(labels)),
        )
        return Section(title="Buckets", key="selection", lead=f"By {self.options.by}.", blocks=(table,))


def bucket_places(
    values: Floats, codes: Integers, groups: int, edges: tuple[float, ...]
) -> tuple[Integers, dict[int, Floats]]:
    """The bucket of each value, and the cutoffs of each group that has values.

    Parameters
    ----------
    values, codes
        Values, NaN where there is none, and the group of each, -1 where there is none.
    groups
        How many groups there are.
    edges
        Percentiles.

    Returns
    -------
    0 for the first bucket; one more than the last, `len(edges) + 1`, for a document without value or group.

    Examples
    --------
    >>> values = np.array([1.0, 2.0, 3.0, 4.0, np.nan])
    >>> places, cutoffs = bucket_places(values, np.zeros(5, np.int64), 1, (30, 60))
    >>> places.tolist(), cutoffs[0].round(2).tolist()
    ([0, 1, 2, 2, 3], [1.9, 2.8])
    """
    places = np.full(len(values), len(edges) + 1, np.int64)
    cutoffs: dict[int, Floats] = {}
    measured = np.flatnonzero(~np.isnan(values) & (codes >= 0))
    order = measured[np.argsort(codes[measured], kind="stable")]
    starts = np.searchsorted(codes[order], np.arange(groups + 1))
    for code in range(groups):
        rows = order[starts[code] : starts[code + 1]]
        if len(rows):
            cutoffs[code] = np.percentile(values[rows], edges)
            places[rows] = np.searchsorted(cutoffs[code], values[rows], side="right")
    return places, cutoffs
