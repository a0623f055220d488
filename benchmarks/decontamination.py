"""Decontamination on a labelled set: precision and recall by kind, beside published rules, and speed.

Items of real evaluation sets are planted in real documents: verbatim, truncated, reordered; real
paraphrases and translations stand for the rest. Hard negatives are documents on the same topic, other
items of the same task, passages without their question, and quotations that an item shares with
several documents. Half of the items chooses the parameters (`--tune`), the other half is reported.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import re
import statistics
import tarfile
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pool import print_table, rows, save, shared, texts_of
from stage import MemoryView

from cupel.contract import Clusters, Resources
from cupel.deduplication.contamination.evaluations import read_sets
from cupel.deduplication.contamination.items import Fields
from cupel.deduplication.decontaminate import Decontaminate

TASKS = ("arc_easy", "boolq", "lambada_openai", "openbook_qa", "piqa", "jeopardy_all")
SUBJECTS = ("high_school_us_history", "high_school_biology", "professional_psychology", "philosophy")
PLANTS = ("verbatim", "truncated", "reordered")
OTHERS = ("paraphrased", "translated", "short verbatim", "short truncated", "short reordered")
HARD = ("same topic", "same task", "passage only", "quotation")
SHORT_WORDS = 24
"""Of an item as it is planted, its passage aside; halves of shorter ones say too little to be told from chance."""
QUOTED_IN = (4, 12, 30)

Row = dict[str, object]


@dataclass(frozen=True)
class Document:
    text: str
    kind: str
    item: int = -1
    """The row of the evaluation items that was planted."""


@dataclass(frozen=True)
class Case:
    """A corpus with labels, and the evaluation items that it is searched for."""

    documents: list[Document]
    items: list[Row]


def zstd_rows(path: Path) -> Iterator[Row]:
    import io

    import zstandard

    with path.open("rb") as raw:
        yield from map(json.loads, io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(raw), "utf-8"))


def members(path: Path, wanted: Iterable[str], folder: Path) -> None:
    """Unpack members whose names hold one of `wanted`."""
    import zstandard

    with (
        path.open("rb") as raw,
        tarfile.open(fileobj=zstandard.ZstdDecompressor().stream_reader(raw), mode="r|") as tar,
    ):
        for member in tar:
            if member.isfile() and any(name in member.name for name in wanted):
                (folder / Path(member.name).name).write_bytes(tar.extractfile(member).read())  # type: ignore[union-attr]


def real_items(data: Path) -> list[Row]:
    """Items of all sets, with the set's name."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        members(data / "eval/llm_foundry_tasks.tar.zst", [f"/{task}.jsonl" for task in TASKS], folder)
        members(data / "eval/mmlu.tar.zst", [f"test/{subject}_test" for subject in SUBJECTS], folder)
        files = [data / "eval" / f"{file}.jsonl.zst" for file in ("gsm8k_test", "hellaswag_val_subset")]
        sets = read_sets([name, *map(str, files)], Fields())
    names = [name for name, size in zip(sets.names, sets.sizes, strict=True) for _ in range(size)]
    items = sets.items.to_pylist()
    return [{"set": names[item.pop("row", place)], **item} for place, item in enumerate(items)]


def paraphrases(data: Path) -> list[tuple[str, str]]:
    """Sentence pairs of the MSR test part that people called paraphrases."""
    with tempfile.TemporaryDirectory() as folder:
        members(data / "label_noise/paraphrase_similarity.tar.zst", ["msr-para-test"], Path(folder))
        lines = (Path(folder) / "msr-para-test.tsv").read_text(encoding="utf-8-sig").splitlines()[1:]
    fields = [line.split("\t") for line in lines]
    return [(row[3], row[4]) for row in fields if len(row) == 5 and row[0] == "1"]


def translations(data: Path) -> list[tuple[str, str]]:
    """English paragraphs of XQuAD with one in another language of Latin letters."""
    by_language: dict[str, dict[str, str]] = defaultdict(dict)
    for row in zstd_rows(data / "multilingual/xquad_paragraphs.jsonl.zst"):
        _, language, number = str(row["id"]).split("/")
        by_language[language][number] = str(row["text"])
    others = [language for language in ("de", "es", "ro", "vi") if language in by_language]
    return [
        (text, by_language[others[int(number) % len(others)]][number])
        for number, text in by_language["en"].items()
        if number in by_language[others[int(number) % len(others)]]
    ]


# -- plants ------------------------------------------------------------------------------------


def written(item: Row, rng: random.Random) -> str:
    """An item as it stands on a web page, its passage left out: with the choices, or with its answer alone."""
    parts = [str(item["question"])]
    if item["choices"] and rng.random() < 0.5:
        parts.append(str(item["choices"]))
    parts.append(f"Answer: {item['answer']}")
    return "\n".join(parts)


def listed(item: Row) -> list[str]:
    """The choices of an item, without their letters."""
    return [line[3:] for line in str(item["choices"]).split("\n") if line]


def half(text: str, rng: random.Random) -> str:
    words = text.split()
    middle = len(words) // 2
    return " ".join(words[:middle] if rng.random() < 0.5 else words[middle:])


def shuffled(text: str, rng: random.Random) -> str:
    """Sentences in another order; clauses where there are fewer than three sentences."""
    pieces = re.split(r"(?<=[.!?])\s+|\n", text)
    if len(pieces) < 3:
        pieces = re.split(r"(?<=[.!?,;:])\s+|\n", text)
    order = list(range(len(pieces)))
    while len(order) > 1 and order == sorted(order):
        rng.shuffle(order)
    return " ".join(pieces[place] for place in order)


def plant(text: str, host: str, rng: random.Random) -> str:
    """`text` as a paragraph of its own somewhere in `host`."""
    paragraphs = host.split("\n")
    paragraphs.insert(rng.randint(0, len(paragraphs)), text)
    return "\n".join(paragraphs)


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def same_topic(items: Sequence[Row], hosts: Sequence[str], count: int) -> list[int]:
    """For some items, the document that shares most rare words with it."""
    bags = [set(words_of(host)) for host in hosts]
    frequency = Counter(word for bag in bags for word in bag)
    holders = defaultdict(list)
    for place, bag in enumerate(bags):
        for word in bag:
            if frequency[word] < len(hosts) // 50:
                holders[word].append(place)
    chosen: dict[int, None] = {}
    for item in items:
        scores: Counter[int] = Counter()
        for word in set(words_of(f"{item['question']} {item['answer']}")):
            for place in holders.get(word, ()):
                scores[place] += math.log(len(hosts) / frequency[word])  # type: ignore[assignment]
        if scores:
            chosen[scores.most_common(1)[0][0]] = None
        if len(chosen) >= count:
            break
    return list(chosen)


def quotations(items: Sequence[Row]) -> list[tuple[int, str]]:
    """Quoted sentences inside of questions (and their passages), at most 60 % of them."""
    quotes = []
    for place, item in enumerate(items):
        text = f"{item['passage']} {item['question']}"
        for quote in re.findall(r"[\"“]([^\"“”]{40,400})[\"”]", text):
            if 8 <= len(words_of(quote)) <= 0.6 * len(words_of(text)):
                quotes.append((place, quote))
                break
    return quotes


def build(data: Path, seed: int, part: int, each: int, background: int) -> Case:
    """The labelled set of one half (`part` 0 or 1): no item and no document is in both."""
    rng = random.Random(f"{seed}-{part}")
    everything = real_items(data)
    random.Random(seed).shuffle(everything)
    mine = everything[part::2]
    inside, outside = mine[::2], mine[1::2]
    per_set = Counter(item["set"] for item in inside)
    hosts = [str(row["text"]) for row in itertools.islice(rows(), part, 2 * background + part, 2)]
    documents = []
    # Every set gives about as many plants, however large it is.
    weights = [1 / per_set[item["set"]] for item in inside]
    free = iter(rng.sample(range(len(hosts)), len(hosts)))
    for kind, change in zip(PLANTS, (lambda text, _: text, half, shuffled), strict=True):
        for place in rng.choices(range(len(inside)), weights, k=each):
            text = written(inside[place], rng)
            short = "short " if len(words_of(text)) < SHORT_WORDS else ""
            # Halves and shuffled sentences are of what is asked and answered; the passage stands whole.
            passage = str(inside[place]["passage"])
            text = f"{passage}\n{change(text, rng)}" if passage else change(text, rng)
            documents.append(Document(plant(text, hosts[next(free)], rng), short + kind, place))
    items = [{**item, "choices": listed(item)} for item in inside]
    for kind, pairs in (("paraphrased", paraphrases(data)), ("translated", translations(data))):
        for original, other in pairs[part::2][:each]:
            documents.append(Document(plant(other, hosts[next(free)], rng), kind, len(items)))
            items.append({"set": kind, "question": original, "answer": "", "choices": [], "passage": ""})
    questions = {" ".join(words_of(str(item["question"]))) for item in items}
    train = [{"passage": "", "choices": "", **row} for row in zstd_rows(data / "eval/gsm8k_train.jsonl.zst")]
    for item in [*rng.sample(outside, each), *rng.sample(train, each)]:
        if " ".join(words_of(str(item["question"]))) not in questions:
            documents.append(Document(plant(written(item, rng), hosts[next(free)], rng), "same task"))
    for item in [item for item in inside if item["passage"]][: each // 2]:
        documents.append(Document(plant(str(item["passage"]), hosts[next(free)], rng), "passage only"))
    quoted = quotations(inside)
    for (_, quote), times in zip(quoted[: 3 * 7], itertools.cycle(QUOTED_IN)):
        for _ in range(times):
            documents.append(Document(plant(f'"{quote}"', hosts[next(free)], rng), f"quotation in {times}"))
    rest = [hosts[place] for place in free]
    topical = set(same_topic(rng.sample(inside, len(inside)), rest, each))
    for place, text in enumerate(rest):
        documents.append(Document(text, "same topic" if place in topical else "background"))
    return Case(documents, items)


# -- judges ------------------------------------------------------------------------------------


def searched(
    items: Sequence[Row], texts: Sequence[str], options: dict[str, object], folder: Path
) -> Clusters:
    """What `decontaminate` finds of `items`, whose file is written to `folder`, in the documents `texts`."""
    path = folder / "items.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in items))
    method = Decontaminate.from_options({"against": [str(path)], **options})
    text = pa.array(texts, pa.large_string())
    return method.decide(MemoryView(method.sketch(text), text), Resources(str(folder)))


def ours(case: Case, options: dict[str, object], folder: Path) -> dict[int, int]:
    """Flagged documents, with the row of the item."""
    members = searched(case.items, [document.text for document in case.documents], options, folder).members
    rows = [-1 - cluster for cluster in members["cluster"].to_pylist()]
    return dict(zip(members["doc"].to_pylist(), rows, strict=True))


def by_ngrams(case: Case, ngram: int, share: float) -> dict[int, int]:
    """The first item of which this share of its n-grams (0: any one) is in the document."""
    owners = defaultdict(list)
    sizes = []
    for place, item in enumerate(case.items):
        words = words_of(f"{item['question']} {item['answer']}")
        grams = {tuple(words[at : at + ngram]) for at in range(len(words) - ngram + 1)}
        sizes.append(len(grams))
        for gram in grams:
            owners[gram].append(place)
    flagged = {}
    for number, document in enumerate(case.documents):
        words = words_of(document.text)
        met: Counter[int] = Counter()
        for gram in {tuple(words[at : at + ngram]) for at in range(len(words) - ngram + 1)}:
            met.update(owners.get(gram, ()))
        held = [place for place, count in met.items() if count >= max(1, share * sizes[place])]
        if held:
            flagged[number] = document_item(document, held)
    return flagged


def document_item(document: Document, held: list[int]) -> int:
    return document.item if document.item in held else min(held)


def judged(case: Case, flagged: dict[int, int]) -> dict[str, float]:
    """Precision over everything, recall over each kind; of hard negatives the share flagged."""
    kinds: dict[str, list[bool]] = defaultdict(list)
    for number, document in enumerate(case.documents):
        kinds[document.kind].append(number in flagged)
    clean = sum(sum(flags) for kind, flags in kinds.items() if kind not in PLANTS + OTHERS)
    true = sum(sum(kinds[kind]) for kind in PLANTS)
    named = [flagged[n] == d.item for n, d in enumerate(case.documents) if d.kind in PLANTS and n in flagged]
    figures = {
        "precision": true / max(true + clean, 1),
        "recall": true / sum(len(kinds[kind]) for kind in PLANTS),
        "item named": sum(named) / max(len(named), 1),
    }
    return figures | {kind: sum(flags) / len(flags) for kind, flags in sorted(kinds.items())}


def tune(case: Case, folder: Path) -> None:
    """Every setting of a grid on one half, the best first."""
    grid = itertools.product((4, 5, 6, 8), (0.3, 0.4, 0.5), (8, 10, 12, 14))
    tried = []
    shown = ("background", "same topic", "precision", "recall")
    for ngram, threshold, words in grid:
        options: dict[str, object] = {"ngram": ngram, "threshold": threshold, "min_words": words}
        figures = judged(case, ours(case, options, folder))
        tried.append([ngram, threshold, words, *(figures[name] for name in (*shown, *PLANTS))])
    # Clean documents first: where a corpus is large, they are nearly all there is.
    tried.sort(key=lambda row: (row[3] + row[4], -row[6]))  # type: ignore[operator]
    print_table(
        "settings, on the half that chooses",
        ["ngram", "threshold", "min_words", *shown, *PLANTS],
        tried[:20],
    )


def speed(data: Path, megabytes: float, runs: int) -> list[dict[str, float]]:
    """MB/s of one core, searching for all items of all sets."""
    texts, size = texts_of(megabytes)
    text = pa.array(texts, pa.large_string())
    rows = []
    for count in (1_000, 5_000, None):
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            items = real_items(data)[:count]
            for item in items:
                file.write(json.dumps({**item, "choices": listed(item)}) + "\n")
            file.flush()
            method = Decontaminate.from_options({"against": [file.name]})
            method.sketch(text[:1])
            times = []
            for _ in range(runs):
                started = time.process_time()
                method.sketch(text)
                times.append(time.process_time() - started)
            rows.append(
                {
                    "items": len(items),
                    "n-grams": method._index().ngrams,
                    "MB/s": size / 1e6 / statistics.median(times),
                }
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=400, help="plants of each kind")
    parser.add_argument("--background", type=int, default=8_000, help="documents of each half")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tune", action="store_true", help="only the grid, on the half that chooses")
    arguments = parser.parse_args()
    data = shared()
    if data is None:
        raise SystemExit("needs the labelled data that lies beside the project (../shared)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.tune:
            tune(build(data, arguments.seed, 0, arguments.each, arguments.background), folder)
            return
        case = build(data, arguments.seed, 1, arguments.each, arguments.background)
        judges = {
            "cupel": ours(case, {}, folder),
            "any 13-gram (GPT-3, lm-eval)": by_ngrams(case, 13, 0.0),
            "half of 8-grams": by_ngrams(case, 8, 0.5),
            "70 % of 8-grams (PaLM)": by_ngrams(case, 8, 0.7),
        }
    results = {name: judged(case, flagged) for name, flagged in judges.items()}
    counts = Counter(document.kind for document in case.documents)
    lines = ["precision", "recall", "item named", *sorted(counts)]
    table = [[line, counts.get(line, ""), *(figures[line] for figures in results.values())] for line in lines]
    print_table(
        "decontamination, on the half that was not used for choosing",
        ["", "documents", *results],
        table,
        "precision over all documents, recall over verbatim, truncated and reordered plants; below, the "
        "share of each kind that is flagged.",
    )
    fast = speed(data, arguments.megabytes, arguments.runs)
    print_table("decontamination, speed of one core", list(fast[0]), [list(row.values()) for row in fast])
    save("decontamination", {"accuracy": results, "documents": dict(counts), "speed": fast})


if __name__ == "__main__":
    main()
