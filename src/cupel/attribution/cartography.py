"""Dataset cartography, from what a trial writes down of every visit to a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from cupel import charts
from cupel.contract import DOCUMENT_TABLE, Annotates, Attribution, Bench, Column, Finding, NamesFinding, Paper
from cupel.errors import BadInput
from cupel.findings import Alarm, Block, Figure, Section, Table
from cupel.lab.training.job import NEXT_TOKEN, TrainJob
from cupel.lab.training.order import VISIT
from cupel.lab.training.records import read_visit_likely, read_visit_losses
from cupel.lab.training.tokens import TokenStore
from cupel.units import write_count

__all__ = ["Cartography"]

POINTS = 3000
"""Documents drawn on the map at most."""
BANDS = (("learned (correctness above 2/3)", 2 / 3), ("in between", 1 / 3), ("not learned (below 1/3)", -1.0))

Floats = NDArray[np.float64]


class Cartography(Attribution, Annotates):
    """Dataset cartography: the documents that a trial learned, did not learn, or changed its mind about.

    Swayamdipta et al. (2020) follow the probability of an example's gold label over the epochs of training. For a
    document i of T tokens, visited E times by a trial, with p(t | …) as it was when a step trained on t:

        pᵢₑ = exp(1/T Σₜ ln p(t | …))
        confidence  = 1/E Σₑ pᵢₑ
        variability = √(1/E Σₑ (pᵢₑ − confidence)²)
        correctness = share of the E·T predictions with p > 1/2

    With a label of one token this is the paper's definition; for running text the probability is the geometric mean
    over its tokens. Documents of high variability are *ambiguous*, and teach most out of domain; those of low
    confidence are *hard to learn*: noise, other languages, wrong labels; high confidence and low variability are
    *easy to learn*: boilerplate, and what was seen before.

    ```
    cupel assay web=pool clean=refined --set tokens=8000000 -o assay
    cupel attribute cartography assay#web -o map
    cupel annotate map -i pool -o mapped
    ```

    Probabilities are those of training itself, so nothing is computed anew. Documents must have been visited twice
    or more: choose a token budget of several epochs. Trials of one arm (seeds) are taken together:
    confidence and correctness over all visits, variability around the mean of each trial.

    Examples
    --------
    >>> sorted(Cartography.columns)
    ['confidence', 'correctness', 'variability', 'visits']
    """

    name = "cartography"
    stages = ("pretraining", "task-specific fine-tuning")
    papers = (
        Paper(
            title="Dataset Cartography: Mapping and Diagnosing Datasets with Training Dynamics",
            authors="Swayamdipta, Schwartz, Lourie, Wang, Hajishirzi, Smith, Choi",
            year=2020,
            url="https://arxiv.org/abs/2009.10795",
            section="2.1",
        ),
    )
    cost = "Nothing beyond the trial: it reads 20 bytes per visit. Memory: about 100 bytes per visit."
    limits = (
        "Probabilities are per token, so text that falls into many short tokens looks more probable than it is: among "
        "news, shuffled words had low confidence (AUROC 0.92, interval 0.86 to 0.96), and random letters a high one (0.30), "
        "though the lowest correctness (0.996; 190 documents, 3.5 visits each). Look at both. A visit is measured before "
        "its own update; learning rates decay, so late visits differ little. p > 1/2 is a sufficient sign that a token was "
        "the likeliest one: correctness is a lower bound of accuracy. Long documents average over many tokens and vary less."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "confidence": Column(pa.float64(), "probability", "mean over visits of the geometric mean per token"),
        "variability": Column(pa.float64(), "probability", "standard deviation of it over visits"),
        "correctness": Column(pa.float64(), "fraction", "predictions with a probability above one half"),
        "visits": Column(pa.int64(), "visits", "how often trials saw the document"),
    }

    class Options(NamesFinding):
        """What is left out."""

        skip: int = Field(
            0,
            ge=0,
            description="First visits of every document that are left out: those of a warm-up, for instance.",
        )

    options: Options

    def attribute(self, trials: Sequence[Path], bench: Bench) -> Finding:
        """The map of the documents that these trials of one arm were trained on."""
        jobs = [TrainJob.read(folder / "job.json") for folder in trials]
        if len({job.tokens for job in jobs}) > 1:
            raise BadInput(
                f"{self.name}: the trials were not trained on the same documents; name those of one arm (ASSAY#ARM)"
            )
        for job in jobs:
            if job.objective.name != NEXT_TOKEN.name or job.objective.options.get("z_loss"):
                raise BadInput(
                    f"{self.name}: '{job.name}' minimized {job.objective.name} with {job.objective.options}, whose losses "
                    "are not -ln p of the tokens; expected trials of the objective next-token without z_loss"
                )
        store = TokenStore(Path(jobs[0].tokens))
        visits = [
            _visits(folder, store, job.end_of_text, self.options.skip)
            for folder, job in zip(trials, jobs, strict=True)
        ]
        table = _by_document(visits, store, jobs[0].end_of_text)
        counts = table["visits"].to_numpy()
        if table["variability"].null_count == table.num_rows:
            raise BadInput(
                f"{self.name}: no trial visited a document twice ({store.folder}); train for more tokens or on fewer "
                "documents, so that there are several epochs"
            )
        return Finding(
            tables={DOCUMENT_TABLE: table},
            sections=(_map_section(table), _extremes_section(table), *_alarms(visits, table)),
            facts=(
                ("documents", write_count(table.num_rows)),
                ("trials", write_count(len(trials))),
                ("mean confidence", f"{np.mean(table['confidence'].to_numpy()):.3f}"),
                ("mean visits", f"{np.mean(counts):.1f}"),
            ),
            about={"documents": table.num_rows, "trials": len(trials), "visits": int(counts.sum())},
        )


@dataclass(frozen=True)
class _Visits:
    """All visits of one trial to whole documents: which document, and per visit the probability, the likely tokens
    (None where they were not written down) and the tokens."""

    document: NDArray[np.int64]
    probability: Floats
    likely: Floats | None
    tokens: Floats


def _visits(folder: Path, store: TokenStore, end_of_text: int, skip: int) -> _Visits:
    """The visits of a trial; the pieces of a long document are put together, first with first, second with second."""
    order = np.memmap(folder / "visits.bin", VISIT, "r")
    rows = read_visit_losses(folder)
    likely = read_visit_likely(folder)
    seen = int(rows["visit"].max()) + 1 if len(rows) else 0
    visit = rows["visit"].astype(np.int64)
    tokens = np.bincount(visit, rows["tokens"], seen)
    piece = order["document"][:seen].astype(np.int64)
    turn = _turns(piece)
    owner = store.owners(end_of_text)[piece]
    keep = (tokens > 0) & (turn >= skip)
    # One number for document and turn, so that pieces of one visit fall together.
    unit = owner[keep] * (int(turn.max(initial=0)) + 1) + turn[keep]
    _, first, place = np.unique(unit, return_index=True, return_inverse=True)

    def total(per_row: NDArray[np.generic]) -> Floats:
        by_visit = np.bincount(visit, per_row.astype(np.float64), seen)
        return np.bincount(place, by_visit[keep], len(first)).astype(np.float64)

    targets = total(rows["tokens"])
    return _Visits(
        owner[keep][first],
        np.exp(-total(rows["loss"]) / targets),
        None if likely is None else total(likely),
        targets,
    )


def _turns(pieces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of each visit how many visits to the same piece came before it.

    >>> _turns(np.array([3, 1, 3, 3, 1])).tolist()
    [0, 0, 1, 2, 1]
    """
    order = np.argsort(pieces, kind="stable")
    ordered = pieces[order]
    begins = (
        np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(pieces) else np.empty(0, np.int64)
    )
    lengths = np.diff(np.append(begins, len(pieces)))
    turns = np.empty(len(pieces), np.int64)
    turns[order] = np.arange(len(pieces)) - np.repeat(begins, lengths)
    return turns


def _by_document(visits: Sequence[_Visits], store: TokenStore, end_of_text: int) -> pa.Table:
    """One row per id, in the order of the documents; what several documents of one id say is taken together."""
    document = np.concatenate([trial_visits.document for trial_visits in visits])
    trial = np.repeat(np.arange(len(visits)), [len(trial_visits.document) for trial_visits in visits])
    probability = np.concatenate([trial_visits.probability for trial_visits in visits])
    tokens = np.concatenate([trial_visits.tokens for trial_visits in visits])
    owners = store.owners(end_of_text)
    first_piece = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]]) if len(owners) else owners
    met = np.unique(document)
    ids: dict[str, int] = {}
    row_of = np.full(len(first_piece), -1, np.int64)
    for number in met.tolist():
        row_of[number] = ids.setdefault(store.id(int(first_piece[number])), len(ids))
    row, count = row_of[document], len(ids)
    number = np.bincount(row, minlength=count)
    mean = np.bincount(row, probability, count) / number
    # Trials differ by their seeds as well: a document varies around its mean in each of them.
    own = row * len(visits) + trial
    own_number = np.bincount(own, minlength=count * len(visits))
    own_mean = np.bincount(own, probability, count * len(visits)) / np.maximum(own_number, 1)
    spread = np.sqrt(np.bincount(row, (probability - own_mean[own]) ** 2, count) / number)
    once = own_number.reshape(count, len(visits)).max(axis=1, initial=0) < 2
    correct: pa.Array = pa.nulls(count, pa.float64())
    if all(trial_visits.likely is not None for trial_visits in visits):
        likely = np.concatenate(
            [trial_visits.likely for trial_visits in visits if trial_visits.likely is not None]
        )
        correct = pa.array(np.bincount(row, likely, count) / np.bincount(row, tokens, count))
    return pa.table(
        {
            "id": pa.array(list(ids), pa.large_string()),
            "confidence": pa.array(mean),
            "variability": pa.array(spread, mask=once),
            "correctness": correct,
            "visits": pa.array(number.astype(np.int64)),
        }
    )


def _map_section(table: pa.Table) -> Section:
    """The data map: confidence over variability, as figure 1 of the paper."""
    mapped = table.filter(pc.is_valid(table["variability"]))
    rows = np.unique(np.linspace(0, mapped.num_rows - 1, min(POINTS, mapped.num_rows)).astype(int))
    groups: dict[str, list[tuple[float, float]]] = {}
    if mapped["correctness"].null_count == mapped.num_rows:
        groups["documents"] = []
    else:
        groups = {name: [] for name, _ in BANDS}
    for row in mapped.take(pa.array(rows)).to_pylist():
        share = row["correctness"]
        name = "documents" if share is None else next(name for name, low in BANDS if share > low)
        groups[name].append((row["variability"], row["confidence"]))
    figure = Figure(
        spec=charts.scatter(
            {name: points for name, points in groups.items() if points},
            title="Documents",
            x_title="variability",
            y_title="confidence",
        ),
        caption=f"{len(rows):,} of {mapped.num_rows:,} documents that were visited twice or more.",
    )
    lead = "Ambiguous documents lie on the right, easy ones at the top left, hard ones at the bottom left."
    return Section(title="Data map", key="map", lead=lead, blocks=(figure,))


def _extremes_section(table: pa.Table) -> Section:
    """The documents at the corners of the map."""
    blocks: list[Block] = []
    for caption, column, direction in (
        ("Hardest to learn", "confidence", "ascending"),
        ("Most ambiguous", "variability", "descending"),
        ("Easiest to learn", "confidence", "descending"),
    ):
        order = pc.sort_indices(table, [(column, direction)])
        rows = tuple(tuple(row.values()) for row in table.take(order[:10]).to_pylist())
        blocks.append(
            Table(
                columns=tuple(table.column_names),
                rows=rows,
                formats=("text", "number", "number", "percent", "count"),
                caption=caption,
            )
        )
    return Section(title="Corners of the map", key="corners", blocks=tuple(blocks))


def _alarms(visits: Sequence[_Visits], table: pa.Table) -> tuple[Section, ...]:
    said: list[Block] = []
    once = table["variability"].null_count / table.num_rows
    if once > 0:
        said.append(Alarm(text=f"{once:.1%} of the documents were visited once: they have no variability."))
    if any(trial_visits.likely is None for trial_visits in visits):
        said.append(
            Alarm(
                text="A trial was trained by a version of Cupel that did not write down how many tokens were likely, so "
                "there is no correctness; delete its folder to train it again."
            )
        )
    return (Section(title="Limits of this map", key="limits", blocks=tuple(said)),) if said else ()
