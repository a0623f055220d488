"""`inspect`: what is in a pool, before anything is decided."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cupel.contract import label_columns
from cupel.corpus.read import ReadOptions
from cupel.corpus.remote import printable
from cupel.engine import Engine
from cupel.errors import RunFailed
from cupel.findings import Page
from cupel.recipe.progress import Progress
from cupel.recipe.recipe import Recipe
from cupel.recipe.run import refine
from cupel.recipe.summary import label_title
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
SHOWN = ("Sources", "Quarantine", "Left out", "Signals")


@dataclass(frozen=True)
class Profile:
    """A pool described: `page` to look at, `manifest` with the counts."""

    page: Page
    manifest: dict[str, Any]


def inspect(
    inputs: Sequence[str],
    *,
    reading: ReadOptions | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
    scratch: str | Path | None = None,
) -> Profile:
    """Sizes, languages, duplicates and signal histograms of a pool.

    Everything is read once and measured; nothing is kept. It needs free disk of about the
    pool's compressed size in `scratch` (default: the temporary folder) while it runs.

    Raises
    ------
    BadInput
        Nothing readable there.
    RunFailed
        There is no folder for temporary files, or no room in it.
    """
    recipe = Recipe.from_dict({"name": "inspect", "title": printable(", ".join(inputs)), "steps": STEPS})
    with _temporary_folder(scratch) as folder:
        done = refine(
            recipe,
            input=inputs,
            output=Path(folder) / "run",
            reading=reading,
            engine=engine,
            progress=progress,
        )
        page = done.page()
    copies = [section for section in page.sections if "uplicate" in section.title]
    others = {section.title: section for section in page.sections}
    labels = [label_title(name, column) for name, column in label_columns().items()]
    shown = [others[title] for title in (*labels, *SHOWN) if title in others]
    told = dict(page.facts)
    facts = (
        ("documents", told["documents in"]),
        ("text", told["text in"]),
        ("files", write_count(done.manifest["input_files"])),
        ("quarantined", told["quarantined"]),
        ("time", told["time"]),
    )
    page = page.model_copy(
        update={
            "title": "Inspected",
            "subtitle": printable(", ".join(inputs)),
            "facts": facts,
            "sections": (*shown[:-1], *copies, *shown[-1:]),
        }
    )
    return Profile(page, done.manifest)


def _temporary_folder(parent: str | Path | None) -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="cupel-inspect-", dir=parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise RunFailed(
            f"no folder for temporary files ({error.strerror}); set TMPDIR to one with room for the pool's "
            "compressed size"
        ) from None
