"""A fitted law as sections of a report: the answer, the curves, the constants, the error on what was left out."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping

import numpy as np

from cupel import charts
from cupel.findings import Alarm, Block, Figure, Prose, Section, Table
from cupel.scaling.law import PUBLISHED
from cupel.scaling.repeats import Interval, Repeats
from cupel.units import write_count, write_percent

__all__ = ["answer", "repeats_sections", "worth_section"]

_STEPS = 40
_CONSTANTS = (
    ("E", "E", "loss that neither data nor size takes away"),
    ("A", "A", "size"),
    ("alpha", "α", "size"),
    ("B", "B", "data"),
    ("beta", "β", "data"),
    ("repeats", "R* of data", "repetitions after which one more is worth 1/e of fresh data"),
    ("excess", "R* of parameters", "the same for parameters beyond what the tokens fill"),
)


def answer(fit: Repeats, unique_tokens: float, epochs: float = 4, *, share: float = 0.5) -> str:
    """What a corpus is worth, in two sentences.

    Parameters
    ----------
    unique_tokens
        Of the corpus.
    epochs
        For which the fresh tokens that would match are told.
    share
        Of a fresh token's worth: epochs are worth it until one more token adds less.

    Examples
    --------
    >>> from cupel.scaling.law import Law
    >>> law = Law(E=1, B=10, beta=0.3, repeats=3)
    >>> first, second = answer(Repeats((), law, law, (law,)), 1_200_000).split(". ")
    >>> first.split(" (")[0]
    'This corpus of 1.2 M tokens is worth up to about 3.1 epochs'
    >>> second
    '4 epochs are worth 3.48 M fresh tokens (3.48 M to 3.48 M), 72.4 % of as many fresh ones.'
    """
    best = fit.best_epochs(share)
    tokens, part = fit.worth(unique_tokens, epochs)
    size = _tokens(unique_tokens)
    beyond = f"beyond, one more token adds less than {write_percent(share)} of what a fresh one would"
    if math.isinf(best.value):
        first = f"No limit to what epochs of this corpus of {size} tokens are worth was found"
        if math.isfinite(best.low):
            first += f"; it may be as low as {best.low:.1f}"
    elif math.isinf(best.high):
        first = (
            f"This corpus of {size} tokens is worth up to about {best.value:.1f} epochs, {best.low:.1f} at least and "
            f"perhaps without limit: {beyond}"
        )
    else:
        first = (
            f"This corpus of {size} tokens is worth up to about {best.value:.1f} epochs "
            f"(95 % interval {best.low:.1f} to {best.high:.1f}): {beyond}"
        )
    return (
        f"{first}. {epochs:g} epochs are worth {_tokens(tokens.value)} fresh tokens "
        f"({_tokens(tokens.low)} to {_tokens(tokens.high)}), {write_percent(part.value)} of as many fresh ones."
    )


def repeats_sections(
    fit: Repeats, unique_tokens: float, *, unit: str = "bits per byte", share: float = 0.5
) -> tuple[Section, ...]:
    """The report of a fitted law, for a corpus of so many tokens.

    Parameters
    ----------
    unit
        Of the loss.
    share
        As `answer` takes it.
    """
    return (
        _answer(fit, unique_tokens, share),
        _curves(fit, unit),
        _constants(fit),
        _held_out(fit),
    )


def worth_section(arms: Mapping[str, tuple[float, float]]) -> Section | None:
    """What the passes over each arm are worth by the published constants; None where none is seen twice.

    Parameters
    ----------
    arms
        Unique tokens and epochs of each.

    Examples
    --------
    >>> for row in worth_section({"raw": (2e6, 0.5), "refined": (2.5e5, 4)}).blocks[0].rows:
    ...     print(row[:4], f"{row[4]:.1%}")
    ('raw', '2 M', 0.5, '1 M') 100.0%
    ('refined', '250 k', 4, '931 k') 93.1%
    """
    if all(epochs <= 1 for _, epochs in arms.values()):
        return None
    rows = []
    for name, (unique, epochs) in arms.items():
        fresh, share = PUBLISHED.worth(unique, epochs)
        rows.append((name, _tokens(unique), epochs, _tokens(fresh), share))
    table = Table(
        columns=("arm", "tokens", "epochs", "fresh tokens that would do as much", "share of those seen"),
        rows=tuple(rows),
        formats=("text", "text", "number", "text", "percent"),
        caption=f"R* = {PUBLISHED.repeats:.1f} of Muennighoff et al. (2023), fitted to C4 and far larger models; "
        "`cupel.scaling` fits your own from a grid of trials.",
    )
    lead = "A repeated token is worth less than a fresh one. The verdict has that in it: each arm as it is."
    return Section(title="Worth of the passes", lead=lead, blocks=(table,))


def _answer(fit: Repeats, unique_tokens: float, share: float) -> Section:
    rows = []
    for epochs in (1, 2, 4, 8, 16, 32):
        tokens, part = fit.worth(unique_tokens, epochs)
        known = "measured" if epochs <= fit.max_epochs * 1.01 else "extrapolated"
        rows.append((f"{epochs}", tokens.value, _range(tokens), part.value, known))
    table = Table(
        columns=("epochs", "fresh tokens that would match", "95 % interval", "share of the tokens seen", ""),
        rows=tuple(rows),
        formats=("text", "count", "text", "percent", "text"),
    )
    blocks: list[Block] = [Prose(text=answer(fit, unique_tokens, share=share)), *_alarms(fit), table]
    return Section(
        title="What the corpus is worth", lead="Repeated tokens against fresh ones.", blocks=tuple(blocks)
    )


def _alarms(fit: Repeats) -> list[Alarm]:
    alarms = []
    best = fit.best_epochs()
    if math.isfinite(best.value) and best.value > 1.01 * fit.max_epochs:
        alarms.append(
            Alarm(
                text=f"No cell was seen more than {fit.max_epochs:.3g} times: what lies beyond is extrapolated."
            )
        )
    if fit.rising:
        where = ", ".join(_tokens(unique) for _, unique in fit.rising)
        alarms.append(
            Alarm(
                text=f"With {where} unique tokens the loss rises again with more epochs (overfitting). This law never "
                "rises, so there it promises too much; leave those cells out, or regularise."
            )
        )
    return alarms


def _curves(fit: Repeats, unit: str) -> Section:
    series = sorted({(cell.parameters, cell.unique_tokens) for cell in fit.cells})
    sizes = {size for size, _ in series}
    measured: dict[str, list[tuple[float, float]]] = {}
    curves: dict[str, list[tuple[float, float]]] = {}
    dashed: dict[str, list[tuple[float, float]]] = {}
    for size, unique in series:
        cells = [c for c in fit.cells if (c.parameters, c.unique_tokens) == (size, unique)]
        name = f"{_tokens(unique)} unique"
        if len(sizes) > 1:
            name += f", {_tokens(size)} parameters"
        tokens = np.geomspace(min(c.tokens for c in cells), max(c.tokens for c in cells), _STEPS)
        measured[name] = [(c.tokens, c.loss) for c in cells]
        for law, into in ((fit.law, curves), (fit.chinchilla, dashed)):
            into[name] = [(float(x), float(law.loss(size, unique, x))) for x in tokens]
    spec = charts.fitted(
        measured, curves, dashed=dashed, title="Loss and tokens", x_title="tokens trained on", y_title=unit
    )
    lead = "Points are trials, lines the law with repetition, dashes Chinchilla's, for which repeated tokens are fresh."
    return Section(title="Fit", lead=lead, blocks=(Figure(spec=spec),))


def _constants(fit: Repeats) -> Section:
    rows = []
    for name, sign, meaning in _CONSTANTS:
        if not fit.sized and name in ("A", "alpha", "excess"):
            continue
        interval = fit.interval(operator.attrgetter(name))
        value, ends = _number(interval.value), f"{_number(interval.low)} to {_number(interval.high)}"
        if name == "excess" and math.isinf(interval.value):
            value, ends = "not seen", "–"
        rows.append((sign, value, ends, _number(getattr(fit.chinchilla, name)), meaning))
    table = Table(
        columns=("constant", "value", "95 % interval", "Chinchilla's", "of"),
        rows=tuple(rows),
        formats=("text",) * 5,
        caption="" if fit.sized else "One model size was measured: E holds the term of size as well.",
    )
    lead = (
        f"L = E + A/N'^α + B/D'^β, D' = U + U R* (1 − exp(−R/R*)), fitted to {len(fit.cells)} trials "
        f"(Muennighoff et al. 2023); intervals from {len(fit.replicates)} bootstrap replicates over cells."
    )
    return Section(title="Constants", lead=lead, blocks=(table,))


def _held_out(fit: Repeats) -> Section:
    said = {
        True: "R* is finite: its interval has an end, and the law is nearer than Chinchilla's to the cells left out.",
        False: "R* is not known to be finite, and Chinchilla's law is as near to the cells left out.",
        None: "Undecided whether R* is finite: its interval and the error on cells left out do not agree.",
    }
    blocks: list[Block] = [Prose(text=said[fit.finite])]
    if fit.held_out:
        blocks.append(
            Table(
                columns=("left out at a time", "times", "error, with repetition", "error, Chinchilla's"),
                rows=tuple(
                    (error.left_out, error.folds, error.repeats, error.chinchilla) for error in fit.held_out
                ),
                formats=("text", "count", "percent", "percent"),
            )
        )
    else:
        blocks.append(Alarm(text="Too few cells to leave any out: nothing tells how well the law predicts."))
    return Section(
        title="Error on cells left out",
        lead="Each law fitted to the other cells, and its mean error on those it has not seen.",
        blocks=tuple(blocks),
    )


def _range(interval: Interval) -> str:
    return f"{write_count(interval.low)} to {write_count(interval.high)}"


def _number(value: float) -> str:
    return "∞" if math.isinf(value) else f"{value:.3g}" if value < 1e4 else f"{value:,.0f}"


def _tokens(value: float) -> str:
    """A number of tokens or parameters in three digits.

    >>> _tokens(1_200_000), _tokens(950), _tokens(2.5e9)
    ('1.2 M', '950', '2.5 G')
    """
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"
