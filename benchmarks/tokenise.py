"""How fast do texts become tokens on one core, beside Hugging Face's tokenizers and tiktoken?

    python benchmarks/tokenise.py [--megabytes 20] [--peer-megabytes 4] [--repeats 5]

For English, for code and for a mix of languages, and for vocabularies of 2,048 and 32,000 tokens,
trained by tokenizers on the same documents (10 MB of them): MB of UTF-8 text per second of one core, the median of
several repeats, tokens packed end to end with the end of text after each document. Cold: the first
time that an encoder sees the texts. tokenizers and tiktoken, where it is installed, encode a part
of the documents, which they have seen before, with the same vocabulary, on one thread. Their
tokens are compared with ours.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator

os.environ["RAYON_NUM_THREADS"] = "1"

import numpy as np
import pyarrow as pa
from pool import print_table, rows, save, shared

from cupel.models.encoder import Encoder

TARGET_SPEED = 60.0
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def corpora(megabytes: float) -> dict[str, list[str]]:
    """English prose, code, and languages of many scripts; this machine's Python sources without real data."""
    data = shared()
    if data is None:
        return {"code": cut((row["text"] for row in rows()), megabytes)}
    english = ("wiki_en", "books_eltec", "reviews_imdb", "web_crawl", "news")
    languages = ("wikipedia_samples", "xquad_paragraphs", "udhr")
    return {
        "English": cut(texts_of("pool", english), megabytes),
        "code": cut(texts_of("pool", ("code",)), megabytes),
        "languages": cut(texts_of("multilingual", languages), megabytes),
    }


def texts_of(folder: str, names: tuple[str, ...]) -> Iterator[str]:
    """One document of each file in turn."""
    import zstandard

    data = shared()
    assert data is not None
    files = [zstandard.open(data / folder / f"{name}.jsonl.zst", "rt", encoding="utf-8") for name in names]
    while files:
        for file in list(files):
            line = file.readline()
            if not line:
                files.remove(file)
                continue
            yield json.loads(line)["text"]


def cut(texts: Iterator[str], megabytes: float) -> list[str]:
    """The first texts that are so many megabytes together."""
    held, size = [], 0
    for text in texts:
        held.append(text)
        size += len(text.encode())
        if size > megabytes * 1e6:
            break
    return held


def train(texts: list[str], vocabulary: int) -> bytes:
    """A byte-level BPE of so many tokens, one of them the end of text."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    model.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=vocabulary - 1, initial_alphabet=alphabet, show_progress=False)
    )
    return model.to_str().encode()


def seconds_of(work: Callable[[], object], repeats: int) -> float:
    """Median of the processor time of `work`."""
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


def by_tokenizers(file: bytes, texts: list[str], end: int) -> Callable[[], np.ndarray]:
    """Encodes and packs the texts with Hugging Face's tokenizers."""
    from tokenizers import Tokenizer

    model = Tokenizer.from_buffer(file)

    def work() -> np.ndarray:
        encodings = model.encode_batch_fast(texts, add_special_tokens=False)
        return np.concatenate([np.array([*encoding.ids, end], np.uint16) for encoding in encodings])

    return work


def by_tiktoken(file: bytes, texts: list[str], end: int) -> Callable[[], np.ndarray] | None:
    """Encodes and packs the texts with tiktoken; nothing where it is not installed."""
    try:
        import tiktoken
    except ImportError:
        return None
    from tokenizers import pre_tokenizers

    letters = {letter: byte for byte, letter in enumerate(byte_letters())}
    assert set(letters) == set(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = json.loads(file)["model"]["vocab"]
    ranks = {bytes(letters[letter] for letter in word): rank for word, rank in vocabulary.items()}
    model = tiktoken.Encoding("benchmark", pat_str=GPT2, mergeable_ranks=ranks, special_tokens={})

    def work() -> np.ndarray:
        encodings = model.encode_ordinary_batch(texts, num_threads=1)
        return np.concatenate([np.array([*tokens, end], np.uint16) for tokens in encodings])

    return work


def byte_letters() -> list[str]:
    """The letters that stand for bytes in a vocabulary of GPT-2's kind."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def measure(texts: list[str], vocabulary: int, peer_megabytes: float, repeats: int) -> dict[str, float]:
    """MB/s of the encoder, new and with words it has met, and of the peers."""
    file = train(cut(iter(texts), 10), vocabulary)
    end = vocabulary - 1
    column = pa.array(texts, pa.large_string())
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    encoder = Encoder(file, end, vocabulary)
    assert encoder.native, encoder.reason
    few = texts[:: max(1, int(megabytes / peer_megabytes))]
    peer_bytes = sum(len(text.encode()) for text in few) / 1e6
    cold = seconds_of(lambda: encoder.encode(column, threads=1), 1)
    warm = seconds_of(lambda: encoder.encode(column, threads=1), repeats)
    speeds = {"cold": megabytes / cold, "warm": megabytes / warm}
    ours = encoder.encode(pa.array(few, pa.large_string()), threads=1)[0]
    for name, peer in (("tokenizers", by_tokenizers), ("tiktoken", by_tiktoken)):
        work = peer(file, few, end)
        if work is None:
            continue
        theirs = work()
        if not np.array_equal(theirs, ours):
            # tiktoken also merges a pair that is no merge of the file wherever both together are a token.
            assert name == "tiktoken", f"{name} gives other tokens"
            print(f"tiktoken gives other tokens: {len(theirs):,}, not {len(ours):,}")
        speeds[name] = peer_bytes / seconds_of(work, min(repeats, 3))
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--peer-megabytes", type=float, default=4, help="what the peers encode")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    results = {
        (name, vocabulary): measure(texts, vocabulary, arguments.peer_megabytes, arguments.repeats)
        for name, texts in corpora(arguments.megabytes).items()
        for vocabulary in (2048, 32_000)
    }
    body: list[list[object]] = [
        [name, f"{vocabulary:,}", speeds["cold"], speeds["warm"], speeds["tokenizers"],
         speeds.get("tiktoken", "not installed"), speeds["warm"] / speeds["tokenizers"]]
        for (name, vocabulary), speeds in results.items()
    ]  # fmt: skip
    first = next(iter(results.values()))["warm"]
    print_table(
        "Tokenise and pack: MB/s of one core",
        ["texts", "vocabulary", "cold", "warm", "tokenizers", "tiktoken", "times tokenizers"],
        body,
        f"Target: {TARGET_SPEED:g} MB/s on English with 2,048 tokens, warm: "
        f"{'met' if first >= TARGET_SPEED else 'not met'} with {first:.0f}.",
    )
    save("tokenise", {f"{name} {vocabulary}": speeds for (name, vocabulary), speeds in results.items()})


if __name__ == "__main__":
    main()
