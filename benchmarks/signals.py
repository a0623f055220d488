"""How fast are the signals on one core, beside datatrove's filters and beside the limit?

    python benchmarks/signals.py [--documents 20000] [--peer-documents 200] [--repeats 5]

Three kinds of figures, all from one run on the same documents, each the median of several
repeats, in MB of UTF-8 text per second of one core:

- every family of signals on its own; those of C4 + Gopher + FineWeb together in one pass, and so RedPajama-V2's
  two families on normalized words, which cut each text once;
- the limit: a pass that only cuts the text into words;
- datatrove 0.10's four filters on a sample of the documents, words by its own tokenizer (spaCy),
  and once more with the words handed to it for nothing. A filter stops at its first reason to
  drop; Cupel always measures every column.

C4's line-wise edit is counted in the total where it is installed.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
from pool import print_table, rows, save

from cupel import _kernels
from cupel.contract import Edit, KernelSignal, all_methods, find_method
from cupel.errors import CupelError
from cupel.signals.redpajama import NormalizedNgrams, NormalizedWords

# What the rules of C4, Gopher and FineWeb look at.
RULES = [
    "non_symbol_word_count",
    "mean_word_length",
    "hash_to_word_ratio",
    "ellipsis_to_word_ratio",
    "bullet_line_fraction",
    "ellipsis_line_fraction",
    "alpha_word_fraction",
    "stop_word_count",
    "duplicate_line_fraction",
    "duplicate_line_character_fraction",
    "duplicate_paragraph_fraction",
    "duplicate_paragraph_character_fraction",
    "top_2gram_character_fraction",
    "top_3gram_character_fraction",
    "top_4gram_character_fraction",
    "duplicate_5gram_character_fraction",
    "duplicate_6gram_character_fraction",
    "duplicate_7gram_character_fraction",
    "duplicate_8gram_character_fraction",
    "duplicate_9gram_character_fraction",
    "duplicate_10gram_character_fraction",
    "terminal_punctuation_line_fraction",
    "short_line_fraction",
    "duplicate_nonblank_line_character_fraction",
    "newline_to_word_ratio",
]
C4 = [
    "javascript_line_count",
    "policy_line_count",
    "lorem_ipsum_count",
    "curly_bracket_count",
    "sentence_count",
]

TARGET_SPEED = 50.0
TARGET_RATIO = 100.0


def median_seconds(work: Callable[[], object], repeats: int) -> float:
    """Median of the processor time of `work`."""
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


def kernel_speeds(texts: pa.Array, megabytes: float, repeats: int) -> dict[str, float]:
    """MB/s of the limit, of every family, and of the rules' columns together."""
    speeds = {
        "limit: cut into words": megabytes / median_seconds(lambda: _kernels.count_words(texts), repeats)
    }

    def timed(name: str, columns: Sequence[str], **options: Any) -> None:
        seconds = median_seconds(lambda: _kernels.measure(texts, list(columns), **options), repeats)
        speeds[name] = megabytes / seconds

    timed("Gopher + repetition + FineWeb", RULES)
    timed("C4 + Gopher + repetition + FineWeb", [*RULES, *C4])
    for name, family in all_methods().items():
        if issubclass(family, KernelSignal):
            try:
                options = family().kernel_options()
            except CupelError:
                options = {"bad_words": ["badword", "worse", "two words"]}
            timed(name, list(family.columns), **options)
    timed("redpajama-words + redpajama-ngrams", [*NormalizedWords.columns, *NormalizedNgrams.columns])
    timed("all columns", _kernels.signal_columns())
    return speeds


def edit_seconds(texts: pa.Array, repeats: int) -> float | None:
    """Seconds of C4's line-wise edit over all texts, where it is installed."""
    try:
        edit: Any = find_method("c4-lines", Edit)()
    except CupelError:
        return None
    batch = pa.record_batch({"text": texts})
    return median_seconds(lambda: edit.edit(batch), repeats)


def peer_speeds(texts: list[str], repeats: int) -> dict[str, float]:
    """MB/s of datatrove's filters, with its own words and with words for nothing."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )
    from datatrove.utils import text as datatrove_text

    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    filters = (C4QualityFilter(), GopherQualityFilter(), GopherRepetitionFilter(), FineWebQualityFilter())

    def run() -> None:
        for text in texts:
            for judge in filters:
                judge.filter(Document(text=text, id=""))

    def cold() -> None:
        datatrove_text.split_into_parts.cache_clear()
        run()

    speeds = {"datatrove, its own words": megabytes / median_seconds(cold, repeats)}
    words = pa.array(_kernels.words(pa.array(texts, pa.large_string()))).to_pylist()
    known = dict(zip(texts, words, strict=True))
    modules = __import__("datatrove.pipeline.filters", fromlist=["filters"])
    patched = ("gopher_quality_filter", "gopher_repetition_filter", "fineweb_quality_filter")
    originals = {name: getattr(modules, name).split_into_words for name in patched}
    for name in patched:
        getattr(modules, name).split_into_words = lambda text, *_: known[text]
    try:
        free = filters[1:]

        def run_free() -> None:
            for text in texts:
                for judge in free:
                    judge.filter(Document(text=text, id=""))

        speeds["datatrove without C4, words for nothing"] = megabytes / median_seconds(run_free, repeats)
    finally:
        for name, original in originals.items():
            getattr(modules, name).split_into_words = original
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--peer-documents", type=int, default=200, help="documents that datatrove filters")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    documents = [row["text"] for row in itertools.islice(rows(), arguments.documents)]
    texts = pa.array(documents, pa.large_string())
    megabytes = sum(len(text.encode()) for text in documents) / 1e6
    _kernels.measure(texts.slice(0, 10), _kernels.signal_columns())
    speeds = kernel_speeds(texts, megabytes, arguments.repeats)
    together = "C4 + Gopher + repetition + FineWeb"
    seconds = edit_seconds(texts, arguments.repeats)
    if seconds is not None:
        total = megabytes / speeds[together] + seconds
        together += ", with C4's edit of lines"
        speeds[together] = megabytes / total
    step = max(1, len(documents) // arguments.peer_documents)
    peers = peer_speeds(documents[::step][: arguments.peer_documents], min(arguments.repeats, 3))
    own = peers["datatrove, its own words"]
    body = [[name, value, value / own] for name, value in {**speeds, **peers}.items()]
    print_table(
        f"Signals: {len(documents):,} documents, {megabytes:,.1f} MB, one core",
        ["what", "MB/s", "times datatrove's four filters"],
        body,
        f"Targets: {TARGET_SPEED:g} MB/s ({'met' if speeds[together] >= TARGET_SPEED else 'not met'} with "
        f"{speeds[together]:.1f}) and {TARGET_RATIO:g} times datatrove "
        f"({'met' if speeds[together] / own >= TARGET_RATIO else 'not met'} with "
        f"{speeds[together] / own:.0f}). "
        f"datatrove: every {step}th document.",
    )
    save("signals", {"documents": len(documents), "megabytes": megabytes, "speeds": speeds, "peers": peers})


if __name__ == "__main__":
    main()
