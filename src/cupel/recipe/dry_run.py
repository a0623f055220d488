"""`--dry-run`: everything that can be known before a run, without writing anything."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cupel.corpus.files import InputFile
from cupel.corpus.peek import peek_at
from cupel.errors import RunFailed
from cupel.findings import Alarm, Block, Code, Facts, Page, Section, Table
from cupel.recipe.folder import Folder, write_sealed
from cupel.recipe.options import RunOptions
from cupel.recipe.recipe import Recipe
from cupel.recipe.run import Prospect, prospect
from cupel.recipe.task import Timed, time_sample
from cupel.units import estimate_tokens, write_bytes, write_count, write_percent, write_scaled

__all__ = ["dry_run"]

SAMPLED_SHARDS = 4
SAMPLE_SECONDS = 4.0
"""Of processor time for the timed sample."""
PEEKED_FILES = 200
SHOWN_FILES = 8


def dry_run(
    recipe: Recipe, *, input: str | Path | Sequence[str | Path], output: str | Path, options: RunOptions
) -> Page:
    """What a run would read, do, cost and write. Only a temporary folder is written to.

    The beginnings of a few shards are carried through the first pass, with the real kernels; from that come the
    estimates of text, tokens and time.

    Raises
    ------
    CupelError
        As `cupel.refine` raises before it begins: a bad option, unreadable input, an output folder in use.
    """
    ahead = prospect(recipe, input=input, output=output, options=options)
    timed = _timed(ahead)
    expansion = _expansion(ahead.files, options)
    estimates = _Estimates.of(timed, expansion * sum(file.bytes for file in ahead.files))
    alarms: list[Block] = [Alarm(text=text) for text in _alarms(timed, estimates, ahead, output, options)]
    sections = (
        Section(title="Input", key="input", blocks=(*alarms, *_input(ahead, options))),
        Section(title="Passes", key="passes", blocks=(Code(text="\n".join(ahead.plan.describe())),)),
        Section(
            title="Expected", key="expected", blocks=(_expected(ahead, timed, estimates, output, options),)
        ),
        Section(title="Recipe", key="recipe", blocks=(Code(text=ahead.recipe.to_yaml()),)),
    )
    return Page(
        title=f"Dry run of {recipe.name}: nothing is written",
        sections=tuple(section for section in sections if section.blocks),
    )


@dataclass(frozen=True)
class _Estimates:
    """Of the whole input, in proportion to the sample; None where the sample says nothing."""

    documents: float | None
    text_bytes: float | None
    survivors: float
    survivor_bytes: float
    seconds: float | None
    """Processor seconds of the first pass."""

    @classmethod
    def of(cls, timed: Timed | None, content_bytes: float) -> _Estimates:
        if timed is None or not timed.content_bytes or not timed.documents:
            return cls(None, None, 0.0, 0.0, None)
        scale = max(content_bytes / timed.content_bytes, 1.0)
        return cls(
            timed.documents * scale,
            timed.text_bytes * scale,
            timed.survivors * scale,
            timed.survivor_bytes * scale,
            timed.seconds * scale,
        )


def _timed(ahead: Prospect) -> Timed | None:
    """A part of the first pass; None where it cannot be measured without asking a model or fitting a method."""
    first = ahead.plan.passes[0]
    if first.asking or first.fits or first.generator is not None:
        return None
    count = len(ahead.job.shards)
    shards = sorted({count * place // SAMPLED_SHARDS for place in range(SAMPLED_SHARDS)})
    try:
        with tempfile.TemporaryDirectory(prefix="cupel-dry-run-") as place:
            folder = Folder(Path(place))
            begun = {"job": ahead.job.to_json(), "config_digest": "", "input_digest": ""}
            write_sealed(folder.plan, begun)
            return time_sample(folder, shards, SAMPLE_SECONDS)
    except OSError as error:
        raise RunFailed(f"no folder for temporary files ({error.strerror}); set TMPDIR") from None


def _expansion(files: Sequence[InputFile], options: RunOptions) -> float:
    """Content bytes per stored byte, over some files."""
    looked_at = files[:: max(len(files) // SHOWN_FILES, 1)][:SHOWN_FILES]
    stored = sum(file.bytes for file in looked_at)
    content = sum(file.bytes * peek_at(file, options.reading).expansion for file in looked_at)
    return content / stored if stored else 1.0


def _alarms(
    timed: Timed | None, estimates: _Estimates, ahead: Prospect, output: str | Path, options: RunOptions
) -> list[str]:
    texts = []
    if timed is not None and timed.documents and not timed.survivors:
        texts.append(f"The first pass drops all of the first {write_count(timed.documents)} documents.")
    if timed is not None and timed.quarantined > 0.1 * (timed.documents + timed.quarantined):
        share = timed.quarantined / (timed.documents + timed.quarantined)
        texts.append(
            f"{write_percent(share)} of the first documents cannot be read and would go to quarantine."
        )
    if (disk := _disk(ahead, estimates)) > (free := _free(output)):
        texts.append(f"About {write_bytes(disk)} of disk may be taken, and {write_bytes(free)} are free.")
    if (memory := _memory(ahead, estimates)) > options.engine.memory_bytes():
        texts.append(
            f"Decisions take about {write_bytes(memory)} of memory, and "
            f"{write_bytes(options.engine.memory_bytes())} may be used (--memory)."
        )
    return texts


def _input(ahead: Prospect, options: RunOptions) -> list[Block]:
    kinds: dict[tuple[str, str], list[InputFile]] = {}
    for place, file in enumerate(ahead.files):
        understood = peek_at(file, options.reading).understood if place < PEEKED_FILES else "not looked at"
        kinds.setdefault((file.format, understood or "nothing recognized"), []).append(file)
    ordered = sorted(kinds.items(), key=lambda item: -sum(file.bytes for file in item[1]))
    rows = tuple(
        (kind, understood, len(files), sum(file.bytes for file in files), files[0].relative)
        for (kind, understood), files in ordered
    )
    table = Table(
        columns=("format", "read as", "files", "bytes", "such as"),
        rows=rows,
        formats=("text", "text", "count", "bytes", "text"),
    )
    if not ahead.left_out:
        return [table]
    left = Counter({kind.kind: kind.files for kind in ahead.left_out}).most_common(SHOWN_FILES)
    words = ", ".join(f"{write_count(files)} {kind}" for kind, files in left)
    return [table, Facts(facts=(("not read", words),))]


def _expected(
    ahead: Prospect, timed: Timed | None, estimates: _Estimates, output: str | Path, options: RunOptions
) -> Facts:
    cores = options.engine.parallelism()
    facts = [("output", f"{output}: {ahead.state}")]
    if (
        estimates.documents is None
        or estimates.text_bytes is None
        or estimates.seconds is None
        or timed is None
    ):
        why = (
            "the input's beginning holds no document"
            if timed is not None
            else "it asks a model, fits or generates"
        )
        facts.append(("estimates", f"none: the first pass was not timed ({why})"))
    else:
        rate = timed.text_bytes / max(timed.seconds, 1e-3)
        facts += [
            ("documents", f"about {write_scaled(estimates.documents)}"),
            (
                "text",
                f"about {write_bytes(estimates.text_bytes)}, {write_scaled(estimate_tokens(estimates.text_bytes))} tokens",
            ),
            ("after pass 1", f"about {write_scaled(estimates.survivors)} documents, by the sample"),
            ("duration", f"{_about(estimates.seconds / cores)} for pass 1, {_rest(ahead)}"),
            (
                "timed on",
                f"{write_count(timed.documents)} documents of the input: {write_bytes(rate)}/s per core; "
                f"{cores} {'cores' if cores > 1 else 'core'}",
            ),
            ("disk", f"up to {write_bytes(_disk(ahead, estimates))}, of {write_bytes(_free(output))} free"),
        ]
        if memory := _memory(ahead, estimates):
            allowed = write_bytes(options.engine.memory_bytes())
            facts.append(
                ("memory", f"about {write_bytes(memory)} for decisions, of {allowed} that may be used")
            )
    return Facts(facts=tuple(facts))


def _rest(ahead: Prospect) -> str:
    later = len(ahead.plan.passes) - 1
    decisions = [step.label for pass_ in ahead.plan.passes for step in pass_.decisions]
    words = [*decisions, "writing" if later == 1 else f"{later} later passes" if later else ""]
    listed = ", ".join(word for word in words if word)
    return f"and on top: {listed}, starting up" if listed else "and starting up on top"


def _about(seconds: float) -> str:
    """A duration, rounded to its precision.

    >>> _about(2), _about(47), _about(312), _about(9000)
    ('less than 10 s', 'about 50 s', 'about 5 min', 'about 2.5 h')
    """
    if seconds < 10:
        return "less than 10 s"
    if seconds < 55:
        return f"about {10 * round(seconds / 10)} s"
    if seconds < 3300:
        return f"about {max(round(seconds / 60), 1)} min"
    return f"about {seconds / 3600:.2g} h"


def _disk(ahead: Prospect, estimates: _Estimates) -> float:
    """An upper bound: intermediate files that passes leave, and temporary files of decisions."""
    scratch = sum(need for _, need in _needs(ahead, estimates))
    return (2 if len(ahead.plan.passes) > 1 else 1) * estimates.survivor_bytes + scratch


def _memory(ahead: Prospect, estimates: _Estimates) -> float:
    return max((need for need, _ in _needs(ahead, estimates)), default=0)


def _needs(ahead: Prospect, estimates: _Estimates) -> list[tuple[int, int]]:
    """Bytes of memory and of disk that each decision takes."""
    needs = [
        step.method.need(round(estimates.survivors), round(estimates.survivor_bytes))
        for pass_ in ahead.plan.passes
        for step in pass_.decisions
    ]
    return [(need.memory_bytes, need.scratch_bytes) for need in needs]


def _free(output: str | Path) -> int:
    place = Path(output).absolute()
    return shutil.disk_usage(next(parent for parent in (place, *place.parents) if parent.is_dir())).free
