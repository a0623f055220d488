"""A finished sweep of mixtures as a finding: shares, verdict, fit, and every mixture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from cupel import charts
from cupel.contract import Finding
from cupel.findings import Alarm, Block, Figure, Prose, Section, Table
from cupel.lab.data.survey import Survey
from cupel.lab.trials import Trial
from cupel.mix.regression import MixtureFit
from cupel.verdict.auroc import rank_correlation
from cupel.verdict.tables import verdict_table
from cupel.verdict.verdict import Verdict

__all__ = ["BEST", "NATURAL", "UNIFORM", "sweep_finding"]

BEST, NATURAL, UNIFORM = "best", "natural", "uniform"
"""The arms that are compared."""

Floats = NDArray[np.float64]


def sweep_finding(
    names: list[str],
    mixtures: Floats,
    domains: list[str],
    losses: Floats,
    fit: MixtureFit,
    arms: Mapping[str, Floats],
    predicted: float,
    verdict: Verdict,
    trials: Mapping[str, Mapping[int, Trial]],
    surveys: Mapping[str, Survey],
) -> Finding:
    """The finding of a sweep.

    Parameters
    ----------
    names, domains
        Of the pools and of the held-out text.
    mixtures, losses
        Mixtures × pools and mixtures × domains: shares and bits per byte.
    arms
        Shares of the mixtures that were compared.
    predicted
        Mean bits per byte that the fit predicts of the best mixture.
    """
    means, left_out = losses.mean(axis=1), fit.left_out.mean(axis=1)
    spread = float(((means - means.mean()) ** 2).sum())
    explained = 1 - float(((means - left_out) ** 2).sum()) / spread if spread > 0 else 0.0
    ranks = rank_correlation(left_out, means)
    sections = (
        _shares_section(names, arms, trials, surveys),
        Section(
            title="Verdict",
            key="verdict",
            lead=" ".join(verdict.sentence(arm) for arm in verdict.arms),
            blocks=tuple(verdict_table(verdict, arm) for arm in verdict.arms),
        ),
        _fit_section(means, left_out, explained, ranks),
        _mixtures_section(names, mixtures, domains, losses),
    )
    table = pa.table(
        {
            "mixture": pa.array([f"mixture {number}" for number in range(1, len(mixtures) + 1)]),
            **{f"share {name}": pa.array(mixtures[:, place]) for place, name in enumerate(names)},
            **{f"bits_per_byte {name}": pa.array(losses[:, place]) for place, name in enumerate(domains)},
            "bits_per_byte mean": pa.array(means),
            "left out, predicted": pa.array(left_out),
        }
    )
    best = dict(zip(names, map(float, arms[BEST]), strict=True))
    return Finding(
        tables={"mixtures": table},
        sections=sections,
        facts=(
            ("best mixture", ", ".join(f"{name} {share:.1%}" for name, share in best.items())),
            ("explained, left out", f"{explained:.2f}"),
            *((f"against {arm}", _against(verdict, arm)) for arm in verdict.arms),
        ),
        about={
            "best": best,
            "predicted_bits_per_byte": predicted,
            "explained_left_out": explained,
            "rank_correlation_left_out": ranks,
            "verdict": verdict.to_json(),
        },
    )


def _against(verdict: Verdict, arm: str) -> str:
    """What the verdict on an arm says of the best mixture, which it is compared with."""
    headline = verdict.headline(arm)
    word = {"better": "worse", "worse": "better", "undecided": "undecided"}[headline.verdict]
    if headline.low is None or headline.high is None or not headline.baseline_value:
        return word
    # The arm minus the best mixture; turned round, and as a share of the arm's value.
    low, high = -headline.high / headline.value, -headline.low / headline.value
    return f"{word} ({low:+.1%} to {high:+.1%})"


def _shares_section(
    names: list[str],
    arms: Mapping[str, Floats],
    trials: Mapping[str, Mapping[int, Trial]],
    surveys: Mapping[str, Survey],
) -> Section:
    size = sum(survey.bytes for survey in surveys.values())
    rows = []
    for place, name in enumerate(names):
        shares = [float(arms[arm][place]) for arm in (NATURAL, BEST, UNIFORM)]
        # Epochs of all text, times how much larger the pool's share is than its part of the text.
        epochs = next(iter(trials[BEST].values())).record["tokens"] / _tokens(trials) * shares[1] * size
        rows.append(
            (name, surveys[name].documents, surveys[name].bytes, *shares, epochs / surveys[name].bytes)
        )
    table = Table(
        columns=("pool", "documents", "bytes", NATURAL, BEST, UNIFORM, "epochs in the best"),
        rows=tuple(rows),
        formats=("text", "count", "bytes", "percent", "percent", "percent", "number"),
    )
    blocks: list[Block] = [table]
    repeated = [row[0] for row in rows if row[-1] > 4]
    if repeated:
        blocks.append(
            Alarm(
                text=f"The best mixture repeats {', '.join(map(str, repeated))} more than four times: at a larger scale "
                "repeated text is worth less than fresh text (Muennighoff et al. 2023)."
            )
        )
    return Section(title="Shares", key="shares", blocks=tuple(blocks))


def _tokens(trials: Mapping[str, Mapping[int, Trial]]) -> float:
    """About how many tokens all pools have: what one epoch of the natural mixture is."""
    record = next(iter(trials[NATURAL].values())).record
    return float(record["tokens"]) / float(record["epochs"])


def _fit_section(means: Floats, left_out: Floats, explained: float, ranks: float) -> Section:
    lead = (
        f"Each mixture predicted by a fit without it: {explained:.2f} of the variance is explained, the rank correlation "
        f"is {ranks:.2f}."
    )
    points = {"mixtures": list(zip(left_out.tolist(), means.tolist(), strict=True))}
    figure = Figure(
        spec=charts.scatter(points, title="Mean bits per byte", x_title="predicted", y_title="measured")
    )
    doubt = (
        Alarm(
            text="The fit predicts no mixture that it has not seen: train more mixtures, or larger trials."
        ),
    )
    note = Prose(
        text="The best mixture is the mean of the hundred random mixtures of 100,000 with the lowest predicted mean loss."
    )
    return Section(
        title="Fit", key="fit", lead=lead, blocks=(figure, note, *(doubt if explained < 0.25 else ()))
    )


def _mixtures_section(names: list[str], mixtures: Floats, domains: list[str], losses: Floats) -> Section:
    order = np.argsort(losses.mean(axis=1))
    rows = tuple(
        (f"mixture {place + 1}", *mixtures[place].tolist(), losses[place].mean(), *losses[place].tolist())
        for place in order.tolist()
    )
    table = Table(
        columns=("", *names, "mean", *(f"on {name}" for name in domains)),
        rows=rows,
        formats=("text", *["percent"] * len(names), *["number"] * (1 + len(domains))),
        caption="Shares, and bits per byte on held-out text; the best first.",
    )
    return Section(title="Mixtures", key="mixtures", blocks=(table,))
