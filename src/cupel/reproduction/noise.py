"""Clean texts with lines of real web pages, links and garbage planted in them, so that what is noise is known."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import zstandard

from cupel.errors import BadInput
from cupel.store import seeded_rank

__all__ = ["Planted", "noise_of", "plant_noise", "planted_pages", "read_rows", "side", "site"]

MIN_NOISE_LINES = 9
MIN_CHARACTERS = 400
TEST_SHARE = 0.3
_SENTENCE = re.compile(r"[.!?][\"')]*$")
_GARBAGE = list("abcdefghijklmnopqrstuvwxyz0123456789%&#;=/{}<>")
_LETTERS = list("abcdefghijklmnopqrstuvwxyz")


class Planted(NamedTuple):
    """A text with noise, the clean text, and for each line whether it was planted."""

    text: str
    clean: str
    planted: tuple[bool, ...]


def site(url: str) -> str:
    """The site of an address: the last two labels of its host, or the text itself where it is none.

    >>> site("https://de.wikipedia.org/wiki/Caf%C3%A9"), site("page 1")
    ('wikipedia.org', 'page 1')
    """
    host = urlsplit(url).netloc
    return ".".join(host.split(".")[-2:]) if host else url


def side(name: str, test_share: float, seed: int) -> str:
    """On which side a site stands: `train` or `test`, by its name and the seed."""
    rank = int.from_bytes(seeded_rank(name, seed), "big") / float(1 << 64)
    return "test" if rank < test_share else "train"


def noise_of(page: str) -> list[str]:
    """The lines of a web page that are no sentences of twelve words or more: menus, links, notices, teasers."""
    lines = [line.strip() for line in page.split("\n") if line.strip()]
    return [line for line in lines if len(line.split()) < 12 or not _SENTENCE.search(line)]


def plant_noise(texts: Sequence[str], pages: Sequence[str], seed: int) -> list[Planted]:
    """Plant noise in each text: lines of a page before and after it, and up to 3 runs within.

    Before and after the text stand up to 15 lines, at one place in four up to 120.

    A run within the text is 1 to 3 lines of the page (60 %), a link (20 %) or a line of garbage (20 %).

    Parameters
    ----------
    texts
        Clean texts.
    pages
        Text of web pages whose noise is planted; those with fewer than 9 lines of noise are left out.
    seed
        Of all draws.

    Raises
    ------
    BadInput
        No page has enough noise.
    """
    rng = np.random.default_rng(seed)
    sources = [lines for page in pages if len(lines := noise_of(page)) >= MIN_NOISE_LINES]
    if not sources:
        raise BadInput(f"none of {len(pages)} pages has {MIN_NOISE_LINES} lines of noise to plant")
    planted = []
    for text in texts:
        source = sources[int(rng.integers(len(sources)))]
        body: list[tuple[str, bool]] = [(line, False) for line in text.split("\n")]
        for _ in range(int(rng.integers(4))):
            place = int(rng.integers(len(body) + 1))
            body[place:place] = [(line, True) for line in _within(source, rng)]
        marked = [
            *((line, True) for line in _run(source, _length(rng), rng)),
            *body,
            *((line, True) for line in _run(source, _length(rng), rng)),
        ]
        planted.append(
            Planted("\n".join(line for line, _ in marked), text, tuple(noise for _, noise in marked))
        )
    return planted


def planted_pages(data: Path | None, names: Sequence[str], pages: int, seed: int) -> dict[str, list[Planted]]:
    """Documents of pool files with noise of `web_boilerplate` planted in them, by side: `train` and `test`.

    No document is on both sides, and no site whose noise is planted.

    Parameters
    ----------
    data
        Folder of the real data, with `pool/NAME.jsonl.zst`.
    names
        Files of clean text; documents of fewer than 400 characters are left out.
    pages
        Documents of all files, as many of each.

    Raises
    ------
    BadInput
        There are no data, or a file is not there.
    """
    if data is None:
        raise BadInput(
            f"this claim reads pool/{names[0]}.jsonl.zst of the real data, and there are no data; name their folder with "
            "--data, or put it beside the project as ../shared/data"
        )
    clean = []
    for name in names:
        rows = [
            row
            for row in read_rows(data / "pool" / f"{name}.jsonl.zst")
            if len(row["text"]) >= MIN_CHARACTERS
        ]
        order = np.random.default_rng(seed).permutation(len(rows))[: pages // len(names)]
        clean += [{"text": rows[place]["text"], "site": rows[place]["id"]} for place in order]
    boilerplate = [
        {"text": row["text"], "site": site(meta.get("url") or row["id"])}
        for row in read_rows(data / "pool" / "web_boilerplate.jsonl.zst")
        if str((meta := row.get("meta") or {}).get("lang") or "en").lower().startswith(("en", "de"))
    ]
    noise, texts = _by_side(boilerplate, seed), _by_side(clean, seed)
    return {name: plant_noise(texts[name], noise[name], seed + place) for place, name in enumerate(texts)}


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a `.jsonl.zst` file.

    Raises
    ------
    BadInput
        It is not there.
    """
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as reader:
            for line in io.TextIOWrapper(reader, encoding="utf-8"):
                yield json.loads(line)
    except FileNotFoundError:
        raise BadInput(f"{path} is not there; name the folder of the data with --data") from None


def _by_side(rows: Sequence[Mapping[str, str]], seed: int) -> dict[str, list[str]]:
    """The texts of rows with `text` and `site`, by the side of their site."""
    sides: dict[str, list[str]] = {"train": [], "test": []}
    for row in rows:
        sides[side(row["site"], TEST_SHARE, seed)].append(row["text"])
    return sides


def _within(source: Sequence[str], rng: np.random.Generator) -> list[str]:
    kind = rng.random()
    if kind < 0.6:
        return _run(source, int(rng.integers(1, 4)), rng)
    if kind < 0.8:
        host = "".join(rng.choice(_LETTERS, 8))
        return [
            f"https://{rng.choice(['www.', 'm.', ''])}{host}.{rng.choice(['com', 'org', 'net'])}/{rng.integers(9999)}"
        ]
    return ["".join(rng.choice(_GARBAGE, int(rng.integers(8, 61))))]


def _length(rng: np.random.Generator) -> int:
    return int(rng.integers(16 if rng.random() < 0.75 else 121))


def _run(source: Sequence[str], lines: int, rng: np.random.Generator) -> list[str]:
    start = int(rng.integers(max(1, len(source) - lines)))
    return list(source[start : start + lines])
