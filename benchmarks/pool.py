"""Text for benchmarks: the real pool where it lies beside the project, else this machine's Python sources."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent


def shared() -> Path | None:
    """The folder of real data, if it is there."""
    places = [os.environ.get("CUPEL_SHARED"), ROOT.parent / "shared", ROOT.parent.parent / "shared"]
    return next((Path(place) / "data" for place in places if place and (Path(place) / "data").is_dir()), None)


def rows() -> Iterator[dict]:
    """Documents of all pool files in turn: one of each file, then the next, so that any prefix is a mix."""
    import zstandard

    data = shared()
    if data is None:
        for path in sorted(Path(os.__file__).parent.rglob("*.py")):
            yield {"id": str(path), "text": path.read_text(errors="replace"), "source": "stdlib"}
        return
    streams = []
    for path in sorted((data / "pool").glob("*.jsonl.zst")):
        raw = zstandard.ZstdDecompressor().stream_reader(path.open("rb"))
        streams.append(io.TextIOWrapper(raw, encoding="utf-8"))
    while streams:
        alive = []
        for stream in streams:
            line = stream.readline()
            if line:
                alive.append(stream)
                yield json.loads(line)
        streams = alive


def texts_of(megabytes: float) -> tuple[list[str], int]:
    """Texts of the pool, a little more than so many megabytes, and their bytes."""
    texts, size = [], 0
    for row in rows():
        texts.append(row["text"])
        size += len(row["text"].encode())
        if size > megabytes * 1e6:
            break
    return texts, size


def write_jsonl_zst(folder: Path, megabytes: float, files: int, *, salt: bool = False) -> int:
    """Write a pool of about `megabytes` of text as JSONL.zst files; the bytes of text written.

    Where the real text is used up it begins again; with `salt` each round replaces some words,
    so that rounds are near but not exact copies of each other.
    """
    import zstandard

    folder.mkdir(parents=True, exist_ok=True)
    budget = int(megabytes * 1e6) // files
    written, round_, source = 0, 0, rows()
    for number in range(files):
        size = 0
        with (folder / f"part-{number:03d}.jsonl.zst").open("wb") as sink:
            stream = zstandard.ZstdCompressor(level=3).stream_writer(sink)
            while size < budget:
                row = next(source, None)
                if row is None:
                    round_, source = round_ + 1, rows()
                    continue
                text = row["text"]
                if round_ and salt:
                    words = text.split(" ")
                    words[::7] = [f"{word}{round_}" for word in words[::7]]
                    text = " ".join(words)
                line = {"id": f"{row['id']}-{round_}", "text": text, "source": row.get("source", "")}
                stream.write(json.dumps(line).encode() + b"\n")
                size += len(text.encode())
            stream.close()
        written += size
    return written


def print_table(title: str, head: list[str], body: list[list[object]], note: str = "") -> None:
    """A Markdown table on standard output."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in body:
        print(
            "| " + " | ".join(f"{cell:,.3g}" if isinstance(cell, float) else str(cell) for cell in row) + " |"
        )
    if note:
        print(f"\n{note}")
    sys.stdout.flush()


def save(name: str, result: dict) -> None:
    """Keep the figures of one benchmark in `bench-results/NAME.json`."""
    folder = ROOT / "bench-results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
