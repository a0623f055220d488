"""How well do rules and fitted programs find the lines of a page that are no text, and how fast?

    python benchmarks/programs.py [--shared FOLDER] [--pages 2000]

Two measures. Planted: lines of real web pages, links and garbage in articles and news; the sites whose noise is planted, and
the articles, are other ones in training and test. Human: raw pages whose main text a person marked, all their text
extracted; half of the sites teach. F1 is that of removed lines, blank ones left out; `lines kept` is the F1 of what
stays, which says more where most of a page is noise. Speed is by processor time.
"""

from __future__ import annotations

import argparse
import json
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import zstandard

import cupel
from cupel.contract import Edit, Resources, find_method
from cupel.edits.programs.alignment import missing_lines, missing_words
from cupel.edits.programs.held_out import line_measures
from cupel.reproduction.noise import planted_pages, read_rows, side, site

RULES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("refinedweb-lines", {}),
    ("c4-lines", {}),
    ("c4-lines", {"require_terminal_punctuation": False}),
)
Pair = tuple[str, str, np.ndarray]


def planted(data: Path, pages: int) -> dict[str, list[Pair]]:
    """Articles and news with planted noise, by side."""
    made = planted_pages(data, ("news", "wiki_en"), pages, seed=0)
    return {
        name: [(page.text, page.clean, np.array(page.planted)) for page in rows]
        for name, rows in made.items()
    }


def human(data: Path) -> dict[str, list[Pair]]:
    """All the text of raw pages, and the main text that a person marked, by side."""
    from resiliparse.extract.html2text import extract_plain_text

    rows = (
        row for row in read_rows(data / "raw_web/gold.jsonl.zst") if row["gold_kind"] == "manual_full_text"
    )
    gold = {row["member"]: row for row in rows}
    sides: dict[str, list[Pair]] = {"train": [], "test": []}
    with (data / "raw_web/pages_scrapinghub.tar.zst").open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                row = gold.get(member.name)
                content = archive.extractfile(member) if row else None
                if row and content:
                    html = content.read().decode("utf-8", "replace")
                    text = extract_plain_text(html, main_content=False, alt_texts=False, links=False)
                    labels = missing_words(text, row["text"])
                    sides[side(site(row["url"]), 0.5, 0)].append((text, row["text"], labels))
    return sides


def fitted(pairs: Sequence[Pair], folder: Path, **options: Any) -> Edit:
    """The edit `line-programs`, fitted to pairs."""
    lines = [
        json.dumps({"id": str(number), "text": text, "clean": clean})
        for number, (text, clean, _) in enumerate(pairs)
    ]
    folder.mkdir()
    (folder / "pairs.jsonl").write_text("\n".join(lines), "utf-8")
    start = time.perf_counter()
    made = cupel.fit(
        "line-programs",
        output=folder / "programs",
        options={"pairs": [str(folder / "pairs.jsonl")], **options},
    )
    size = sum(len(text.encode()) for text, _, _ in pairs) / 1e6
    print(
        f"fitted to {len(pairs)} pages, {size:.1f} MB, in {time.perf_counter() - start:.1f} s: {made.about['about']}"
    )
    return find_method("line-programs", Edit).from_options(
        {"artifact": str(folder / "programs"), "max_removed": 1.0}
    )


def removed_lines(edit: Edit, pairs: Sequence[Pair]) -> tuple[np.ndarray, np.ndarray, float]:
    """Which lines an edit removes, which it should, and MB/s."""
    batch = pa.record_batch({"text": pa.array([text for text, _, _ in pairs], pa.large_string())})
    function = edit.prepare(Resources())
    function(batch.slice(0, 1))
    start = time.process_time()
    edited = function(batch).text.to_pylist()
    speed = batch.column("text").nbytes / 1e6 / (time.process_time() - start)
    predicted, expected = [], []
    for (text, _, labels), new in zip(pairs, edited, strict=True):
        filled = np.array([bool(line.strip()) for line in text.split("\n")])
        predicted.append(missing_lines(text, new)[filled])
        expected.append(labels[filled])
    return np.concatenate(predicted), np.concatenate(expected), speed


def show(edits: dict[str, Edit], pairs: Sequence[Pair]) -> None:
    """Print a table."""
    print(f"{'':<42}{'precision':>10}{'recall':>10}{'F1':>10}{'lines kept':>12}{'MB/s':>8}")
    for name, edit in edits.items():
        predicted, expected, speed = removed_lines(edit, pairs)
        precision, recall, f1 = line_measures(predicted, expected)
        kept = line_measures(~predicted, ~expected)[2]
        print(f"{name:<42}{precision:>10.3f}{recall:>10.3f}{f1:>10.3f}{kept:>12.3f}{speed:>8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    parser.add_argument("--pages", type=int, default=2000)
    arguments = parser.parse_args()
    data = arguments.shared / "data"
    rules: dict[str, Edit] = {
        " ".join([name, *map(str, options)]): find_method(name, Edit).from_options(options)
        for name, options in RULES
    }
    with tempfile.TemporaryDirectory() as scratch:
        planted_pages, human_pages = planted(data, arguments.pages), human(data)
        on_planted = fitted(planted_pages["train"], Path(scratch) / "planted")
        on_human = fitted(human_pages["train"], Path(scratch) / "human", match="words", held_out=0.05)
        edits = {**rules, "line-programs, fitted to planted noise": on_planted}
        print(f"\nplanted noise, {len(planted_pages['test'])} pages of the test")
        show(edits, planted_pages["test"])
        print(f"\nraw pages, {len(human_pages['test'])} pages of the test, marked by people")
        show({**edits, "line-programs, fitted to marked pages": on_human}, human_pages["test"])


if __name__ == "__main__":
    main()
