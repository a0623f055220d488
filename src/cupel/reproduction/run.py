"""Claims listed and run: `cupel claims`."""

from __future__ import annotations

import os
from pathlib import Path

from cupel.contract import TrialProgress
from cupel.lab.progress import Quiet
from cupel.lab.scale import Scale
from cupel.reproduction.claim import Context
from cupel.reproduction.folder import ClaimFile, find_claim, find_claims, find_data
from cupel.reproduction.result import ClaimResult, carry_out, write_result
from cupel.store import Store

__all__ = ["claims", "run_claim"]


def claims(folder: str | os.PathLike[str] = "claims") -> dict[str, ClaimFile]:
    """Claims made by papers, each with its experiment, by id.

    Parameters
    ----------
    folder
        Folder of the claims; each is a Python file, which is executed.

    Raises
    ------
    BadInput
        There is no such folder, or a file in it holds no claim.
    """
    return find_claims(Path(folder))


def run_claim(
    id: str,
    *,
    folder: str | os.PathLike[str] = "claims",
    seeds: int | None = None,
    scale: str | Path | Scale | None = None,
    data: str | Path | None = None,
    device: str = "auto",
    workers: int | None = None,
    cache: str | Path | None = None,
    progress: TrialProgress | None = None,
) -> ClaimResult:
    """Run the experiment behind a claim, and record the result beside it.

    Parameters
    ----------
    id
        The claim.
    folder
        Folder of the claims; the result is written to its subfolder `results`.
    seeds
        Trials per arm; the claim's own number by default.
    scale
        A built-in scale, a YAML file or a `Scale`; the claim's own by default.
    data
        Folder of the real data; `../shared/data` beside the project by default.
    device, workers
        `auto`, `cpu` or `cuda`; trials at a time.
    cache
        Where tokens and trials are kept.
    progress
        Receives progress.

    Raises
    ------
    UnknownName
        No such claim or scale.
    BadInput
        The data of the claim is not there.
    RunFailed
        A trial failed; the same call resumes.
    """
    claim = find_claim(id, Path(folder))
    chosen = scale or claim.claim.scale
    context = Context(
        cache=Store.of(cache),
        scale=chosen if isinstance(chosen, Scale) else Scale.load(chosen),
        seeds=tuple(range(seeds or claim.claim.seeds)),
        data=Path(data) if data is not None else find_data(Path(folder)),
        device=device,
        workers=workers,
        progress=progress or Quiet(),
    )
    result = carry_out(claim, context)
    write_result(result, Path(folder))
    return result
