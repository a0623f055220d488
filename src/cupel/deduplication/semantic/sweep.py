"""Report blocks of the semantic methods: the sweep over ε, similarities, cells."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cupel import charts
from cupel.contract import View
from cupel.deduplication.clusters.report import ids_of, openings
from cupel.findings import Block, Figure, Table
from cupel.vectors.kmeans import Cells
from cupel.vectors.mapped import Vectors
from cupel.vectors.nearest import Before

__all__ = ["cell_table", "similarity_figure", "sweep", "sweep_blocks"]

SHOWN_EPSILONS = (0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
CURVE = tuple(step / 200 for step in range(1, 101))
BINS = np.linspace(0, 1, 51)
SHOWN_CELLS = 10


def sweep(similarity: npt.NDArray[np.float64], epsilons: tuple[float, ...]) -> list[int]:
    """How many documents each ε removes: those more similar than 1 − ε to an earlier document.

    >>> sweep(np.array([0.0, 0.95, 0.8]), (0.04, 0.1, 0.3))
    [0, 1, 2]
    """
    ordered = np.sort(similarity)
    places = np.searchsorted(ordered, [1 - epsilon for epsilon in epsilons], side="right")
    return [int(len(ordered) - place) for place in places]


def sweep_blocks(before: Before, total: int, epsilon: float | None) -> list[Block]:
    """The share of documents removed over ε, as a curve and a table."""
    removed = sweep(before.similarity, CURVE)
    spec = charts.line(
        CURVE,
        [count / max(total, 1) for count in removed],
        title="What each ε would remove",
        x_title="ε",
        y_title="share of documents removed",
        thresholds=[] if epsilon is None else [(epsilon, f"ε = {epsilon:.4g}")],
    )
    counts = sweep(before.similarity, SHOWN_EPSILONS)
    table = Table(
        columns=("ε", "similarity above", "removed", "share"),
        rows=tuple(
            (f"{e:g}", f"{1 - e:g}", count, count / max(total, 1))
            for e, count in zip(SHOWN_EPSILONS, counts, strict=True)
        ),
        formats=("text", "text", "count", "percent"),
        caption="One computation gives all of them: the score of a document is its similarity to the nearest "
        "one before it, and an ε removes those with a score above 1 − ε.",
    )
    return [Figure(spec=spec, caption="Dashed: the ε of this run."), table]


def similarity_figure(
    similarity: npt.NDArray[np.floating], dropped: npt.NDArray[np.bool_], limit: float, title: str
) -> Figure:
    """The distribution of similarities, and the limit above which documents are removed."""
    inside = np.clip(similarity, 0, 1)
    spec = charts.histogram(
        BINS.tolist(),
        np.histogram(inside[~dropped], BINS)[0].tolist(),
        np.histogram(inside[dropped], BINS)[0].tolist(),
        title=title,
        thresholds=[(limit, f"{limit:.4g}")] if np.isfinite(limit) else [],
    )
    return Figure(spec=spec)


def cell_table(vectors: Vectors, cells: Cells, dropped: npt.NDArray[np.bool_], view: View) -> Table:
    """The largest cells of k-means, with the document nearest to the centroid of each."""
    largest = np.argsort(-cells.sizes, kind="stable")[:SHOWN_CELLS]
    rows = []
    for cell in largest[cells.sizes[largest] > 0].tolist():
        inside = cells.order[cells.starts[cell] : cells.starts[cell + 1]]
        center = int(vectors.docs[inside[np.argmax(cells.similarity[inside])]])
        rows.append((len(inside), int(dropped[inside].sum()), center))
    centers = [row[2] for row in rows]
    texts, ids = openings(sorted(centers), view), ids_of(centers, view)
    return Table(
        columns=("documents", "dropped", "id of the most prototypical", "begins"),
        rows=tuple(
            (n, removed, ids[doc], " ".join(texts.get(doc, "").split())[:160]) for n, removed, doc in rows
        ),
        formats=("count", "count", "text", "text"),
        caption="The largest clusters of k-means.",
    )
