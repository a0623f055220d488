"""An assay as a page, and as a summary of a few lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from cupel.findings import Alarm, Block, Facts, Figure, Page, Prose, Sample, Samples, Section, Table
from cupel.lab.basis import Basis, basis_facts, basis_section
from cupel.lab.curves import Curve, curve_figure
from cupel.units import write_count, write_seconds
from cupel.verdict.comparison import Decision
from cupel.verdict.tables import (
    chance_table,
    domains_table,
    floor_table,
    forest_figures,
    verdict_table,
)
from cupel.verdict.verdict import Verdict
from cupel.verdict.words import difference_text, interval_text, measure_text

__all__ = ["ArmFacts", "AssayReport", "Cost", "Continuation", "assay_page", "summary_page"]


@dataclass(frozen=True)
class Cost:
    """What the trials of one arm took.

    Attributes
    ----------
    trials, cached
        How many there are, and how many of them were there already.
    tokens, flops, seconds
        Of all of them, those that were there already included.
    money
        At the price that the assay states; None without one.
    """

    arm: str
    trials: int
    cached: int
    tokens: int
    flops: float
    seconds: float
    money: float | None = None


@dataclass(frozen=True)
class ArmFacts:
    """The data of one arm.

    Attributes
    ----------
    source
        Where they come from, as the user gave it.
    documents, tokens
        How many there are.
    epochs
        How often each is seen within the scale's budget; below one, only a part is.
    overlap
        Held-out items that overlap with them and were removed for all arms.
    """

    arm: str
    source: str
    documents: int
    tokens: int
    epochs: float
    overlap: int = 0


@dataclass(frozen=True)
class Continuation:
    """What an arm's model writes after a prompt."""

    prompt: str
    arm: str
    text: str


@dataclass(frozen=True)
class AssayReport:
    """Everything an assay has to show.

    Attributes
    ----------
    title, subtitle, footer
        Of the page.
    basis
        What the verdict rests on.
    price
        What money is reckoned at: `0.05 USD a core and hour`.
    notes
        What a reader must know besides; one paragraph each.
    more
        Further sections, such as the calibration.
    """

    verdict: Verdict
    title: str = "Assay"
    subtitle: str = ""
    footer: str = ""
    basis: Basis | None = None
    curves: Sequence[Curve] = ()
    held_out_curves: Sequence[Curve] = ()
    costs: Sequence[Cost] = ()
    data: Sequence[ArmFacts] = ()
    generations: Sequence[Continuation] = ()
    price: str = ""
    notes: Sequence[str] = ()
    more: Sequence[Section] = ()


def assay_page(assay: AssayReport) -> Page:
    """The whole report: verdict, differences, curves, domains, generations, data, cost, noise."""
    sections = [
        _verdict(assay.verdict),
        *([basis_section(assay.basis)] if assay.basis is not None else ()),
        _differences(assay.verdict),
        _held_out_curves(assay.held_out_curves, assay.verdict),
        _domains(assay.verdict),
        _curves(assay.curves),
        _chance(assay.verdict),
        _generations(assay.generations),
        _data(assay.data),
        _cost(assay.costs, assay.price),
        _floor(assay.verdict),
        *assay.more,
        Section(title="Notes", blocks=tuple(Prose(text=note) for note in assay.notes)),
    ]
    return Page(
        title=assay.title,
        subtitle=assay.subtitle,
        facts=_facts(assay),
        sections=tuple(section for section in sections if section.blocks),
        footer=assay.footer,
    )


def summary_page(assay: AssayReport) -> Page:
    """What the terminal says: alarms, the verdict of each arm, its measures, what it rests on, and what to do next."""
    verdict = assay.verdict
    rows: list[tuple[str, ...]] = []
    for arm in verdict.arms:
        for metric in dict.fromkeys(comparison.metric for comparison in verdict.of(arm)):
            comparison = next(comparison for comparison in verdict.of(arm) if comparison.metric == metric)
            name = measure_text(comparison)
            rows.append(
                (
                    name if len(verdict.arms) == 1 else f"{arm}: {name}",
                    comparison.verdict,
                    difference_text(comparison),
                    interval_text(comparison),
                )
            )
    table = Table(
        columns=("measure", "verdict", "difference", "95 % interval"), rows=tuple(rows), formats=("text",) * 4
    )
    alarms = [*(assay.basis.alarms if assay.basis is not None else ()), *_verdict_alarms(verdict)]
    sentences = []
    for arm in verdict.arms:
        sentences.append(("verdict", verdict.sentence(arm)))
        sentences += _domain_facts(verdict, arm)
    facts: list[tuple[str, str]] = []
    if assay.basis is not None:
        facts += basis_facts(assay.basis)
    if assay.costs:
        facts.append(("cost", _cost_text(assay)))
    facts.append(("next", _next(assay)))
    blocks: list[Block] = [Facts(facts=tuple(sentences)), table, Facts(facts=tuple(facts))]
    alarmed = [Section(title="Needs a look", blocks=tuple(Alarm(text=text) for text in alarms))]
    return Page(
        title=assay.title,
        subtitle=assay.subtitle,
        sections=(*(alarmed if alarms else ()), Section(title="Verdict", blocks=tuple(blocks))),
    )


def _next(assay: AssayReport) -> str:
    """What to do with the answer; the trials that are there are not trained again."""
    basis = assay.basis
    if basis is not None and not basis.named and not basis.tasks:
        return "the same command with --held-out FILE, text like what the model is for"
    needed = assay.verdict.headline(assay.verdict.arms[0]).needed
    if needed.endswith(("seed", "seeds")):
        return f"{needed}; the same command with more --seeds trains only the new ones"
    if needed:
        return needed
    scale = (
        "a larger one"
        if basis is None
        else {"nano": "micro", "micro": "mini"}.get(basis.scale, "a larger one")
    )
    return f"use the better arm; to confirm it, the same command with --scale {scale}"


def _domain_facts(verdict: Verdict, arm: str) -> list[tuple[str, str]]:
    """On what the arm is better, worse and undecided, in one line; nothing where there is one domain."""
    if not verdict.headline(arm).parts:
        return []
    decisions: tuple[Decision, ...] = ("better", "worse", "undecided")
    said = [
        f"{decision} on {', '.join(subsets)}"
        for decision in decisions
        if (subsets := verdict.subsets(arm, decision))
    ]
    return [("domains", "; ".join(said))]


def _facts(assay: AssayReport) -> tuple[tuple[str, str], ...]:
    verdict = assay.verdict
    facts = [("verdict", verdict.sentence(arm)) for arm in verdict.arms]
    if len(verdict.arms) == 1:
        facts += _domain_facts(verdict, verdict.arms[0])
    if assay.basis is not None:
        shown = ("seen of each arm", "held-out text", "left out of it", "noise floor")
        facts += [(name, value) for name, value in basis_facts(assay.basis) if name in shown]
    facts.append(("seeds", str(len(verdict.seeds))))
    if assay.costs:
        facts.append(("tokens trained on", write_count(sum(cost.tokens for cost in assay.costs))))
        facts.append(("training time", write_seconds(sum(cost.seconds for cost in assay.costs))))
    return tuple(facts)


def _verdict(verdict: Verdict) -> Section:
    tests = len(verdict.comparisons)
    lead = f"Each arm against {verdict.baseline}, seed by seed."
    if tests > 1:
        lead += (
            f" The interval is that of the row alone; the verdict allows for all {tests} comparisons (Holm)."
        )
    blocks: list[Block] = [verdict_table(verdict, arm) for arm in verdict.arms]
    blocks += [Alarm(text=text) for text in _verdict_alarms(verdict)]
    return Section(title="Verdict", lead=lead, blocks=tuple(blocks))


def _verdict_alarms(verdict: Verdict) -> list[str]:
    """What is odd about the scatter between seeds."""
    alarms = []
    aside = sorted(
        {comparison.name for comparison in verdict.comparisons if comparison.source.endswith("set aside")}
    )
    if aside:
        alarms.append(
            "Seeds scatter far more than the scale's noise floor says, which was therefore not used: "
            f"{', '.join(aside)}. Did a trial diverge? See the training curves."
        )
    if len(verdict.seeds) == 1:
        known = (
            "the scale's noise floor stands for the scatter between seeds"
            if verdict.floors
            else "nothing is known of the scatter between seeds, and no interval can be given"
        )
        alarms.append(f"One seed only: {known}. Run the same command with --seeds 3.")
    return alarms


def _differences(verdict: Verdict) -> Section:
    lead = "Points are differences, lines their 95 % intervals; hollow points are undecided."
    return Section(title="Differences", lead=lead, blocks=tuple(forest_figures(verdict)))


def _held_out_curves(curves: Sequence[Curve], verdict: Verdict) -> Section:
    """Whether the difference was there early, and whether it grows."""
    if not curves:
        return Section(title="Held-out text during training")
    names = (verdict.baseline, *verdict.arms)
    means = {name: _mean_curve([curve for curve in curves if curve.arm == name]) for name in names}
    base = means[verdict.baseline]
    rows = [
        (
            tokens,
            *(means[name][tokens] for name in names),
            *(means[arm][tokens] / value - 1 for arm in verdict.arms),
        )
        for tokens, value in base.items()
    ]
    compared = tuple(f"{arm}, difference" for arm in verdict.arms)
    metric = measure_text(verdict.headline(verdict.arms[0]))
    figure = curve_figure(curves, title="Held-out text", y_title=metric, warm_up=0.0)
    table = Table(
        columns=("tokens", *names, *compared),
        rows=tuple(rows),
        formats=("count", *("number",) * len(names), *("percent",) * len(compared)),
    )
    lead = (
        f"{metric}: the mean over seeds, and a band from the lowest to the highest. The last point is what the verdict "
        "compares. Where the learning rate falls at the end, as in most scales, so does the curve."
    )
    return Section(title="Held-out text during training", lead=lead, blocks=(Figure(spec=figure), table))


def _mean_curve(curves: Sequence[Curve]) -> dict[int, float]:
    """By tokens, the mean over seeds."""
    values: dict[int, list[float]] = {}
    for curve in curves:
        for tokens, value in zip(curve.tokens, curve.loss, strict=True):
            values.setdefault(round(tokens), []).append(value)
    return {tokens: fmean(scored) for tokens, scored in values.items()}


def _domains(verdict: Verdict) -> Section:
    table = domains_table(verdict)
    lead = f"Where each arm is better than {verdict.baseline}, and where worse."
    return Section(title="Wins and losses", lead=lead, blocks=(table,) if table.rows else ())


def _curves(curves: Sequence[Curve]) -> Section:
    if not curves:
        return Section(title="Training")
    lead = (
        "Loss on each arm's own training data: it tells how training went, not which data are better. "
        "The line is the mean over seeds, the band goes from the lowest to the highest."
    )
    return Section(title="Training", lead=lead, blocks=(Figure(spec=curve_figure(curves)),))


def _chance(verdict: Verdict) -> Section:
    table = chance_table(verdict)
    lead = "Accuracy with guessing at 0 and all right at 1."
    return Section(title="Against guessing", lead=lead, blocks=(table,) if table.rows else ())


def _generations(generations: Sequence[Continuation]) -> Section:
    blocks = []
    for prompt in dict.fromkeys(generation.prompt for generation in generations):
        samples = tuple(
            Sample(id=generation.arm, text=generation.text)
            for generation in generations
            if generation.prompt == prompt
        )
        blocks.append(Samples(heading=f"“{prompt}”", samples=samples))
    lead = "What the arms' models write after the same prompts, from the same seed."
    return Section(title="Generations", lead=lead, blocks=tuple(blocks))


def _data(arms: Sequence[ArmFacts]) -> Section:
    table = Table(
        columns=("arm", "documents", "tokens", "epochs", "overlap removed", "from"),
        rows=tuple((a.arm, a.documents, a.tokens, a.epochs, a.overlap, a.source) for a in arms),
        formats=("text", "count", "count", "number", "count", "text"),
        caption="“Overlap removed” counts the held-out items that stand in the arm's data; they are left out "
        "for all arms.",
    )
    lead = "What each arm was trained on."
    return Section(title="Data", lead=lead, blocks=(table,) if arms else ())


def _cost(costs: Sequence[Cost], price: str) -> Section:
    priced = any(cost.money is not None for cost in costs)
    columns = ("arm", "trials", "from cache", "tokens", "compute", "time", *(("money",) if priced else ()))
    rows = tuple(
        (
            cost.arm,
            cost.trials,
            cost.cached,
            cost.tokens,
            _flops(cost.flops),
            cost.seconds,
            *((None if cost.money is None else f"{cost.money:.2f}",) if priced else ()),
        )
        for cost in costs
    )
    table = Table(
        columns=columns,
        rows=rows,
        formats=("text", "count", "count", "count", "text", "seconds", *(("text",) if priced else ())),
        caption=f"Money at {price}." if priced and price else "",
    )
    return Section(title="Cost", lead="All trials of an arm together.", blocks=(table,) if costs else ())


def _floor(verdict: Verdict) -> Section:
    lead = (
        "How much each measure scatters over seeds when the data are the same. Few seeds tell this "
        "badly by themselves, so it is pooled with what they say."
    )
    blocks = (floor_table(verdict.floors),) if verdict.floors else ()
    return Section(title="Noise floor", lead=lead, blocks=blocks)


def _cost_text(assay: AssayReport) -> str:
    costs = assay.costs
    money = sum(cost.money or 0.0 for cost in costs)
    price = f", {money:.2f} at {assay.price}" if assay.price else ""
    return (
        f"{write_count(sum(cost.tokens for cost in costs))} tokens, {_flops(sum(cost.flops for cost in costs))}, "
        f"{write_seconds(sum(cost.seconds for cost in costs))}{price}"
    )


def _flops(value: float) -> str:
    """Floating-point operations, not per second.

    >>> _flops(3.2e14)
    '320 TFLOP'
    """
    for size, unit in ((1e18, "EFLOP"), (1e15, "PFLOP"), (1e12, "TFLOP"), (1e9, "GFLOP")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} FLOP"
