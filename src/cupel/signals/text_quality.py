"""Line heuristics, each weighted by how much it lowers perplexity."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from cupel.contract import Column, Documents, Fitted, Learned, Learns, Measure, Paper, Resources, Signal
from cupel.contract.draws import sample, uniform
from cupel.corpus import Corpus
from cupel.errors import BadInput
from cupel.findings import Alarm, Block, Facts, Section, Table
from cupel.models.load import load_model
from cupel.models.model import LogProbs
from cupel.models.ngram import Ngram
from cupel.models.reference import check_reference
from cupel.signals._columns import count, real
from cupel.signals.line_heuristics import HEURISTICS, Bools, Heuristic, passes
from cupel.signals.text_lines import TextLines, cut
from cupel.units import write_count

__all__ = ["TextQuality", "line_scores"]

FILE = "weights.json"
FEWEST_LINES = 100
"""Lines below which perplexities say nothing."""


class TextQuality(Fitted, Signal):
    """Share of line heuristics that a text passes, weighted by what each does to perplexity.

    Heuristics for web text are many, and how much each counts is a guess. Sharma et al. (2024) weigh each by the
    perplexity of the lines that pass it: a filter whose lines are easier to predict than all lines removes noise. They
    keep the documents of the highest scores: 60 % of OpenWebText train models as well as all of it or better (+0.9 % over
    14 tasks, 42 % faster).

        wᵢ = max(0, (PPL_all − PPLᵢ) / PPL_all)
        score(line) = Σ wᵢ · passes(i, line) / Σ wᵢ
        score(document) = Σ words(line) · score(line) / Σ words(line)

    PPLᵢ is the perplexity of all lines that pass filter *i*. The filters are those of the paper's table that need no
    parser: the first letter is a capital; not all letters are; at most 20 % of the words repeat others; at most a
    quarter as many numbers and marks as words; no `{`; a mark at the end (`. ! ? "`); two of eight stop words; neither
    `javascript` nor `lorem ipsum`; more than three tokens; more than 3 and fewer than 256 words; a determiner.

    Perplexity is that of an n-gram model that is trained on `reference`, files of clean text, or else on one half of
    the lines for the other; or that of any `model` that gives log-probabilities.

    ```
    cupel fit text-quality crawl/ --reference wikipedia.jsonl --output quality
    ```

    Examples
    --------
    >>> lines = cut(pa.array(["The café is open to all who come.\\n{ MENU }"]))
    >>> passes(lines)["no_braces"].tolist(), passes(lines)["determiner"].tolist()
    ([True, False], [True, False])
    """

    name = "text-quality"
    learns = "weights"
    papers = (
        Paper(
            title="Text Quality-Based Pruning for Efficient Training of Language Models",
            authors="Sharma et al.",
            year=2024,
            url="https://arxiv.org/abs/2405.01582",
            section="2, and the table of heuristics in the appendix",
        ),
    )
    cost = "About 7 MB/s per core to measure."
    limits = (
        "Made for English. Without `reference`, lines that stand on every page are easy to predict, so that boilerplate "
        "raises the perplexity of what is no boilerplate: name clean text. The paper's filters that need a parser (has a "
        "noun, has an object, has an edge from an object) are left out."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "text_quality": real("share", "weighted share of heuristics that its lines pass, by words"),
        "text_quality_lines": count("lines", "lines that were scored: those with more than white space"),
    }
    files = ("artifact", "reference")

    class Options(Learns):
        """What perplexity is measured by, and which heuristics count."""

        reference: tuple[str, ...] = Field(
            (), description="Files of clean text that the n-gram model is trained on."
        )
        model: str | None = Field(
            None,
            description="A model that gives log-probabilities, in place of an n-gram model that is trained.",
        )
        order: int = Field(3, ge=2, le=8, description="Words in the longest n-gram.")
        sample: int = Field(
            20_000, ge=1, description="Documents whose lines are measured, at most; drawn by their ids."
        )
        heuristics: tuple[Heuristic, ...] = Field(
            HEURISTICS, min_length=1, description="Which heuristics are weighed."
        )
        seed: int = Field(
            0, ge=0, lt=1 << 62, description="Draws the sample, and divides it if there is no reference."
        )

    options: Options

    @classmethod
    def from_options(cls, options: Mapping[str, Any], where: str = "") -> TextQuality:
        """The signal with these options. A model is checked as far as possible without loading it."""
        method = super().from_options(options, where)
        if method.options.model is not None:
            check_reference(method.options.model, "log_probs", f"{where}{': ' if where else ''}{cls.name}")
        return method

    def paths(self) -> Iterator[str]:
        """The artifact and the files of clean text."""
        yield from filter(None, [self.options.artifact, *self.options.reference])

    def fit(self, documents: Documents, folder: Path, resources: Resources) -> Learned:
        """Weigh the heuristics."""
        options = self.options
        lines, half = self._sample(documents)
        if len(lines) < FEWEST_LINES:
            raise BadInput(
                f"{self.name}: there are {len(lines)} lines to learn from; expected {FEWEST_LINES} or more"
            )
        scored = self._log_probs(lines.texts(), half[lines.owners], resources.threads)
        counted = (scored.tokens > 0) & np.isfinite(scored.nats)
        passed = {name: mask & counted for name, mask in passes(lines).items() if name in options.heuristics}
        whole = _perplexity(scored, counted)
        rows: list[tuple[str, float, float | None, float]] = []
        weights: dict[str, float] = {}
        for name in options.heuristics:
            own = _perplexity(scored, passed[name])
            weights[name] = round(max(0.0, (whole - own) / whole), 6)
            share = float(passed[name].sum() / max(1, counted.sum()))
            rows.append((name, share, own if np.isfinite(own) else None, weights[name]))
        (folder / FILE).write_text(json.dumps(weights, sort_keys=True) + "\n", "utf-8")
        return _report(rows, whole, int(counted.sum()), weights)

    def prepare(self, resources: Resources) -> Measure:
        """A function that scores with the learned weights."""
        weights = _read(self.learned(resources) / FILE)

        def measure(documents: pa.RecordBatch) -> pa.RecordBatch:
            lines = cut(documents.column("text"))
            words = lines.count(lines.word_begins)
            score = line_scores(lines, weights) * words
            filled = np.diff(lines.documents) > 0
            begins = lines.documents[:-1][filled]
            values = np.full(len(filled), np.nan)
            if len(begins):
                values[filled] = np.add.reduceat(score, begins) / np.add.reduceat(words, begins)
            return pa.record_batch(
                [pa.array(values, from_pandas=True), pa.array(np.diff(lines.documents), pa.int64())],
                names=list(self.columns),
            )

        return measure

    def _sample(self, documents: Documents) -> tuple[TextLines, Bools]:
        """The lines of a sample of documents, and on which half each of these documents stands."""
        batches = (batch.select(["id", "text"]) for batch in documents)
        drawn = sample(batches, self.options.sample, self.options.seed)
        if not drawn.num_rows:
            return cut(pa.array([], pa.large_string())), np.zeros(0, np.bool_)
        half = uniform(drawn["id"].combine_chunks(), self.options.seed + 1) < 0.5
        return cut(drawn["text"].combine_chunks()), np.asarray(half)

    def _log_probs(self, texts: pa.Array, half: Bools, threads: int) -> LogProbs:
        options = self.options
        if options.model is not None:
            return load_model(options.model, "log_probs").log_probs(texts)
        if options.reference:
            batches = Corpus.read(options.reference).batches()
            model = Ngram.fit((batch.column("text") for batch in batches), options.order, threads)
            return model.log_probs(texts, threads=threads)
        nats, tokens, sizes = (
            np.zeros(len(texts)),
            np.zeros(len(texts), np.int64),
            np.zeros(len(texts), np.int64),
        )
        for side in (True, False):
            other = Ngram.fit([texts.filter(pa.array(half != side))], options.order, threads)
            own = other.log_probs(texts.filter(pa.array(half == side)), threads=threads)
            nats[half == side], tokens[half == side], sizes[half == side] = own.nats, own.tokens, own.bytes
        return LogProbs(nats, tokens, sizes)


def line_scores(lines: TextLines, weights: Mapping[str, float]) -> npt.NDArray[np.float64]:
    """The weighted share of heuristics that each line passes, 0 to 1."""
    passed = passes(lines)
    total = sum(weights.values())
    score = np.zeros(len(lines))
    for name, mask in passed.items():
        score += weights.get(name, 0.0) * mask
    return score / total


def _perplexity(scored: LogProbs, chosen: Bools) -> float:
    """exp(−Σ ln p / Σ tokens) over the chosen lines; infinite where there are none."""
    tokens = int(scored.tokens[chosen].sum())
    return float(np.exp(-scored.nats[chosen].sum() / tokens)) if tokens else float("inf")


def _read(file: Path) -> dict[str, float]:
    """The learned weights; where all are 0, every heuristic counts the same."""
    try:
        weights = {str(name): float(weight) for name, weight in json.loads(file.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(f"{file}: {error}; fit text-quality again") from None
    return weights if sum(weights.values()) else dict.fromkeys(weights, 1.0)


def _report(
    rows: list[tuple[str, float, float | None, float]], whole: float, lines: int, weights: Mapping[str, float]
) -> Learned:
    facts = (("lines", write_count(lines)), ("perplexity of all lines", f"{whole:.0f}"))
    table = Table(
        columns=("heuristic", "lines that pass", "their perplexity", "weight"),
        rows=tuple(sorted(rows, key=lambda row: -row[3])),
        formats=("text", "percent", "number", "number"),
    )
    blocks: list[Block] = [Facts(facts=facts), table]
    if not sum(weights.values()):
        blocks.append(
            Alarm(
                text="No heuristic lowers perplexity, so that all count the same: name clean text as 'reference', or "
                "another 'model'."
            )
        )
    section = Section(
        title="Weights",
        key="fitted",
        lead="A heuristic counts by how much lower the perplexity of the lines that pass it is than that of all lines.",
        blocks=tuple(blocks),
    )
    about = {
        "lines": lines,
        "perplexity": round(whole, 3),
        "weights": dict(weights),
        "passing": {name: round(share, 6) for name, share, _, _ in rows},
    }
    return Learned(about, (section,))
