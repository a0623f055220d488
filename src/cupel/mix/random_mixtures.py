"""A sweep of random mixtures: fit the loss, predict the best mixture, train it, and say whether it is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from cupel.contract import Argument, Bench, Finding, Method, Paper, Study
from cupel.errors import BadInput, BadOption
from cupel.lab.assay import evaluation_on, scale_floors
from cupel.lab.data.arms import Arm, ArmPart
from cupel.lab.data.documents import read_documents, without
from cupel.lab.data.overlap import find_overlap
from cupel.lab.data.survey import Survey, held_out_table, read_held_out, survey
from cupel.lab.evaluations.evaluation import Evaluation
from cupel.lab.lab import Lab, TrialPlan, cached_tokenizer
from cupel.lab.scale import Scale
from cupel.lab.trials import Trial, by_arm, machine
from cupel.mix.pages import BEST, NATURAL, UNIFORM, sweep_finding
from cupel.mix.regression import FEWEST, best_mixture, draw_mixtures, fit_mixtures
from cupel.store import seeded_rank
from cupel.verdict.measures import Measure
from cupel.verdict.verdict import Verdict, compare

__all__ = ["RandomMixtures"]

Floats = NDArray[np.float64]


class RandomMixtures(Study):
    """A sweep of random mixtures: which shares of several pools give the lowest loss.

    After RegMix (Liu et al. 2024), in four rounds:

    1. Mixtures are drawn at random around the natural one (shares by bytes), from a Dirichlet distribution.
    2. A small trial is trained on each, with one seed, and scored on held-out text of every domain.
    3. The bits per byte of each domain are fitted as a ridge regression on shares and their logarithms:
       Lₖ(r) = cₖ + Σⱼ aⱼₖ rⱼ + Σⱼ bⱼₖ ln(rⱼ + 0.02). The fit is checked by leaving out one mixture after the other.
    4. Of 100,000 random mixtures, the mean of the hundred with the lowest predicted mean loss is trained with
       several seeds, as are the natural mixture and the uniform one. A verdict compares them, on held-out text that
       the fit has not seen.

    ```
    cupel study random-mixtures web=crawl books=gutenberg code=stack --scale nano -o mixtures
    ```

    Trials are kept in the Store: an interrupted study resumes.
    """

    name = "random-mixtures"
    utility = "mixing"
    mechanism = "mix"
    stages = ("pretraining",)
    papers = (
        Paper(
            title="RegMix: Data Mixture as Regression for Language Model Pre-training",
            authors="Liu, Zheng, Muennighoff, Zeng, Dou, Pang, Jiang, Lin",
            year=2024,
            url="https://arxiv.org/abs/2407.01492",
            section="3",
        ),
    )
    cost = (
        "`mixtures` trials of `search_tokens`, and 3 × `seeds` trials of the scale's tokens; each mixture's tokens are "
        "packed anew, which reads the pools once per mixture."
    )
    limits = (
        "The best mixture is best for the mean over the held-out domains: name held-out text that stands for what the "
        "model is for. What is best at a small scale need not be at a large one. A small pool with a large share is "
        "repeated: look at the epochs."
    )
    argument = Argument("POOL", "Two or more pools to mix: PATH, or NAME=PATH.", "pools", at_least=2)
    pools = ("held_out",)
    files = ("scale",)

    class Options(Method.Options):
        """How many mixtures, how far from the natural one, and at which scale."""

        scale: str = Field("nano", description="A built-in scale or a YAML file.")
        mixtures: int = Field(
            16, ge=FEWEST, description="Random mixtures to train; four for each pool is a good beginning."
        )
        concentration: float = Field(
            1.0,
            gt=0,
            description="How close mixtures stay to the natural one: 1 spreads them wide, 10 hardly.",
        )
        search_tokens: int | None = Field(
            None, ge=1, description="Tokens of the trials of random mixtures; by default the scale's."
        )
        seeds: int = Field(3, ge=1, description="Trials of the best, the natural and the uniform mixture.")
        held_out: tuple[str, ...] = Field(
            (),
            description="Text to score on, by its field `domain`; by default some is held out of every pool.",
        )
        seed: int = Field(0, ge=0, lt=1 << 62, description="Of the mixtures drawn.")

    options: Options

    def study(self, pools: Mapping[str, str], bench: Bench) -> Finding:
        """Which mixture of these pools is best, and whether it is better than the natural and the uniform one."""
        options = self.options
        scale = Scale.load(options.scale)
        if scale.base is not None or scale.chats != "text":
            raise BadOption(
                f"{self.name}: the scale '{options.scale}' tunes a base trial, or reads chats; mixtures are trained from "
                "the beginning on plain text: choose another scale"
            )
        bench.progress.note(f"read {', '.join(pools)}")
        surveys = _survey(pools, scale, held_out=not options.held_out)
        sample = [text for pool_survey in surveys.values() for text in pool_survey.sample]
        tokenizer = cached_tokenizer(sample, scale.tokenizer.vocabulary, bench.store)
        lab = Lab(scale, tokenizer, bench.store, machine(bench.device, bench.workers))
        held_out, left_out = _held_out(options.held_out, pools, surveys, scale)
        search, proof = _halves(held_out)
        sizes = np.array([pool_survey.bytes for pool_survey in surveys.values()], np.float64)
        natural, rng = sizes / sizes.sum(), np.random.default_rng(options.seed)
        mixtures = draw_mixtures(natural, options.mixtures, options.concentration, rng)

        bench.progress.note(f"train {len(mixtures)} random mixtures")
        changes = {} if options.search_tokens is None else {"tokens": options.search_tokens}
        plans = [
            _plan(lab, pools, shares, f"mixture {number}", 0, left_out, changes)
            for number, shares in enumerate(mixtures, 1)
        ]
        evaluation = evaluation_on(search, scale)
        trials = lab.train(plans, bench.progress)
        scored = [lab.score(trial, [evaluation]) for trial in trials]
        domains = [measure.subset for measure in scored[0]]
        losses = np.array([[measure.value for measure in measures] for measures in scored])
        fit = fit_mixtures(mixtures, losses)
        best, predicted = best_mixture(fit, natural, options.concentration, rng)

        arms = {NATURAL: natural, BEST: best, UNIFORM: np.full(len(natural), 1 / len(natural))}
        bench.progress.note(f"train the {', the '.join(arms)} mixture with {options.seeds} seeds")
        plans = [
            _plan(lab, pools, shares, name, seed, left_out, {})
            for seed in range(options.seeds)
            for name, shares in arms.items()
        ]
        proven = by_arm(lab.train(plans, bench.progress))
        verdict = _verdict(lab, proven, evaluation_on(proof, scale))
        return sweep_finding(
            list(pools), mixtures, domains, losses, fit, arms, predicted, verdict, proven, surveys
        )


def _survey(pools: Mapping[str, str], scale: Scale, *, held_out: bool) -> dict[str, Survey]:
    """A look at each pool; twice as much is held out as the scale looks at, half to fit and half to prove."""
    return {
        name: survey(
            Arm(name, (ArmPart(path),)),
            sample_bytes=scale.tokenizer.sample_bytes // len(pools),
            held_out_bytes=2 * scale.evaluation.held_out_bytes // len(pools) if held_out else 0,
            seed=0,
        )
        for name, path in pools.items()
    }


def _held_out(
    paths: Sequence[str], pools: Mapping[str, str], surveys: Mapping[str, Survey], scale: Scale
) -> tuple[pa.Table, frozenset[str]]:
    """Held-out text that no pool holds, and the ids that are not trained on."""
    left_out: frozenset[str] = frozenset()
    if paths:
        documents = read_held_out(paths, 4 * scale.evaluation.held_out_bytes)
    else:
        drawn = [
            document._replace(domain=name) for name, pool in surveys.items() for document in pool.held_out
        ]
        if not drawn:
            raise BadInput(
                "random-mixtures: the pools are too small to hold text out of them; name some as 'held_out'"
            )
        documents = held_out_table(drawn)
        left_out = frozenset(document.id for document in drawn)
    batches = {name: without(read_documents(path), left_out) for name, path in pools.items()}
    kept = find_overlap(documents, batches).kept
    if kept.num_rows < 2:
        raise BadInput("random-mixtures: all held-out text stands in the pools: nothing is left to score")
    return kept, left_out


def _halves(documents: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Of each domain every second document, in an order that a hash of the text decides."""
    ranks = [seeded_rank(text, 0) for text in documents["text"].to_pylist()]
    turns: dict[str, int] = {}
    search: list[int] = []
    proof: list[int] = []
    domains = documents["domain"].to_pylist()
    for place in sorted(range(len(ranks)), key=ranks.__getitem__):
        turn = turns.get(domains[place], 0)
        turns[domains[place]] = turn + 1
        (proof if turn % 2 else search).append(place)
    single = [name for name, count in turns.items() if count < 2]
    if single:
        raise BadInput(
            f"random-mixtures: domain '{single[0]}' has one held-out document; expected two or more, to fit and to prove"
        )
    return documents.take(pa.array(sorted(search))), documents.take(pa.array(sorted(proof)))


def _plan(
    lab: Lab,
    pools: Mapping[str, str],
    shares: Floats,
    name: str,
    seed: int,
    left_out: frozenset[str],
    changes: Mapping[str, Any],
) -> TrialPlan:
    parts = tuple(
        ArmPart(path, share=float(share)) for path, share in zip(pools.values(), shares, strict=True)
    )
    return TrialPlan(name, lab.tokens(Arm(name, parts), name, without_ids=left_out), seed, changes)


def _verdict(lab: Lab, trials: Mapping[str, Mapping[int, Trial]], evaluation: Evaluation) -> Verdict:
    measures: dict[str, dict[int, tuple[Measure, ...]]] = {
        name: {seed: lab.score(trial, [evaluation]) for seed, trial in by_seed.items()}
        for name, by_seed in trials.items()
    }
    # The best mixture is what the others are compared with.
    return compare(measures, BEST, scale_floors(lab.scale, measures[BEST]))
