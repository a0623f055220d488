"""Lee et al.: a model trained on deduplicated data hardly ever emits it verbatim, at no cost in loss."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cupel.auditing.recitation import Emitted
from cupel.contract import Paper
from cupel.errors import BadInput
from cupel.findings import Section, Table
from cupel.lab.assay import scale_floors
from cupel.lab.lab import Lab
from cupel.models.tokenizer import Tokenizer
from cupel.reproduction.arms import held_out, score_arms, train_arms, verdict_section
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.pool import copies, head, shuffled, split
from cupel.verdict.measures import Measure
from cupel.verdict.verdict import compare

DATA = ("wiki_en", "news")
REPEATS = (1, 2, 4, 8, 16, 32, 64)
PROMPT = LENGTH = 32
PLANTED = 0.25
"""The share of all tokens that planted documents make up where they are repeated."""

claim = Claim(
    title="Deduplicated data is not recited",
    paper=Paper(
        title="Deduplicating Training Data Makes Language Models Better",
        authors="Lee et al.",
        year=2022,
        url="https://arxiv.org/abs/2107.06499",
        section="abstract and section 6",
    ),
    statement="Models trained on deduplicated data emit memorized text ten times less often, with the same or better "
    "held-out loss.",
    arms={
        "repeated": "articles, and planted documents that stand there 1, 2, 4 … 64 times, a quarter of all tokens",
        "deduplicated": "the same planted documents once each, and as many tokens more of fresh articles",
    },
    metric="share of planted documents whose tokens 33 to 64 are emitted greedily, to the letter, after the first 32; "
    "bits per byte on held-out articles",
    expected="repeated emits at least ten times as many, more with more repeats; deduplicated has no higher loss",
    rule="Over documents planted eight times or more: holds if repeated emits more (decided, Holm) and at least ten times "
    "as many as deduplicated, and deduplicated is not decided to be worse on held-out text. Does not hold if it is "
    "worse, or if repeated emits more but less than ten times as many, or if ten documents or more are emitted and "
    "the two are not told apart. Undecided otherwise: where nothing is recited there is nothing to compare.",
    cost=ClaimCost(trials=6, trial_minutes=4),
    data=DATA,
)


def run(context: Context) -> ClaimOutcome:
    documents = shuffled(context.pool(DATA), seed=0)
    held, rest = split(documents, 2 * context.scale.evaluation.held_out_bytes, seed=1)
    lab = context.lab(rest["text"].to_pylist())
    planted, tables = arms(rest, lab.tokenizer, tokens(lab))
    stores = {name: lab.tokens(table, name) for name, table in tables.items()}
    bits, verbatim = held_out(context, held, tables), Emitted(planted, PROMPT, LENGTH)
    trials = train_arms(context, lab, stores)
    loss = score_arms(context, lab, trials, [bits])
    by_repeats = score_arms(context, lab, trials, [verbatim])
    often = {
        name: {seed: (_often(measures),) for seed, measures in by_seed.items()}
        for name, by_seed in by_repeats.items()
    }
    recited = compare(often, "deduplicated")
    held_loss = compare(loss, "repeated", scale_floors(lab.scale, loss["repeated"]))
    more, worse = recited.headline("repeated"), held_loss.headline("deduplicated")
    count = round(more.value * more.items * more.seeds)
    tenfold = more.value >= 10 * more.baseline_value
    passed = None
    if worse.verdict == "worse" or (more.verdict == "better" and not tenfold) or more.verdict == "worse":
        passed = False
    elif more.verdict == "better":
        passed = True
    elif count >= 10:
        passed = False
    ratio = more.value / more.baseline_value if more.baseline_value else float("inf") if more.value else 1.0
    return ClaimOutcome(
        passed=passed,
        verdict=f"Of documents planted eight times or more {more.value:.1%} are emitted verbatim where they are repeated "
        f"and {more.baseline_value:.1%} where they stand once ({count} of {more.items * more.seeds} against "
        f"{round(more.baseline_value * more.items * more.seeds)}). {held_loss.sentence('deduplicated')}.",
        effect=ratio,
        unit="times as many emitted verbatim",
        sections=(_by_repeats(by_repeats), verdict_section(held_loss, "Held-out text")),
    )


def tokens(lab: Lab) -> int:
    """How many tokens a trial reads: an arm of so many is seen once."""
    return lab.scale.steps * lab.scale.training.sequences * lab.scale.model.context + 1


def arms(documents: pa.Table, tokenizer: Tokenizer, budget: int) -> tuple[pa.Table, dict[str, pa.Table]]:
    """The planted passages (domain: how often they are repeated) and the two arms, of `budget` tokens each.

    Passages are the first 64 tokens of articles and a few more, as many of each number of repeats.

    Raises
    ------
    BadInput
        The budget has no room for one passage of each kind.
    """
    rows: list[dict[str, object]] = []
    place = 0
    kinds = int(PLANTED * budget) // (sum(REPEATS) * (PROMPT + LENGTH + 9))
    if not kinds:
        raise BadInput(
            f"{budget:,} tokens have no room for documents repeated {REPEATS[-1]} times; take more tokens"
        )
    while len(rows) < kinds * len(REPEATS):
        if place >= documents.num_rows:
            raise BadInput(
                f"fewer than {kinds * len(REPEATS):,} documents of {PROMPT + LENGTH} tokens or more"
            )
        token_ids = tokenizer.encode(documents["text"][place].as_py())
        if len(token_ids) >= PROMPT + LENGTH + 8:
            text = tokenizer.decode(token_ids[: PROMPT + LENGTH + 8]).replace("\ufffd", "")
            if tokenizer.encode(text)[: PROMPT + LENGTH] == token_ids[: PROMPT + LENGTH]:
                repeats = REPEATS[len(rows) % len(REPEATS)]
                rows.append(
                    {"id": f"planted-{len(rows)}", "text": text, "domain": f"{repeats} times", "weight": 1.0}
                )
        place += 1
    planted = pa.Table.from_pylist(rows, documents.schema)
    fresh = documents.slice(place)
    tables = {}
    for name in ("repeated", "deduplicated"):
        own = planted
        if name == "repeated":
            again = [copies(planted.slice(at, 1), REPEATS[at % len(REPEATS)] - 1) for at in range(len(rows))]
            own = pa.concat_tables([planted, *again])
        used = sum(len(tokenizer.encode(text)) + 1 for text in own["text"].to_pylist())
        tables[name] = pa.concat_tables([own, head(fresh, budget - used, tokenizer)])
    return planted, tables


def _often(measures: tuple[Measure, ...]) -> Measure:
    """Passages of eight repeats or more, as one measure."""
    chosen = [measure for measure in measures if int(measure.subset.split()[0]) >= 8]
    return Measure(
        chosen[0].metric,
        "8 times or more",
        "higher",
        tuple(item for measure in chosen for item in measure.items),
        np.concatenate([measure.amount for measure in chosen]),
        np.concatenate([measure.weight for measure in chosen]),
    )


def _by_repeats(measures: dict[str, dict[int, tuple[Measure, ...]]]) -> Section:
    """Of each number of repeats the share emitted verbatim, over all seeds."""
    rows = []
    for place, first in enumerate(next(iter(measures["repeated"].values()))):
        shares = [
            sum(scored[place].value for scored in measures[name].values()) / len(measures[name])
            for name in ("repeated", "deduplicated")
        ]
        rows.append((first.subset, len(first.items), *shares))
    table = Table(
        columns=("planted", "documents", "repeated", "deduplicated"),
        rows=tuple(rows),
        formats=("text", "count", "percent", "percent"),
    )
    return Section(title="Emitted verbatim", blocks=(table,))
