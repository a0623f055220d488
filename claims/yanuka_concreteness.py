"""ICC: how concrete a caption is can be told from its text, as people would tell it."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from cupel.contract import Paper, find_method
from cupel.findings import Section, Table
from cupel.recipe.fitting import fit
from cupel.reproduction.claim import Claim, ClaimCost, ClaimOutcome, Context
from cupel.reproduction.semantic import embedding_model
from cupel.verdict.auroc import auroc

claim = Claim(
    title="Concreteness can be told from words",
    paper=Paper(
        title="ICC: Quantifying Image Caption Concreteness for Multimodal Dataset Curation",
        authors="Yanuka et al.",
        year=2024,
        url="https://arxiv.org/abs/2403.01306",
        section="sections 3 and 4",
    ),
    statement="A small model of text rates how concrete words and captions are, and its ratings correlate with those "
    "of people.",
    arms={
        "words": "the words of the lexicon of Brysbaert et al. that are kept back, a fifth of 40,000",
        "captions": "names of emoji and sentences about the pictures of NLVR, against sentences of the law of the "
        "District of Columbia and of philosophy papers",
    },
    metric="Spearman's rank correlation with human concreteness on words kept back; AUROC of captions against "
    "abstract sentences",
    expected="rank correlation above 0.7; AUROC above 0.9",
    rule="Holds if both intervals are above their bounds, does not hold if one of them is below its bound. Undecided "
    "otherwise. Nothing is trained in the lab: the rater is a ridge regression on static vectors distilled from "
    "all-MiniLM-L6-v2.",
    cost=ClaimCost(trials=0, trial_minutes=0),
    data=("legal_dc", "science_papers", "lookup/concreteness_brysbaert.txt.zst", "image_text/emoji_captions"),
)

SENTENCES = 1500
"""Of each side, at most."""


def run(context: Context) -> ClaimOutcome:
    abstract = _sentences(context)
    captions = _captions(context)
    lexicon = Path(context.data or "") / "lookup" / "concreteness_brysbaert.txt.zst"
    with tempfile.TemporaryDirectory(prefix="cupel-claim-") as folder:
        options = {
            "ratings": str(lexicon),
            "words": "Word",
            "rating": "Conc.M",
            "embedder": embedding_model(),
        }
        fitted = fit("concreteness", output=Path(folder) / "rater", options=options, cache=context.cache)
        words = fitted.about["about"]["criteria"]["concreteness"]
        signal = find_method("concreteness").from_options({"artifact": str(fitted.folder)})
        texts = pa.record_batch({"text": pa.array([*captions, *abstract], pa.large_string())})
        scores = signal.measure(texts)["concreteness"].to_numpy(zero_copy_only=False)  # type: ignore[attr-defined]
    positive = np.arange(len(scores)) < len(captions)
    valid = ~np.isnan(scores)
    area, low, high = auroc(scores[valid], positive[valid])
    bounds = [(words["interval"], 0.7), ((low, high), 0.9)]
    passed = None
    if all(ends[0] > bound for ends, bound in bounds):
        passed = True
    elif any(ends[1] < bound for ends, bound in bounds):
        passed = False
    rows = (
        ("words, rank correlation", words["held_out"], words["rank_correlation"], *words["interval"]),
        ("captions against sentences, AUROC", int(valid.sum()), area, low, high),
    )
    table = Table(
        columns=("measure", "items", "value", "low", "high"),
        rows=rows,
        formats=("text", "count", "number", "number", "number"),
    )
    return ClaimOutcome(
        passed=passed,
        verdict=f"On {words['held_out']:,} words kept back the rank correlation with human concreteness is "
        f"{words['rank_correlation']:.3f} (95 % interval {words['interval'][0]:.3f} to {words['interval'][1]:.3f}); "
        f"captions rate above abstract sentences with an AUROC of {area:.3f} ({low:.3f} to {high:.3f}).",
        effect=words["rank_correlation"],
        unit="rank correlation",
        interval=(words["interval"][0], words["interval"][1]),
        sections=(Section(title="Measures", blocks=(table,)),),
    )


def _sentences(context: Context) -> list[str]:
    """One sentence per document of law and philosophy, of a length that captions may have."""
    documents = context.pool(("legal_dc", "science_papers"))
    chosen = []
    for name, text in zip(documents["id"].to_pylist(), documents["text"].to_pylist(), strict=True):
        if "dclaw" not in name and "philpapers" not in name.casefold():
            continue
        sentences = re.split(r"(?<=[.;])\s+", text)
        own = [sentence for sentence in sentences if 5 <= len(sentence.split()) <= 25]
        if own:
            chosen.append(own[len(own) // 2])
    return chosen[:SENTENCES]


def _captions(context: Context) -> list[str]:
    emoji = [row["names"].get("en") for row in context.rows("image_text/emoji_captions") if row["names"]]
    nlvr = [row["sentence"] for row in context.rows("image_text/nlvr_dev")]
    return sorted({*filter(None, emoji), *nlvr})[:: max(1, (len(emoji) + len(nlvr)) // SENTENCES)]
