"""Selection by percentiles of a signal."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from cupel.contract import TRAINING, Acts, Clusters, Need, Paper, Resources, Selector, View
from cupel.findings import Alarm, Block, Section, Table
from cupel.units import write_count

__all__ = ["Percentile"]

Floats = npt.NDArray[np.float64]
LISTED_GROUPS = 30
"""Groups of the report's table, the largest first."""


class Percentile(Selector):
    """Percentile: documents whose signal lies between two percentiles of the corpus, or of their language or source.

    A threshold on a learned score means something only on the corpus that it was chosen on. A percentile carries over:
    DataComp-LM (Li et al. 2024) keeps the tenth of the documents that its classifier scores highest, and CCNet (Wenzek
    et al. 2020) cuts each language into a head, a middle and a tail by percentiles of perplexity.

    ```yaml
    steps:
      - percentile: {by: quality, at_least: 90}                                  # the highest tenth
      - percentile: {by: ngram_perplexity, at_most: 33.3, within: language}      # CCNet's head
      - percentile: {by: perplexity, at_least: 25, at_most: 75}                  # the middle half
    ```

    Of the n documents of a group in ascending order, `at_least: q` keeps those from the place ⌊q·n/100⌋ on, counted from 0,
    and `at_most: q` those before it, so that the two divide a group. Documents with the value at the border are all kept.
    Documents without a value (null, not a number) do not count and are not kept.

    The score of a document is the share of its group, in percent, with a lower value.

    Examples
    --------
    >>> Percentile.from_options({"by": "quality", "at_least": 90}).limit
    'quality from its 90th percentile'
    >>> thresholds(np.array([5.0, 1.0, 4.0, 2.0, 3.0]), at_least=60, at_most=None)
    (4.0, inf)
    """

    name = "percentile"
    stages = TRAINING
    papers = (
        Paper(
            title="DataComp-LM: In search of the next generation of training sets for language models",
            authors="Li et al.",
            year=2024,
            url="https://arxiv.org/abs/2406.11794",
            section="4.4",
        ),
        Paper(
            title="CCNet: Extracting High Quality Monolingual Datasets from Web Crawl Data",
            authors="Wenzek, Lachaux, Conneau, Chaudhary, Guzmán, Joulin, Grave",
            year=2020,
            url="https://arxiv.org/abs/1911.00359",
            section="3.3",
        ),
    )
    cost = "About 48 bytes of memory per document, and a sort."
    limits = (
        "Shares are of documents, not of tokens: where long documents score higher, the highest tenth holds more than a "
        "tenth of the text. `sample` with a temperature of 0 takes a budget of tokens."
    )

    class Options(Acts):
        """Which signal, and between which percentiles."""

        action: Literal["drop", "mark"] = Field(
            "drop",
            description="`drop` keeps what lies between; `mark` keeps everything and adds the columns `percentile_selected` "
            "and `percentile_score`, the percentile of each document.",
        )
        by: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="The signal column.")
        at_least: float | None = Field(None, ge=0, le=100, description="The lowest percentile kept.")
        at_most: float | None = Field(None, ge=0, le=100, description="The highest percentile kept.")
        within: str | None = Field(
            None,
            pattern=r"^[a-z][a-z0-9_]*$",
            description="Percentiles are those of each group: `source`, or a signal column of labels such as `language`.",
        )
        min_group: int = Field(
            100,
            ge=1,
            description="A group with fewer documents is measured by the percentiles of the whole corpus.",
        )

        @model_validator(mode="after")
        def _has_bound(self) -> Any:
            if self.at_least is None and self.at_most is None:
                raise ValueError("give at_least, at_most or both, in percent")
            if self.at_least is not None and self.at_most is not None and self.at_least >= self.at_most:
                raise ValueError(
                    f"at_least is {self.at_least:g} and at_most {self.at_most:g}: nothing lies between"
                )
            return self

    options: Options

    @property
    def limit(self) -> str:
        options = self.options
        bounds = [
            f"{word} its {_ordinal(bound)} percentile"
            for word, bound in (("from", options.at_least), ("up to", options.at_most))
            if bound is not None
        ]
        within = f" within its {options.within}" if options.within else ""
        return f"{options.by} {' and '.join(bounds)}{within}"

    @property
    def signals(self) -> tuple[str, ...]:
        grouped = self.options.within
        return (self.options.by, *((grouped,) if grouped and grouped != "source" else ()))

    @property
    def sketch_schema(self) -> pa.Schema:
        return pa.schema([("score", pa.float64()), ("group", pa.large_string())])

    def sketch_documents(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        """Columns `score`, the signal, and `group`."""
        score = pc.cast(documents.column(self.options.by), pa.float64())
        if self.options.within is None:
            group = pa.nulls(documents.num_rows, pa.large_string())
        else:
            group = pc.cast(documents.column(self.options.within), pa.large_string())
        return pa.RecordBatch.from_arrays([score, group], schema=self.sketch_schema)

    def need(self, documents: int, text_bytes: int) -> Need:
        """Values, groups, and their order."""
        return Need(memory_bytes=48 * documents)

    def decide(self, view: View, resources: Resources) -> Clusters:
        """Which documents lie between the percentiles; a row for each document."""
        table = view.read(["doc", "score", "group"])
        values = pc.fill_null(table["score"], np.nan).to_numpy()
        bounds = (self.options.at_least, self.options.at_most)
        whole = thresholds(values, *bounds)
        kept = (values >= whole[0]) & (values <= whole[1])
        ranks = _ranks(values)
        rows = [("", values, kept, whole)] if self.options.within is None else []
        small = 0
        for name, places in _groups(table["group"]):
            own = values[places]
            limits = whole
            if int((~np.isnan(own)).sum()) >= self.options.min_group:
                limits = thresholds(own, *bounds)
                kept[places] = (own >= limits[0]) & (own <= limits[1])
                ranks[places] = _ranks(own)
            else:
                small += 1
            if self.options.within is not None:
                rows.append((name, own, kept[places], limits))
        members = pa.table({"doc": table["doc"], "kept": kept, "score": pa.array(ranks, from_pandas=True)})
        return Clusters(members=members, findings=(self._section(rows, small, values),))

    def _section(
        self,
        groups: list[tuple[str, Floats, npt.NDArray[np.bool_], tuple[float, float]]],
        small: int,
        values: Floats,
    ) -> Section:
        by, within = self.options.by, self.options.within
        groups.sort(key=lambda group: (-len(group[1]), group[0]))
        rows = tuple(
            (
                *((name or "unknown",) if within else ()),
                len(own),
                *(limit if math.isfinite(limit) else None for limit in limits),
                int(kept.sum()),
                float(kept.mean()) if len(kept) else 0.0,
            )
            for name, own, kept, limits in groups[:LISTED_GROUPS]
        )
        table = Table(
            columns=(*((within,) if within else ()), "documents", f"{by} from", "to", "selected", "share"),
            rows=rows,
            formats=(*(("text",) if within else ()), "count", "number", "number", "count", "bar"),
        )
        blocks: list[Block] = [table]
        missing = int(np.isnan(values).sum())
        if missing:
            blocks.append(Alarm(text=f"{write_count(missing)} documents have no {by}: none of them is kept."))
        lead = f"Documents with {self.limit}."
        if small:
            lead += (
                f" {write_count(small)} groups have fewer than {self.options.min_group} documents and are measured by the "
                "percentiles of the whole corpus."
            )
        return Section(title="Percentiles", key="selection", lead=lead, blocks=tuple(blocks))


def thresholds(values: Floats, at_least: float | None, at_most: float | None) -> tuple[float, float]:
    """The lowest and the highest value kept; (inf, -inf) where nothing is.

    Parameters
    ----------
    values
        NaN where there is none.
    at_least, at_most
        Percentiles, 0 to 100; None sets no bound.
    """
    ordered = np.sort(values[~np.isnan(values)])
    if not len(ordered):
        return math.inf, -math.inf
    low, high = -math.inf, math.inf
    if at_least is not None:
        place = _place(at_least, len(ordered))
        low = float(ordered[place]) if place < len(ordered) else math.inf
    if at_most is not None:
        place = _place(at_most, len(ordered))
        high = float(ordered[place - 1]) if place else -math.inf
    return low, high


def _place(percentile: float, documents: int) -> int:
    return math.floor(percentile * documents / 100 + 1e-9)


def _ranks(values: Floats) -> Floats:
    """Of each value, the share of all that is lower, in percent."""
    present = ~np.isnan(values)
    ordered = np.sort(values[present])
    ranks = np.full(len(values), np.nan)
    if len(ordered):
        ranks[present] = 100.0 * np.searchsorted(ordered, values[present], side="left") / len(ordered)
    return ranks


def _groups(column: pa.ChunkedArray) -> list[tuple[str, npt.NDArray[np.int64]]]:
    """The rows of each group, by its name."""
    encoded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = encoded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(len(encoded.dictionary) + 1))
    names = encoded.dictionary.to_pylist()
    return [(name, order[starts[code] : starts[code + 1]]) for code, name in enumerate(names)]


def _ordinal(percentile: float) -> str:
    """
    >>> _ordinal(90), _ordinal(1), _ordinal(33.3)
    ('90th', '1st', '33.3th')
    """
    text = f"{percentile:g}"
    if not text.isdecimal() or text[-2:] in ("11", "12", "13"):
        return f"{text}th"
    return text + {"1": "st", "2": "nd", "3": "rd"}.get(text[-1], "th")
