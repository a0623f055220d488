"""Pages to text: `cupel refine` on WARC and HTML, beside datatrove with trafilatura, speed and F1 from one run.

    python benchmarks/pages.py [--copies 4] [--cores 2] [--repeats 3]

The pages whose main text people marked, as often as --copies says, in gzipped WARC files (for both) and as a folder of
HTML. Both pipelines extract the main text and write it; both start as commands, so start-up counts. F1 is that of the
4-word shingles of the written text against the marked text, over the pages with a marked full text; a page that a
pipeline lost counts as empty.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.dataset
from end_to_end import timed
from extraction import corpus_f1, load
from pool import print_table, save, shared

TARGET_RATIO = 5.0
RECIPE = "name: pages\nsteps:\n  - extract: {extractors: [EXTRACTOR]}\n  - length: {min_characters: 1}\n"
CUPEL = str(Path(sys.executable).with_name("cupel"))


def record(url: str, page: bytes) -> bytes:
    """One WARC record of a response, a gzip member of its own."""
    response = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page
    head = (
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Identified-Payload-Type: text/html\r\n"
        f"WARC-Record-ID: <{url}>\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n"
        f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(response)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + response + b"\r\n\r\n", 6)


def write_pages(pages: list[bytes], folder: Path, copies: int, files: int) -> int:
    """The pages as WARC files and as HTML; how many there are of each."""
    warcs, html = folder / "warc", folder / "html"
    warcs.mkdir()
    html.mkdir()
    streams = [(warcs / f"{number:02}.warc.gz").open("wb") for number in range(files)]
    for number in range(copies * len(pages)):
        page = pages[number % len(pages)]
        streams[number % files].write(record(f"http://page/{number}", page))
        (html / f"{number}.html").write_bytes(page)
    for stream in streams:
        stream.close()
    return copies * len(pages)


def datatrove(pool: Path, work: Path, cores: int) -> None:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.readers import WarcReader
    from datatrove.pipeline.writers import ParquetWriter

    LocalPipelineExecutor(
        pipeline=[
            WarcReader(str(pool)),
            Trafilatura(favour_precision=True, timeout=10),
            ParquetWriter(str(work / "data")),
        ],
        tasks=len(list(pool.iterdir())),
        workers=cores,
        logging_dir=str(work / "logs"),
        start_method="fork",
    ).run()


def texts_by_url(output: Path) -> dict[str, str]:
    """What was written of each page."""
    rows: list[dict[str, Any]] = pyarrow.dataset.dataset(output / "data").to_table().to_pylist()
    return {row.get("url") or row["metadata"]["url"]: row["text"] for row in rows}  # of the peer, a struct


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--copies", type=int, default=4, help="of each page")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="of Cupel; the peer runs once")
    parser.add_argument("--peer", nargs=2, metavar=("POOL", "WORK"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        datatrove(Path(arguments.peer[0]), Path(arguments.peer[1]), arguments.cores)
        return
    data = shared()
    if data is None:
        sys.exit("needs the shared data: raw_web/")
    loaded = list(load(data / "raw_web"))
    marked = [
        (number, row["text"])
        for number, (row, _) in enumerate(loaded)
        if row["gold_kind"] == "manual_full_text"
    ]
    rows, rates = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pages = write_pages([page for _, page in loaded], folder, arguments.copies, 2 * arguments.cores)

        def measure(name: str, command: list[str], repeats: int, *, scored: bool = True) -> None:
            seconds = []
            for _ in range(repeats):
                shutil.rmtree(folder / "out", ignore_errors=True)
                seconds.append(timed(command)[0])
            texts = texts_by_url(folder / "out") if scored else {}
            pairs = [(text, texts.get(f"http://page/{number}", "")) for number, text in marked]
            score = f"{corpus_f1(pairs, 4)['f1']:.1f}" if scored else "–"
            median = statistics.median(seconds)
            rates[name] = pages / median / arguments.cores
            rows.append([name, pages, median, rates[name], score])

        for extractor in ("resiliparse", "trafilatura"):
            recipe = folder / f"{extractor}.yaml"
            recipe.write_text(RECIPE.replace("EXTRACTOR", extractor))
            run = [
                CUPEL,
                "refine",
                str(recipe),
                "--cores",
                str(arguments.cores),
                "--output",
                str(folder / "out"),
            ]
            repeats = arguments.repeats if extractor == "resiliparse" else 1
            measure(f"cupel, {extractor}, WARC", [*run, "--input", str(folder / "warc")], repeats)
            if extractor == "resiliparse":
                html = [*run, "--input", str(folder / "html")]
                measure(f"cupel, {extractor}, HTML files", html, repeats, scored=False)
        peer = [sys.executable, __file__, "--cores", str(arguments.cores)]
        command = [*peer, "--peer", str(folder / "warc"), str(folder / "out")]
        measure("datatrove, trafilatura, WARC", command, 1)
    ratio = rates["cupel, resiliparse, WARC"] / rates["datatrove, trafilatura, WARC"]
    print_table(
        f"Pages to text, {arguments.cores} cores",
        ["pipeline", "pages", "seconds (median)", "pages/s per core", "4-gram F1"],
        rows,
        f"Target: {TARGET_RATIO:g} times datatrove with trafilatura "
        f"({'met' if ratio >= TARGET_RATIO else 'not met'} with {ratio:.1f}).",
    )
    save("pages", {"pages_per_s_per_core": rates, "ratio": ratio, "cores": arguments.cores, "rows": rows})


if __name__ == "__main__":
    main()
