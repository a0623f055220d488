"""Do Cupel's rules and datatrove's filters keep and drop the same documents?

    python benchmarks/agreement.py [--documents 10000] [--shared FOLDER]

Two comparisons on the same real documents:

- **same words**: datatrove's filters are given the words and sentences of Cupel's kernel,
  so that only the rules and the signals are compared. Every decision and every reason must
  be the same; a deviation is a bug of one side.
- **own words**: datatrove splits words as it does by default (spaCy's English tokenizer).

Needs datatrove 0.10 and spaCy. Prints each deviation with the document's id, and exits with
an error when the same words lead to different decisions.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import zstandard

from cupel import _kernels
from cupel.contract import Decision, Edit, find_method
from cupel.rules import RuleSet, methods

TARGET_OWN_WORDS = 0.98

# How our kernel cuts words here: as tokenizers of prose do, which is nearest to theirs.
SEGMENTATION = "prose"

# datatrove goes through C4's lines one by one and names whichever of these it meets first.
# A rule set has one order for all documents, so either name is the same decision.
SAME_PLACE = frozenset({"lorem_ipsum", "curly_bracket"})

# Domains that are closest to what the rules were made for get more documents.
WEIGHTS = {"web_crawl": 3, "web_boilerplate": 3}


@dataclass(frozen=True)
class Text:
    """One document to decide on."""

    id: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """What one side says: kept with the text as it is then, or dropped for a reason."""

    kept: bool
    reason: str = ""
    also: frozenset[str] = frozenset()
    """Every reason that would have dropped it, where that is known."""
    detail: str = ""


@dataclass(frozen=True)
class Deviation:
    """One document on which the two sides differ."""

    id: str
    ours: Verdict
    theirs: Verdict

    @property
    def name(self) -> str:
        return f"ours {self.ours.reason or 'keeps'}, theirs {self.theirs.reason or 'keeps'}"


@dataclass(frozen=True)
class Comparison:
    """All documents of one rule set: how many, and where the two sides differ."""

    rule_set: str
    documents: int
    kept_by_ours: int
    deviations: tuple[Deviation, ...]
    reason_only: tuple[Deviation, ...]

    @property
    def agreement(self) -> float:
        return 1 - len(self.deviations) / self.documents


# --- documents ---------------------------------------------------------------------------


def read_documents(shared: Path, count: int) -> list[Text]:
    """`count` documents of all domains of the pool, evenly spaced in each, always the same."""
    files = sorted((shared / "data" / "pool").glob("*.jsonl.zst"))
    names = [path.name.removesuffix(".jsonl.zst") for path in files]
    shares = np.array([WEIGHTS.get(name, 1) for name in names], float)
    quotas = (count * np.cumsum(shares) / shares.sum()).round().astype(int)
    documents: list[Text] = []
    for path, quota in zip(files, quotas, strict=True):
        with zstandard.open(path, "rb") as file:
            lines = file.read().splitlines()
        wanted = min(quota - len(documents), len(lines))
        chosen = np.linspace(0, len(lines) - 1, wanted).round().astype(int)
        for row in (json.loads(lines[number]) for number in chosen):
            documents.append(Text(row["id"], row["text"]))
    return documents


# --- our side ----------------------------------------------------------------------------


def our_verdicts(name: str, texts: Sequence[str], **edit_options: Any) -> tuple[list[Verdict], list[str]]:
    """What rule set `name` says of each text, and the texts after the edit it needs."""
    rule_set = next(method for method in methods() if method.name == name).from_options({})
    batch = pa.RecordBatch.from_pydict({"text": pa.array(texts, pa.large_string())})
    after = list(texts)
    if rule_set.needs_edit is not None:
        edited = find_method(rule_set.needs_edit, Edit).from_options(edit_options).edit(batch)  # type: ignore[attr-defined]
        signals = pa.RecordBatch.from_pydict(dict(edited.columns))
        after = edited.text.to_pylist()
    else:
        signals = pa.record_batch(
            _kernels.measure(batch.column("text"), list(rule_set.signals), segmentation=SEGMENTATION)
        )
    return _verdicts(rule_set, rule_set.decide(signals)), after


def _verdicts(rule_set: RuleSet, decision: Decision) -> list[Verdict]:
    references = {rule.name: rule.reference or rule.name for rule in rule_set.rules}
    verdicts = []
    for row in range(len(decision.first)):
        reason = decision.reason(row)
        if reason is None:
            verdicts.append(Verdict(True))
            continue
        also = frozenset(references[name] for name, failed in decision.failed.items() if failed[row])
        detail = f"{reason.rule}: {reason.value} against {reason.threshold}"
        verdicts.append(Verdict(False, references[reason.rule], also, detail))
    return verdicts


# --- their side --------------------------------------------------------------------------


def reference_filters() -> dict[str, tuple[str, Any, dict[str, Any]]]:
    """By the name of a comparison: our rule set, datatrove's filter, our edit's options."""
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    return {
        "gopher-repetition": ("gopher-repetition", GopherRepetitionFilter(), {}),
        "gopher-quality": ("gopher-quality", GopherQualityFilter(), {}),
        "c4": ("c4", C4QualityFilter(), {}),
        "c4, any line end": (
            "c4",
            C4QualityFilter(filter_no_terminal_punct=False),
            {"require_terminal_punctuation": False},
        ),
        "fineweb": ("fineweb", FineWebQualityFilter(), {}),
    }


CHAIN = ("gopher-repetition", "gopher-quality", "c4, any line end", "fineweb")


def their_verdicts(filter_: Any, documents: Sequence[Text]) -> tuple[list[Verdict], list[str]]:
    """What a datatrove filter says of each text, and the texts after it (C4's changes them)."""
    from datatrove.data import Document

    verdicts, after = [], []
    for document in documents:
        copy = Document(text=document.text, id=document.id)
        answer = filter_.filter(copy)
        kept, reason = answer if isinstance(answer, tuple) else (bool(answer), "")
        verdicts.append(Verdict(bool(kept), reason))
        after.append(copy.text)
    return verdicts, after


@contextmanager
def our_words() -> Iterator[None]:
    """Gives datatrove's filters the words and sentences of our kernel."""

    def split(by: Callable[[Any], Any]) -> Callable[..., list[str]]:
        def split_one(text: str, language: str = "") -> list[str]:
            words: list[str] = pa.array(by(pa.array([text], pa.large_string())))[0].as_py()
            return words

        return split_one

    words = split(lambda text: _kernels.words(text, segmentation=SEGMENTATION))
    with _splitting(words, split(_kernels.sentences)):
        yield


@contextmanager
def own_words() -> Iterator[None]:
    """Leaves datatrove's filters their own words and sentences, but splits each text only once."""
    from datatrove.utils.text import split_into_sentences, split_into_words

    with _splitting(cache(split_into_words), cache(split_into_sentences)):
        yield


@contextmanager
def _splitting(words: Callable[..., list[str]], sentences: Callable[..., list[str]]) -> Iterator[None]:
    from datatrove.pipeline.filters import (
        c4_filters,
        fineweb_quality_filter,
        gopher_quality_filter,
        gopher_repetition_filter,
    )

    places: list[tuple[Any, str, Callable[..., list[str]]]] = [
        (gopher_repetition_filter, "split_into_words", words),
        (gopher_quality_filter, "split_into_words", words),
        (fineweb_quality_filter, "split_into_words", words),
        (c4_filters, "split_into_sentences", sentences),
    ]
    before = [getattr(module, name) for module, name, _ in places]
    for module, name, function in places:
        setattr(module, name, function)
    try:
        yield
    finally:
        for (module, name, _), function in zip(places, before, strict=True):
            setattr(module, name, function)


# --- comparison --------------------------------------------------------------------------


def compare(documents: Sequence[Text]) -> list[Comparison]:
    """Each rule set on all documents, then the chain of four as FineWeb runs it."""
    comparisons = []
    for label, (name, filter_, options) in reference_filters().items():
        ours, _ = our_verdicts(name, [document.text for document in documents], **options)
        theirs, _ = their_verdicts(filter_, documents)
        comparisons.append(_comparison(label, documents, ours, theirs))
    comparisons.append(_comparison("all four in a row", documents, *_chains(documents)))
    return comparisons


def _chains(documents: Sequence[Text]) -> tuple[list[Verdict], list[Verdict]]:
    """The verdicts of the whole chain: the first step that drops a document gives the reason."""
    filters = reference_filters()

    def run(side: str) -> list[Verdict]:
        verdicts = [Verdict(True)] * len(documents)
        alive = list(enumerate(documents))
        for label in CHAIN:
            name, filter_, options = filters[label]
            if side == "ours":
                current, after = our_verdicts(name, [d.text for _, d in alive], **options)
            else:
                current, after = their_verdicts(filter_, [d for _, d in alive])
            for (row, _), verdict in zip(alive, current, strict=True):
                verdicts[row] = verdict
            alive = [
                (row, Text(document.id, text))
                for (row, document), verdict, text in zip(alive, current, after, strict=True)
                if verdict.kept
            ]
        return verdicts

    return run("ours"), run("theirs")


def _comparison(
    label: str, documents: Sequence[Text], ours: Sequence[Verdict], theirs: Sequence[Verdict]
) -> Comparison:
    deviations, reason_only = [], []
    for document, our, their in zip(documents, ours, theirs, strict=True):
        if our.kept != their.kept:
            deviations.append(Deviation(document.id, our, their))
        elif our.reason != their.reason and not (
            {our.reason, their.reason} == SAME_PLACE and their.reason in our.also
        ):
            reason_only.append(Deviation(document.id, our, their))
    kept = sum(verdict.kept for verdict in ours)
    return Comparison(label, len(documents), kept, tuple(deviations), tuple(reason_only))


def show(title: str, comparisons: Sequence[Comparison], each: bool) -> None:
    """Prints one table, and the deviations one by one or counted by name."""
    print(f"\n{title}\n")
    print(f"{'rule set':<20}{'documents':>10}{'kept':>9}{'agree':>10}{'differ':>8}{'other reason':>14}")
    for c in comparisons:
        print(
            f"{c.rule_set:<20}{c.documents:>10,}{c.kept_by_ours / c.documents:>9.1%}"
            f"{c.agreement:>10.3%}{len(c.deviations):>8}{len(c.reason_only):>14}"
        )
    for c in comparisons:
        if each:
            for deviation in (*c.deviations, *c.reason_only):
                print(f"  {c.rule_set}: {deviation.id}: {deviation.name} {deviation.ours.detail}")
        else:
            for name, number in Counter(deviation.name for deviation in c.deviations).most_common():
                ids = [d.id for d in c.deviations if d.name == name]
                print(f"  {c.rule_set}: {number} x {name}, such as {', '.join(ids[:3])}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    arguments = parser.parse_args()
    documents = read_documents(arguments.shared, arguments.documents)
    characters = sum(len(document.text) for document in documents)
    print(f"{len(documents):,} documents, {characters / 1e6:.1f} million characters")
    with our_words():
        same = compare(documents)
    show("Same words", same, each=True)
    with own_words():
        own = compare(documents)
    show("Own words: datatrove with spaCy", own, each=False)
    differs = any(c.deviations or c.reason_only for c in same)
    return int(differs or any(c.agreement < TARGET_OWN_WORDS for c in own))


if __name__ == "__main__":
    sys.exit(main())
