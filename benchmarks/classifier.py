"""How well and how fast is a quality classifier trained and applied, beside fastText on the same texts?

    python benchmarks/classifier.py [--shared FOLDER] [--megabytes N N N] [--epochs N]

Encyclopedia and news are told from web pages. A fifth of the documents is held out; the others are
shuffled and cut at each size. Both trainers get the same texts in one line each, DCLM's options and
the same number of n-gram rows, and one thread; seconds are those of the processor. The last table is
about that number of rows: what fewer and more rows than the default do to a model.

fastText 0.9.2 with one thread sets a tenth of its first weights and leaves the rest as memory comes; on
Linux it comes as zeros here. With twelve threads its AUROC is the same to the fourth digit.
"""

from __future__ import annotations

import argparse
import ctypes
import io
import json
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import zstandard
from pool import print_table, save, shared
from sklearn.metrics import roc_auc_score

from cupel.models.fasttext import FastText, FastTextTraining, train

GOOD, BAD = ("wiki_en", "news"), ("web_crawl", "web_boilerplate")
Rows = list[tuple[str, str]]


def documents(folder: Path) -> tuple[Rows, Rows]:
    """Texts with their labels, shuffled: to learn from, and held out."""
    rows = []
    for label, names in (("hq", GOOD), ("cc", BAD)):
        for name in names:
            with (folder / "pool" / f"{name}.jsonl.zst").open("rb") as file:
                stream = zstandard.ZstdDecompressor().stream_reader(file)
                for line in io.TextIOWrapper(stream, encoding="utf-8"):
                    rows.append((json.loads(line)["text"], label))
    rows = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))]
    held_out = len(rows) // 5
    return rows[held_out:], rows[:held_out]


def size_of(rows: Rows) -> float:
    """Megabytes of text."""
    return sum(len(text.encode()) for text, _ in rows) / 1e6


def cut(rows: Rows, megabytes: float) -> Rows:
    sizes = np.cumsum([len(text.encode()) for text, _ in rows])
    return rows[: int(np.searchsorted(sizes, megabytes * 1e6)) + 1]


def one_line(text: str) -> str:
    return " ".join(text.strip().splitlines())


def auroc(rows: Rows, scores: npt.ArrayLike) -> float:
    return float(roc_auc_score([label == "hq" for _, label in rows], scores))


def cupel(learned: Rows, held_out: Rows, options: FastTextTraining) -> dict[str, float]:
    """Seconds of training, MB/s of applying, AUROC, size and rows of the model."""
    texts, labels = (pa.array(column, pa.large_string()) for column in zip(*learned, strict=True))
    started = time.process_time()
    file = train(texts, labels, options)
    seconds = time.process_time() - started
    model = FastText(file)
    asked = pa.array([text for text, _ in held_out], pa.large_string())
    started = time.process_time()
    scores = model.classify(asked, threads=1)[:, model.labels.index("hq")]
    rate = size_of(held_out) / (time.process_time() - started)
    buckets = int(np.frombuffer(file, "<i4", 1, offset=8 + 4 * 8)[0])
    return {
        "seconds": seconds,
        "mb_s": rate,
        "auroc": auroc(held_out, scores),
        "model_mb": len(file) / 1e6,
        "buckets": buckets,
    }


def fasttext(learned: Rows, held_out: Rows, options: FastTextTraining, buckets: int) -> dict[str, float]:
    """The same of the fasttext package."""
    import fasttext as package

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text("".join(f"__label__{label} {one_line(text)}\n" for text, label in learned))
        started = time.process_time()
        model = package.train_supervised(
            str(path),
            dim=options.dim,
            epoch=options.epochs,
            lr=options.learning_rate,
            wordNgrams=options.word_ngrams,
            minCount=options.min_count,
            bucket=buckets,
            thread=1,
            verbose=0,
        )
        seconds = time.process_time() - started
    lines = [one_line(text) + "\n" for text, _ in held_out]
    started = time.process_time()
    labels, probabilities = model.f.multilinePredict(lines, 1, 0.0, "strict")
    rate = size_of(held_out) / (time.process_time() - started)
    scores = [
        p[0] if label[0] == "__label__hq" else 1 - p[0]
        for label, p in zip(labels, probabilities, strict=True)
    ]
    return {"seconds": seconds, "mb_s": rate, "auroc": auroc(held_out, scores)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, help="folder with data/pool")
    parser.add_argument("--megabytes", type=float, nargs="+", default=[2, 7, 20], help="text to learn from")
    parser.add_argument("--epochs", type=int, default=FastTextTraining.epochs)
    parser.add_argument("--learning-rate", type=float, default=FastTextTraining.learning_rate)
    arguments = parser.parse_args()
    folder = arguments.shared / "data" if arguments.shared else shared()
    if folder is None:
        parser.error("the pool of real texts is not here; name the folder with --shared")
    options = FastTextTraining(epochs=arguments.epochs, learning_rate=arguments.learning_rate)
    everything, held_out = documents(folder)
    if sys.platform == "linux":
        # Large blocks of memory always come fresh from the system, as zeros (M_MMAP_THRESHOLD).
        ctypes.CDLL(None).mallopt(-3, 1 << 16)
    results, training, applying = [], [], []
    for megabytes in arguments.megabytes:
        learned = cut(everything, megabytes)
        ours = cupel(learned, held_out, options)
        theirs = fasttext(learned, held_out, options, int(ours["buckets"]))
        results.append({"megabytes": size_of(learned), "cupel": ours, "fasttext": theirs})
        training.append(
            [
                round(size_of(learned), 1),
                len(learned),
                round(ours["seconds"], 1),
                round(theirs["seconds"], 1),
                f"{theirs['seconds'] / ours['seconds']:.2f}×",
                f"{ours['auroc']:.4f}",
                f"{theirs['auroc']:.4f}",
            ]
        )
        applying.append(
            [
                round(ours["model_mb"]),
                round(ours["mb_s"], 1),
                round(theirs["mb_s"], 1),
                f"{ours['mb_s'] / theirs['mb_s']:.1f}×",
            ]
        )
    print_table(
        "Training, one thread",
        ["MB", "documents", "cupel, s", "fasttext, s", "faster", "cupel, AUROC", "fasttext, AUROC"],
        training,
        f"{len(held_out)} documents held out; {asdict(options)}",
    )
    print_table(
        f"Applying to {size_of(held_out):.0f} MB held out, MB/s on one core",
        ["model, MB", "cupel", "fasttext", "faster"],
        applying,
    )
    body, by_rows = [], []
    learned = cut(everything, sorted(arguments.megabytes)[len(arguments.megabytes) // 2])
    # Long enough for n-grams to matter.
    thorough = replace(options, epochs=8, learning_rate=1.0)
    for buckets in (10_000, None, 250_000, 2_000_000):
        ours = cupel(learned, held_out, replace(thorough, buckets=buckets))
        by_rows.append(ours)
        name = f"{ours['buckets']:,}" + (" (default)" if buckets is None else "")
        body.append([name, round(ours["model_mb"]), round(ours["seconds"], 1), f"{ours['auroc']:.4f}"])
    print_table(
        f"Rows for n-grams, {size_of(learned):.0f} MB, {thorough.epochs} epochs, "
        f"learning rate {thorough.learning_rate}",
        ["rows", "model, MB", "training, s", "AUROC"],
        body,
    )
    save("classifier", {"sizes": results, "rows": by_rows})


if __name__ == "__main__":
    main()
