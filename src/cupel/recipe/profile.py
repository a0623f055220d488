"""`inspect`: describes a pool before any decision."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cupel.corpus.files import InputFile
from cupel.corpus.read import ReadOptions
from cupel.corpus.remote import printable
from cupel.engine import Engine
from cupel.errors import RunFailed
from cupel.findings import Page, Section, Table
from cupel.notebook import page_html, page_text
from cupel.recipe.folder import Folder
from cupel.recipe.options import RunOptions
from cupel.recipe.planner import make_plan
from cupel.recipe.profile_summary import pool_summary
from cupel.recipe.progress import Progress
from cupel.recipe.recipe import Recipe
from cupel.recipe.run import refine
from cupel.recipe.scores import read_asked, score_sections
from cupel.units import write_count

__all__ = ["Profile", "inspect"]

STEPS: list[Any] = [
    "language-id",
    "counts",
    "word-quality",
    "repetition",
    "characters",
    {"exact": {"action": "mark"}},
    {"minhash": {"action": "mark"}},
]
SHOWN = ("labels", "sources", "quarantine", "left-out", "signals")
"""Keys of the sections of a run's report that describe the pool."""
REFINING = ("kept", "share kept", "dropped")
"""Columns that say what a run did."""


@dataclass(frozen=True)
class Profile:
    """A pool described: `page` to look at, `manifest` with the counts."""

    page: Page
    manifest: dict[str, Any]

    def __repr__(self) -> str:
        return page_text(self.page)

    def _repr_html_(self) -> str:
        return page_html(self.page)


def inspect(
    inputs: Sequence[str],
    *,
    reading: ReadOptions | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
    scratch: str | Path | None = None,
    signals: Iterable[str] = (),
    overrides: Iterable[str] = (),
) -> Profile:
    """Sizes, languages, duplicates and signal histograms of a pool, and the signals that are asked for.

    Everything is read once and measured; nothing is kept. It needs free disk of about the
    pool's compressed size in `scratch` (default: the temporary folder) while it runs.

    Raises
    ------
    BadInput
        Nothing readable there.
    RunFailed
        There is no folder for temporary files, or no room in it.
    """
    asked = read_asked(signals)
    steps = [*STEPS, *(name for name in asked.steps if name not in STEPS)]
    title = printable(", ".join(inputs))
    record = {"name": "inspect", "title": title, "signals": asked.signals, "steps": steps}
    recipe = Recipe.from_dict(record, overrides)
    with _temporary_folder(scratch) as folder:
        done = refine(
            recipe,
            input=inputs,
            output=Path(folder) / "run",
            options=RunOptions(reading=reading or ReadOptions(), engine=engine or Engine()),
            progress=progress,
        )
        page = done.page()
        kept = Folder(Path(folder) / "run")
        read = [InputFile(**file) for file in kept.read_inputs()["files"]]
        scores: list[Section] = []
        if asked.steps:
            wanted = Recipe.from_dict({**record, "steps": list(asked.steps)}, overrides)
            scores = score_sections(kept, make_plan(wanted), asked)
        summary = pool_summary(
            kept, read, reading or ReadOptions(), done.manifest, done.manifest["labels"].get("language", {})
        )
    copies = [section for section in page.sections if section.key == "duplicates"]
    shown = [section for key in SHOWN for section in page.sections if section.key == key]
    values = dict(page.facts)
    facts = (
        ("documents", values["documents in"]),
        ("text", values["text in"]),
        ("files", write_count(done.manifest["input_files"])),
        ("quarantined", values["quarantined"]),
        ("time", values["time"]),
    )
    page = page.model_copy(
        update={
            "title": "Inspected",
            "subtitle": printable(", ".join(inputs)),
            "facts": facts,
            "sections": (
                *scores,
                *(_of_a_pool(section) for section in (*shown[:-1], *copies, *shown[-1:])),
            ),
            "summary": (*summary, *scores) if scores else summary,
        }
    )
    return Profile(page, done.manifest)


def _of_a_pool(section: Section) -> Section:
    """A section of a run's report without the kept and dropped counts, which mean nothing here."""
    blocks = []
    for block in section.blocks:
        if isinstance(block, Table):
            places = [i for i, name in enumerate(block.columns) if name not in REFINING]
            block = block.model_copy(
                update={
                    "columns": tuple(block.columns[i] for i in places),
                    "rows": tuple(tuple(row[i] for i in places) for row in block.rows),
                    "formats": tuple(block.formats[i] for i in places),
                }
            )
        blocks.append(block)
    lead = "" if section.key in ("labels", "sources") else section.lead
    return section.model_copy(update={"blocks": tuple(blocks), "lead": lead})


def _temporary_folder(parent: str | Path | None) -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="cupel-inspect-", dir=parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise RunFailed(
            f"no folder for temporary files ({error.strerror}); set TMPDIR to one with room for the pool's "
            "compressed size"
        ) from None
