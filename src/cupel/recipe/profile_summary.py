"""The essentials of a pool in about thirty lines, as `inspect` shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cupel.corpus.files import InputFile
from cupel.corpus.peek import peek_at
from cupel.corpus.read import ReadOptions
from cupel.findings import Block, Facts, Prose, Section, Table
from cupel.recipe.folder import Folder
from cupel.recipe.histograms import ledger_sample
from cupel.units import estimate_tokens, write_bytes, write_count, write_percent, write_scaled

__all__ = ["Measured", "fitting_recipes", "pool_summary"]

PEEKED_FILES = 50
SHOWN_FILES, SHOWN_FIELDS, SHOWN_SAMPLES, SHOWN_LANGUAGES = 3, 6, 3, 5
EXAMPLE_CHARACTERS = 400
CODE_PUNCTUATION = 0.1
"""Punctuation of a document that is likely code: 56 % of source files have more, 0 to 1 % of news, web pages and
encyclopedias, 8 % of chat logs, 11 % of technical documents."""
MIN_CODE_SHARE, MIN_ENGLISH_SHARE, MIN_CHAT_SHARE, MIN_PAGE_SHARE = 0.3, 0.5, 0.5, 0.2
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
SIGNALS = {
    "repeated lines": "duplicate_line_fraction",
    "repeated 5-grams": "duplicate_5gram_character_fraction",
    "punctuation": "punctuation_fraction",
}


@dataclass(frozen=True)
class Measured:
    """Shares of a pool's documents that determine which recipes fit."""

    english: float
    code: float
    pages: float
    conversations: float
    main_language: str = "en"


def fitting_recipes(measured: Measured) -> list[tuple[str, str]]:
    """Commands that fit the pool, and why each does; the best first.

    >>> fitting_recipes(Measured(english=0.1, code=0.6, pages=0, conversations=0))[0]
    ('refine code', '60.0 % of the documents look like source code')
    """
    fitting = []
    if measured.conversations >= MIN_CHAT_SHARE:
        share = write_percent(measured.conversations)
        fitting.append(("dedup --by exact --by minhash", f"{share} are conversations; recipes are for texts"))
        return fitting
    if measured.code >= MIN_CODE_SHARE:
        fitting.append(
            ("refine code", f"{write_percent(measured.code)} of the documents look like source code")
        )
        if measured.code < 1 - MIN_CODE_SHARE:
            fitting.append(("refine demo", "mild rules, for prose and code together"))
    elif measured.english >= MIN_ENGLISH_SHARE:
        english = f"{write_percent(measured.english)} of the documents are English"
        if measured.pages >= MIN_PAGE_SHARE:
            pages = f"{write_percent(measured.pages)} come from web pages, {english}"
            fitting += [
                ("refine fineweb", pages),
                ("refine refinedweb", "the same, with stricter rules for lines"),
            ]
        else:
            fitting.append(
                ("refine gopher", f"{english}; its rules are for prose, and were made for web pages")
            )
            fitting.append(("refine demo", "milder rules, for manuals and other technical text"))
    else:
        main = measured.main_language
        fitting.append(
            (
                f"refine fineweb --set language.languages=[{main}]",
                f"{write_percent(measured.english)} are English; thresholds were made for English",
            )
        )
    fitting.append(("refine redpajama-v2", "measures sixty signals and drops nothing"))
    return fitting


def pool_summary(
    folder: Folder,
    files: Sequence[InputFile],
    reading: ReadOptions,
    manifest: Mapping[str, Any],
    labels: Mapping[str, int],
) -> tuple[Section, ...]:
    """The sections that a terminal shows.

    Parameters
    ----------
    folder
        Of the run that measured the pool; every document is in it.
    labels
        Documents by language.
    """
    peeks = [peek_at(file, reading) for file in files[:PEEKED_FILES]]
    table = ledger_sample(folder, [*SIGNALS.values(), "character_count"])
    texts, pages, conversations = _first_documents(folder)
    documents = max(manifest["documents"]["in"] - manifest["documents"]["quarantined"], 0)
    known = sum(labels.values()) or 1
    measured = Measured(
        english=labels.get("en", 0) / known,
        code=_share(_values(table, "punctuation_fraction") > CODE_PUNCTUATION),
        pages=max(pages, _share_of_pages(files)),
        conversations=conversations,
        main_language=max(labels, key=lambda label: labels[label]) if labels else "en",
    )
    facts = [
        ("documents", _documents(manifest)),
        *_files(files, [peek.understood for peek in peeks]),
        *_distributions(table),
        ("languages", _languages(labels)),
        ("duplicates", _duplicates(folder, documents)),
    ]
    fields = _fields([peek.row for peek in peeks if peek.row is not None], manifest)
    samples = Table(columns=("sample texts",), rows=tuple((text,) for text in texts), formats=("line",))
    recipes = Table(
        columns=("recipes that fit", "because"),
        rows=tuple(fitting_recipes(measured)),
        formats=("line", "text"),
    )
    blocks: list[Block] = [Facts(facts=tuple((name, value) for name, value in facts if value))]
    blocks += [fields] if fields.rows else []
    blocks += [samples] if texts else [Prose(text="No text could be read.")]
    blocks += [recipes] if documents else []
    return (Section(title="", key="pool", blocks=tuple(blocks)),)


def _documents(manifest: Mapping[str, Any]) -> str:
    text = manifest["bytes"]["text_in"]
    quarantined = manifest["documents"]["quarantined"]
    unread = f"; {write_count(quarantined)} could not be read" if quarantined else ""
    count = write_count(manifest["documents"]["in"])
    return f"{count}, {write_bytes(text)} of text, about {write_scaled(estimate_tokens(text))} tokens{unread}"


def _files(files: Sequence[InputFile], understood: Sequence[str]) -> list[tuple[str, str]]:
    kinds: dict[str, list[InputFile]] = {}
    for place, file in enumerate(files):
        words = understood[place] if place < len(understood) else "as the others"
        kinds.setdefault(f"{file.format}, {words or 'nothing recognized'}", []).append(file)
    ordered = sorted(kinds.items(), key=lambda item: -sum(file.bytes for file in item[1]))
    rows = [
        (f"{write_count(len(group))} {kind}", write_bytes(sum(file.bytes for file in group)))
        for kind, group in ordered
    ]
    facts = [
        ("files" if not place else "", f"{words}: {size}")
        for place, (words, size) in enumerate(rows[:SHOWN_FILES])
    ]
    if len(rows) > SHOWN_FILES:
        facts.append(("", f"and {len(rows) - SHOWN_FILES} more kinds"))
    return facts


def _values(table: pa.Table | None, name: str) -> npt.NDArray[np.float64]:
    if table is None:
        return np.empty(0)
    values = table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values[np.isfinite(values)]


def _share(flags: npt.NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else 0.0


def _distributions(table: pa.Table | None) -> list[tuple[str, str]]:
    """Percentiles of the length, and the median and 95th percentile of a few signals."""
    lengths = _values(table, "character_count")
    if not len(lengths):
        return []
    small, quarter, half, three_quarters, large, longest = (
        write_scaled(value) for value in np.quantile(lengths, QUANTILES)
    )
    length = f"5 % ≤ {small}, 25 % ≤ {quarter}, 50 % ≤ {half}, 75 % ≤ {three_quarters}, 95 % ≤ {large}, max {longest}"
    signals = [
        f"{words} {_percent(values, 0.5)}/{_percent(values, 0.95)}"
        for words, name in SIGNALS.items()
        if len(values := _values(table, name))
    ]
    return [("characters", length), ("median/95 %", ", ".join(signals))]


def _percent(values: npt.NDArray[np.float64], quantile: float) -> str:
    return f"{100 * float(np.quantile(values, quantile)):.0f} %"


def _languages(labels: Mapping[str, int]) -> str:
    known = sum(labels.values())
    ordered = sorted(labels.items(), key=lambda item: -item[1])
    shown = [f"{label} {write_percent(count / known)}" for label, count in ordered[:SHOWN_LANGUAGES]]
    more = f", {len(ordered) - SHOWN_LANGUAGES} more" if len(ordered) > SHOWN_LANGUAGES else ""
    return ", ".join(shown) + more


def _duplicates(folder: Folder, documents: int) -> str:
    parts = []
    for label, words in (("exact", "exact copies"), ("minhash", "exact or near copies")):
        path = folder.clusters / f"{label}.parquet"
        if path.exists() and documents:
            members = pq.read_table(path, columns=["kept"]).column("kept")
            copies = pc.sum(pc.invert(members)).as_py() or 0
            parts.append(f"{words} {write_percent(copies / documents)}")
    return ", ".join(parts)


def _share_of_pages(files: Sequence[InputFile]) -> float:
    total = sum(file.bytes for file in files)
    return (
        sum(file.bytes for file in files if file.format in ("html", "warc", "arc")) / total if total else 0.0
    )


def _first_documents(folder: Folder) -> tuple[list[str], float, float]:
    """A few texts, and the shares of documents with a URL and with turns, in the first rows of each data file."""
    texts: list[str] = []
    documents = pages = conversations = 0
    paths = sorted(folder.data.glob("*.parquet"))
    for path in paths:
        with pq.ParquetFile(path) as file:
            wanted = [name for name in ("text", "url", "parts") if name in file.schema_arrow.names]
            batch = next(file.iter_batches(batch_size=500, columns=wanted), None)
        if batch is None or not batch.num_rows:
            continue
        documents += batch.num_rows
        pages += batch.num_rows - batch.column("url").null_count
        if "parts" in wanted:
            conversations += batch.num_rows - batch.column("parts").null_count
        rows = [0, batch.num_rows // 2, batch.num_rows - 1] if len(paths) == 1 else [0, batch.num_rows // 2]
        texts += [batch.column("text")[row].as_py()[:EXAMPLE_CHARACTERS] for row in dict.fromkeys(rows)]
    shown = texts[:: max(len(texts) // SHOWN_SAMPLES, 1)][:SHOWN_SAMPLES]
    return shown, pages / max(documents, 1), conversations / max(documents, 1)


def _fields(rows: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any]) -> Table:
    """Fields of the rows with their types: as the output would have them, or else as the first row has them."""
    types = dict(manifest["fields"].get("columns", {}))
    examples: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            if examples.get(name) in (None, ""):
                examples[name] = value
    listed = [
        (str(name), _short(str(types.get(name) or _kind(value))), _example(value))
        for name, value in examples.items()
    ]
    caption = f"and {len(listed) - SHOWN_FIELDS} more fields" if len(listed) > SHOWN_FIELDS else ""
    return Table(
        columns=("field", "type", "example"),
        rows=tuple(listed[:SHOWN_FIELDS]),
        formats=("line", "line", "line"),
        caption=caption,
    )


def _short(kind: str) -> str:
    """A type without what is in it: `large_list<item: string>` → `list`."""
    return kind.partition("<")[0].removeprefix("large_")


def _kind(value: Any) -> str:
    kinds = {str: "string", bool: "bool", int: "int64", float: "double", list: "list", dict: "struct"}
    return kinds.get(type(value), "null" if value is None else type(value).__name__)


def _example(value: Any) -> str:
    return (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))[
        :EXAMPLE_CHARACTERS
    ]
