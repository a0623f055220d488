"""Do Cupel's `dclm-heuristics` and `refinedweb-lines` decide as DataComp-LM's published pipeline does?

    python benchmarks/agreement_dclm.py [--documents 2200] [--shared FOLDER]

The reference is `tests/rules/dclm_reference.py`, the pipeline told once more in plain Python. It cuts
words with the package uniseg, as the pipeline does (slow: 0.05 MB/s). Prints the agreement of
each rule, of all together, and of the line corrections, with the documents that differ, and exits with
an error where a rule agrees on fewer than 99.5 %.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pyarrow as pa

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from agreement import Text, read_documents  # noqa: E402

from cupel.contract import Edit, Signal, find_method  # noqa: E402
from cupel.rules import methods  # noqa: E402

TARGET = 0.995
MAX_REMOVED = 0.05


def reference() -> ModuleType:
    from tests.rules import dclm_reference

    return dclm_reference


def our_failed_rules(texts: Sequence[str]) -> tuple[list[dict[str, bool]], list[str | None]]:
    """By text, whether each rule of `dclm-heuristics` would drop it, and the rule that does."""
    rule_set = next(method for method in methods() if method.name == "dclm-heuristics").from_options({})
    batch = pa.RecordBatch.from_pydict({"text": pa.array(texts, pa.large_string())})
    decision = rule_set.decide(find_method("dclm-page", Signal).from_options({}).measure(batch))  # type: ignore[attr-defined]
    failed = [{name: bool(rows[row]) for name, rows in decision.failed.items()} for row in range(len(texts))]
    reasons = [decision.reason(row) for row in range(len(texts))]
    return failed, [reason and reason.rule for reason in reasons]


def our_corrections(texts: Sequence[str]) -> tuple[list[str], list[float]]:
    """The corrected texts and the share of words that went."""
    batch = pa.RecordBatch.from_pydict({"text": pa.array(texts, pa.large_string())})
    edited = find_method("refinedweb-lines", Edit).from_options({}).edit(batch)  # type: ignore[attr-defined]
    return edited.text.to_pylist(), edited.columns["refinedweb_removed_word_fraction"].to_pylist()


def compare_rules(documents: Sequence[Text]) -> dict[str, list[str]]:
    """By rule, the documents that differ; `all rules` are kept by one side and dropped by the other."""
    theirs = reference()
    failed, _ = our_failed_rules([document.text for document in documents])
    differ: dict[str, list[str]] = {rule: [] for rule in failed[0]} | {"all rules": []}
    for document, our in zip(documents, failed, strict=True):
        their = theirs.failed_rules(document.text, theirs.uniseg_segments)
        for rule in our:
            if our[rule] != their[rule]:
                differ[rule].append(document.id)
        if any(our.values()) != any(their.values()):
            differ["all rules"].append(document.id)
    return differ


def compare_corrections(documents: Sequence[Text]) -> dict[str, list[str]]:
    """The documents whose corrected text differs, or the decision on the share of words removed."""
    theirs = reference()
    texts, fractions = our_corrections([document.text for document in documents])
    differ: dict[str, list[str]] = {"corrected text": [], "removed words": [], "max removed words": []}
    for document, text, fraction in zip(documents, texts, fractions, strict=True):
        their_text = theirs.corrected(document.text)
        their_fraction = theirs.removed_word_fraction(document.text, their_text)
        if text != their_text:
            differ["corrected text"].append(document.id)
        if abs(fraction - max(their_fraction, 0)) > 1e-12:
            differ["removed words"].append(document.id)
        if (fraction > MAX_REMOVED) != (their_fraction > MAX_REMOVED):
            differ["max removed words"].append(document.id)
    return differ


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=2_200)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    arguments = parser.parse_args()
    documents = read_documents(arguments.shared, arguments.documents)
    characters = sum(len(document.text) for document in documents)
    print(f"{len(documents):,} documents, {characters / 1e6:.1f} million characters\n")
    worst = 1.0
    for name, ids in (compare_corrections(documents) | compare_rules(documents)).items():
        agreement = 1 - len(ids) / len(documents)
        worst = min(worst, agreement)
        print(f"{name:<45}{agreement:>9.3%}{len(ids):>5}  {', '.join(ids[:4])}", flush=True)
    return int(worst < TARGET)


if __name__ == "__main__":
    sys.exit(main())
