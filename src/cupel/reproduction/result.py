"""The recorded result of a claim, with everything needed to repeat it."""

from __future__ import annotations

import datetime
import platform
import re
import subprocess
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from cupel.engine import Engine
from cupel.errors import BadInput
from cupel.findings import Section
from cupel.reproduction.claim import ClaimOutcome, Context
from cupel.reproduction.folder import ClaimFile
from cupel.store import replace

__all__ = ["ClaimResult", "carry_out", "read_result", "read_results", "result_path", "write_result"]

FOLDER = "results"


class ClaimResult(BaseModel):
    """The outcome of a claim, and how it was obtained.

    Attributes
    ----------
    id
        Id of the claim.
    passed
        True: it holds here; False: it does not; None: undecided.
    reason
        Why it does not hold, if known; may be written by hand, and is kept as long as `passed` stays.
    commit
        Commit of the project; `+` if files had changed since.
    date
        UTC, YYYY-MM-DD.
    hardware, scale, seeds
        How it was run. A modified scale is marked with `*`.
    seconds
        Total time, not counting cached trials.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    id: str
    passed: bool | None
    verdict: str
    effect: float
    unit: str
    interval: tuple[float, float] | None
    reason: str = ""
    commit: str
    date: str
    hardware: str
    scale: str
    seeds: tuple[int, ...]
    seconds: float
    sections: tuple[Section, ...] = ()


def carry_out(claim_file: ClaimFile, context: Context) -> ClaimResult:
    """Put a claim to the test.

    Raises
    ------
    BadInput
        The data are not there, or too few for the scale.
    RunFailed
        A trial failed; the same call resumes.
    """
    started = time.monotonic()
    outcome: ClaimOutcome = claim_file.run(context)
    return ClaimResult(
        id=claim_file.id,
        passed=outcome.passed,
        verdict=outcome.verdict,
        effect=outcome.effect,
        unit=outcome.unit,
        interval=outcome.interval,
        reason=outcome.reason,
        commit=_commit(claim_file.path.absolute().parent),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        hardware=_hardware(context),
        scale=_scale(context),
        seeds=context.seeds,
        seconds=round(time.monotonic() - started, 1),
        sections=outcome.sections,
    )


def read_results(folder: Path) -> dict[str, ClaimResult]:
    """All results recorded beside the claims of a folder, by id."""
    return {path.stem: read_result(path) for path in sorted((folder / FOLDER).glob("*.json"))}


def read_result(path: Path) -> ClaimResult:
    """One recorded result.

    Raises
    ------
    BadInput
        The file holds none.
    """
    try:
        return ClaimResult.model_validate_json(path.read_text("utf-8"))
    except (OSError, ValidationError) as error:
        raise BadInput(f"{path} holds no result of a claim: {error}; run the claim again") from None


def write_result(result: ClaimResult, folder: Path) -> Path:
    """Record a result beside its claim; a reason given by hand stays as long as the verdict does."""
    path = result_path(result.id, folder)
    if path.is_file() and not result.reason:
        before = read_result(path)
        if before.passed == result.passed:
            result = result.model_copy(update={"reason": before.reason})
    text = result.model_dump_json(indent=1) + "\n"
    return replace(path, lambda unfinished: unfinished.write_text(text, "utf-8"))


def result_path(id: str, folder: Path) -> Path:
    """Where the result of a claim is recorded."""
    return folder / FOLDER / f"{id}.json"


def _commit(folder: Path) -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = git(
            "status", "--porcelain", "--", ":/", f":(exclude){FOLDER}", ":(exclude,top)docs/claims.md"
        )
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _hardware(context: Context) -> str:
    cores = Engine().parallelism()
    try:
        named = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        named = None
    processor = named[1].strip() if named else platform.processor() or platform.machine()
    hardware = f"{processor}, {cores} cores"
    if context.device != "cpu":
        import torch

        if torch.cuda.is_available():
            hardware = f"{torch.cuda.get_device_name()}; {hardware}"
    return hardware


def _scale(context: Context) -> str:
    from cupel.lab.scale import Scale, built_in_scales

    name = context.scale.name
    same = name in built_in_scales() and Scale.load(name).digest == context.scale.digest
    return name if same else f"{name}*"
