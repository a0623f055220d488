"""What does each rule set keep of pages that people judged good and bad?

    python benchmarks/quality.py [--shared FOLDER]

The pages are those that DataComp-LM's annotators labelled 1 (good) or 0 (bad): all pages by
majority, and those on which the annotators agreed. A rule set that helps keeps more of the
good than of the bad; the difference comes with a 95 % interval (Newcombe's, from Wilson
intervals), because a few hundred pages decide little.
"""

from __future__ import annotations

import argparse
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import zstandard

from cupel import _kernels
from cupel.contract import Edit, Signal, find_method
from cupel.rules import methods

FILES = ("dclm_human_quality_majority_data", "dclm_human_quality_agreement_data")
RULE_SETS = (
    "gopher-repetition",
    "gopher-quality",
    "massivetext",
    "c4",
    "c4, any line end",
    "fineweb",
    "refinedweb",
    "dclm-heuristics",
    "language",
    "gopher + c4, any line end + fineweb",
)


# How words are cut: as the recipes do.
SEGMENTATION = {"dclm-heuristics": "whitespace"}


@dataclass(frozen=True)
class Kept:
    """How many good and bad pages there are, and how many of each a rule set keeps."""

    rule_set: str
    good: int
    good_kept: int
    bad: int
    bad_kept: int

    @property
    def difference(self) -> float:
        """Share of good pages kept less share of bad pages kept."""
        return self.good_kept / self.good - self.bad_kept / self.bad

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference (Newcombe 1998, method 10)."""
        p, (p_low, p_high) = self.good_kept / self.good, wilson(self.good_kept, self.good)
        q, (q_low, q_high) = self.bad_kept / self.bad, wilson(self.bad_kept, self.bad)
        return (
            p - q - math.hypot(p - p_low, q_high - q),
            p - q + math.hypot(p_high - p, q - q_low),
        )

    @property
    def precision(self) -> float:
        """Share of good pages among those kept; nan when none is kept."""
        kept = self.good_kept + self.bad_kept
        return self.good_kept / kept if kept else math.nan


def wilson(hits: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % Wilson interval of a proportion.

    >>> [round(bound, 3) for bound in wilson(8, 10)]
    [0.49, 0.943]
    """
    p = hits / total
    centre = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    return centre - half, centre + half


def read_pages(path: Path) -> tuple[pa.RecordBatch, np.ndarray]:
    """The texts, and for each whether people judged it good."""
    with path.open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        rows = [json.loads(line) for line in lines]
    texts = pa.array([row["text"] for row in rows], pa.large_string())
    return pa.RecordBatch.from_pydict({"text": texts}), np.array([row["label"] == 1 for row in rows])


def kept_by(label: str, pages: pa.RecordBatch) -> np.ndarray:
    """Which pages a rule set keeps; `a + b`: one after the other, on the text as edited."""
    mask = np.zeros(pages.num_rows, bool)
    alive = np.arange(pages.num_rows)
    for part in label.split(" + "):
        for name in ("gopher-repetition", "gopher-quality") if part == "gopher" else (part,):
            kept, edited = _step(name, pages)
            alive, pages = alive[kept], edited.filter(pa.array(kept))
    mask[alive] = True
    return mask


def _step(label: str, pages: pa.RecordBatch) -> tuple[np.ndarray, pa.RecordBatch]:
    name, _, variant = label.partition(", ")
    rule_set = next(method for method in methods() if method.name == name).from_options({})
    columns: dict[str, pa.Array] = {}
    if rule_set.needs_edit is not None:
        options = {"require_terminal_punctuation": False} if variant else {}
        edited = find_method(rule_set.needs_edit, Edit).from_options(options).edit(pages)  # type: ignore[attr-defined]
        columns |= edited.columns
        pages = pa.RecordBatch.from_pydict({"text": edited.text})
    segmentation = SEGMENTATION.get(name, "prose")
    columns |= measure([s for s in rule_set.signals if s not in columns], pages, segmentation)
    return rule_set.decide(pa.RecordBatch.from_pydict(columns)).kept, pages


def measure(wanted: list[str], pages: pa.RecordBatch, segmentation: str) -> dict[str, pa.Array]:
    """The signals asked for: language by its own model, all others by the kernel's pass."""
    columns: dict[str, pa.Array] = {}
    if "language" in wanted:
        identified = find_method("language-id", Signal).from_options({}).measure(pages)  # type: ignore[attr-defined]
        columns |= {name: identified.column(name) for name in identified.schema.names}
    rest = [name for name in wanted if name not in columns]
    if rest:
        measured = pa.record_batch(_kernels.measure(pages.column("text"), rest, segmentation=segmentation))
        columns |= {name: measured.column(name) for name in rest}
    return columns


def judge(path: Path) -> list[Kept]:
    """Every rule set on the pages of one file."""
    pages, good = read_pages(path)
    rows = []
    for label in RULE_SETS:
        kept = kept_by(label, pages)
        counts = (int(part.sum()) for part in (good, kept & good, ~good, kept & ~good))
        rows.append(Kept(label, *counts))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    folder = parser.parse_args().shared / "data" / "label_noise"
    for name in FILES:
        results = judge(folder / f"{name}.jsonl.zst")
        first = results[0]
        print(f"\n{name}: {first.good} good pages, {first.bad} bad\n")
        print(line("rule set", "good kept", "bad kept", "difference", "95 %", "precision"))
        for kept in results:
            low, high = kept.interval
            print(
                line(
                    kept.rule_set,
                    f"{kept.good_kept / kept.good:.1%}",
                    f"{kept.bad_kept / kept.bad:.1%}",
                    f"{kept.difference:+.1%}",
                    f"{low:+.1%} to {high:+.1%}",
                    f"{kept.precision:.1%}",
                )
            )
        everything = first.good / (first.good + first.bad)
        print(line("no rules", "100.0%", "100.0%", "+0.0%", "", f"{everything:.1%}"))


def line(name: str, good: str, bad: str, difference: str, interval: str, precision: str) -> str:
    """One row of the table."""
    return f"{name:<37}{good:>10}{bad:>10}{difference:>12}{interval:>18}{precision:>11}"


if __name__ == "__main__":
    main()
