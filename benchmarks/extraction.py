"""How good and how fast HTML extraction is, on pages whose main text people marked.

Gold, by how far it can be trusted: `manual_full_text` (people marked the whole article; F1 of
4-word shingles as scrapinghub's benchmark counts it, and of words), `manual_segments` (people
named sentences that must and must not be there; accuracy and F1 as trafilatura's evaluation
counts them), `tool_reference_*` (what another good extractor gave; F1 of words).

    python benchmarks/extraction.py --data ../shared/data/raw_web [--out results.json]
"""

from __future__ import annotations

import argparse
import json
import re
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import mean
from typing import Any

import pyarrow as pa
import zstandard
from pool import shared
from resiliparse.extract.html2text import extract_plain_text

from cupel.contract import Extractor
from cupel.corpus.charset import decode
from cupel.corpus.extraction.plain import Plain
from cupel.corpus.extraction.resiliparse import Resiliparse
from cupel.corpus.extraction.trafilatura import Trafilatura
from cupel.signals.language import Language

# Chinese and Japanese write no spaces: there each character counts as a word.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]|[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]+")
BARE = {"preserve_formatting": True, "main_content": True, "alt_texts": False, "comments": False}
UNION = ("resiliparse", "trafilatura")
Rule = Callable[[str], bool]


def gopher_like(text: str) -> bool:
    """Gopher's quality rules (Rae et al. 2021, table A1) but for the English stop words.

    Two thirds of the pages are not in English. Swap it for a recipe's own rules by `--rule`.
    """
    words = text.split()
    if not 50 <= len(words) <= 100_000 or not 3 <= mean(map(len, words)) <= 10:
        return False
    if (text.count("#") + text.count("...") + text.count("…")) / len(words) > 0.1:
        return False
    lines = text.splitlines()
    if sum(line.lstrip().startswith(("•", "-", "‣")) for line in lines) > 0.9 * len(lines):
        return False
    if sum(line.rstrip().endswith(("...", "…")) for line in lines) > 0.3 * len(lines):
        return False
    return sum(any(c.isalpha() for c in word) for word in words) >= 0.8 * len(words)


def union(texts: dict[str, str], passes: Rule) -> str:
    """The longest text that passes; the first extractor's where none does."""
    good = [texts[name] for name in UNION if passes(texts[name])]
    return max(good, key=len) if good else texts[UNION[0]]


def f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def overlap(gold: Counter[Any], extracted: Counter[Any]) -> tuple[float, float, float]:
    """(true positives, false positives, false negatives), each page weighing the same."""
    both = sum((gold & extracted).values())
    counts = (both, extracted.total() - both, gold.total() - both)
    total = sum(counts)
    return (counts[0] / total, counts[1] / total, counts[2] / total) if total else (0.0, 0.0, 0.0)


def grams(text: str, size: int) -> Counter[tuple[str, ...]]:
    """All runs of `size` words; of a shorter text all its words as one."""
    words = WORD.findall(text.lower())
    if not words:
        return Counter()
    return Counter(tuple(words[at : at + size]) for at in range(max(1, len(words) - size + 1)))


def corpus_f1(pairs: Iterable[tuple[str, str]], size: int) -> dict[str, float]:
    """Precision and recall averaged over pages, and their F1, in percent."""
    counts = [overlap(grams(gold, size), grams(extracted, size)) for gold, extracted in pairs]
    precision = mean([tp / (tp + fp) for tp, fp, _ in counts if tp + fp > 0] or [0.0])
    recall = mean([tp / (tp + fn) for tp, _, fn in counts if tp + fn > 0] or [0.0])
    return {
        "precision": 100 * precision,
        "recall": 100 * recall,
        "f1": 100 * f1(precision, recall),
    }


def squeeze(text: str) -> str:
    return " ".join(text.split())


def segments(rows: Iterable[tuple[dict[str, Any], str]]) -> dict[str, float]:
    """How many of the named sentences are where they should be, in percent."""
    found_right = found_wrong = missed = left_out = 0
    for gold, text in rows:
        text = squeeze(text)
        right = [squeeze(part) in text for part in gold["must_contain"] or ()]
        wrong = [squeeze(part) in text for part in gold["must_not_contain"] or ()]
        found_right += sum(right)
        missed += len(right) - sum(right)
        found_wrong += sum(wrong)
        left_out += len(wrong) - sum(wrong)
    precision = found_right / max(1, found_right + found_wrong)
    recall = found_right / max(1, found_right + missed)
    every = found_right + missed + found_wrong + left_out
    return {
        "must_contain": 100 * recall,
        "must_not_contain": 100 * left_out / max(1, left_out + found_wrong),
        "accuracy": 100 * (found_right + left_out) / max(1, every),
        "f1": 100 * f1(precision, recall),
    }


def load(data: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Each gold row with its page."""
    with zstandard.open(data / "gold.jsonl.zst", "rt") as lines:
        gold = {(row["archive"], row["member"]): row for row in map(json.loads, lines)}
    for path in sorted(data.glob("pages_*.tar.zst")):
        with (
            zstandard.open(path, "rb") as content,
            tarfile.open(fileobj=content, mode="r|") as archive,
        ):
            for member in archive:
                row = gold.get((path.name, member.name))
                if row is not None and (file := archive.extractfile(member)) is not None:
                    yield row, file.read()


def measure(extractor: Extractor, pages: list[str]) -> tuple[list[str], dict[str, float]]:
    """All texts, and what they cost: CPU seconds of this one thread."""
    extractor.extract(pages[0])
    texts, slowest = [], 0.0
    started = time.thread_time()
    for page in pages:
        before = time.thread_time()
        texts.append(extractor.extract(page))
        slowest = max(slowest, time.thread_time() - before)
    seconds = time.thread_time() - started
    size = sum(len(page.encode()) for page in pages)
    return texts, {
        "pages_per_second": len(pages) / seconds,
        "mb_per_second": size / 1e6 / seconds,
        "slowest_seconds": slowest,
    }


def score(gold: list[dict[str, Any]], texts: list[str], passes: Rule) -> dict[str, Any]:
    """All measures of one extractor."""
    kinds: dict[str, list[tuple[dict[str, Any], str]]] = {}
    for row, text in zip(gold, texts, strict=True):
        kinds.setdefault(row["gold_kind"], []).append((row, text))
    result: dict[str, Any] = {"pages_that_pass": 100 * mean(map(passes, texts))}
    for kind, rows in sorted(kinds.items()):
        if kind == "manual_segments":
            result[kind] = segments(rows)
            continue
        pairs = [(row["text"], text) for row, text in rows]
        result[kind] = {"word_f1": corpus_f1(pairs, 1)["f1"]}
        if kind == "manual_full_text":
            result[kind]["shingle"] = corpus_f1(pairs, 4)
    return result


def table(results: dict[str, Any], pages: int, megabytes: float) -> str:
    """The results for people."""
    lines = [
        f"{pages} pages, {megabytes:.0f} MB of HTML; percent, but for speed (one core, CPU time)",
        "",
        f"{'':12} {'full text':>20}  {'segments':>27}  {'tool references':>24}  {'rules':>6}  {'speed':>15}",
        f"{'':12} {'4-gram F1':>10} {'word F1':>9}  {'in':>6} {'out':>6} {'acc.':>6} {'F1':>6}"
        f"  {'html':>7} {'md':>8} {'text':>7}  {'pass':>6}  {'pages/s':>8} {'MB/s':>6}",
    ]
    for name, figures in results.items():
        full, parts = figures["manual_full_text"], figures["manual_segments"]
        tools = [figures[f"tool_reference_{kind}"]["word_f1"] for kind in ("html", "markdown", "text")]
        speed = figures["speed"]
        lines.append(
            f"{name:12} {full['shingle']['f1']:10.1f} {full['word_f1']:9.1f}"
            f"  {parts['must_contain']:6.1f} {parts['must_not_contain']:6.1f} {parts['accuracy']:6.1f}"
            f" {parts['f1']:6.1f}  {tools[0]:7.1f} {tools[1]:8.1f} {tools[2]:7.1f}"
            f"  {figures['pages_that_pass']:6.1f}  {speed['pages_per_second']:8.0f}"
            f" {speed['mb_per_second']:6.1f}"
        )
    return "\n".join(lines)


def by_language(gold: list[dict[str, Any]], texts: dict[str, list[str]]) -> str:
    """Of each language with three pages or more: word F1 where the gold is text, and segments found.

    `bare` is resiliparse's main-content mode without what `cupel.corpus.extraction` mends in its pages.
    """
    sample = ["\n".join([row.get("text") or "", *(row.get("must_contain") or ())]) for row in gold]
    languages = Language().measure(pa.record_batch({"text": sample}))["language"].to_pylist()
    lines = [f"{'language':9} {'pages':>6}" + "".join(f" {name:>24}" for name in texts)]
    lines.append(" " * 16 + "".join(f" {'word F1':>12} {'segments':>11}" for _ in texts))
    for language, pages in Counter(languages).most_common():
        if pages < 3:
            continue
        rows = [place for place, detected in enumerate(languages) if detected == language]
        line = f"{language:9} {pages:6}"
        for of_pages in texts.values():
            whole = [place for place in rows if gold[place]["gold_kind"] != "manual_segments"]
            named = [(gold[place], of_pages[place]) for place in rows if place not in set(whole)]
            words = corpus_f1([(gold[place]["text"], of_pages[place]) for place in whole], 1)["f1"]
            line += f" {words:12.1f}" if whole else f" {'–':>12}"
            line += f" {segments(named)['f1']:11.1f}" if named else f" {'–':>11}"
        lines.append(line)
    return "\n".join(lines)


def run(data: Path, passes: Rule = gopher_like) -> tuple[dict[str, Any], str]:
    """All extractors and the union on all pages: the results as data and as a table."""
    loaded = list(load(data))
    gold = [row for row, _ in loaded]
    pages = [decode(page, html=True)[0] for _, page in loaded]
    extractors = (Resiliparse(), Trafilatura(), Plain())
    texts: dict[str, list[str]] = {}
    results: dict[str, Any] = {}
    for extractor in extractors:
        texts[extractor.name], speed = measure(extractor, pages)
        results[extractor.name] = score(gold, texts[extractor.name], passes) | {"speed": speed}
    best = [union({name: texts[name][page] for name in UNION}, passes) for page in range(len(pages))]
    rates = {
        unit: 1 / sum(1 / results[name]["speed"][unit] for name in UNION)
        for unit in ("pages_per_second", "mb_per_second")
    }
    results["union"] = score(gold, best, passes) | {"speed": rates}
    size = sum(len(page.encode()) for page in pages) / 1e6
    bare = [extract_plain_text(page, **BARE) for page in pages]
    languages = by_language(gold, {"bare": bare} | texts)
    changed = sum(before != other for before, other in zip(bare, texts["resiliparse"], strict=True))
    return (
        results,
        f"{table(results, len(pages), size)}\n\n{languages}\n{changed} pages differ from bare resiliparse",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="the folder with pages_*.tar.zst and gold")
    parser.add_argument("--out", type=Path, help="write the results as JSON")
    parser.add_argument("--rule", default="", help="module:function, text -> bool, for the union")
    arguments = parser.parse_args()
    passes: Rule = gopher_like
    if arguments.rule:
        module, _, name = arguments.rule.partition(":")
        passes = getattr(__import__(module, fromlist=[name]), name)
    data = arguments.data or (shared() or Path()) / "raw_web"
    results, text = run(data, passes)
    print(text)
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
