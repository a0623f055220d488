"""Claims are discovered: every Python file of a folder that defines `claim` and `run`."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cupel.errors import BadInput, UnknownName
from cupel.reproduction.claim import Claim, ClaimOutcome, Context

__all__ = ["ClaimFile", "find_claim", "find_claims", "find_data"]

_WANTED = "expected `claim = Claim(…)` and `def run(context: Context) -> ClaimOutcome`"


@dataclass(frozen=True)
class ClaimFile:
    """One claim, as loaded from its file.

    Attributes
    ----------
    id
        The file's name without `.py`.
    """

    id: str
    path: Path
    claim: Claim
    run: Callable[[Context], ClaimOutcome]


def find_claims(folder: Path) -> dict[str, ClaimFile]:
    """Every claim of a folder, by id, sorted. Files that begin with an underscore are skipped.

    Raises
    ------
    BadInput
        There is no such folder, it has no claim, or a file is not a claim.
    """
    if not folder.is_dir():
        raise BadInput(
            f"no folder of claims at {folder}; go to the project's own folder (git clone), or name one with --folder"
        )
    paths = sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))
    if not paths:
        raise BadInput(f"{folder} has no claim; {_WANTED} in a Python file")
    return {path.stem: _load(path) for path in paths}


def find_claim(id: str, folder: Path) -> ClaimFile:
    """The claim of this id.

    Raises
    ------
    UnknownName
        No such claim; the message suggests the nearest.
    """
    known = find_claims(folder)
    if id not in known:
        raise UnknownName("claim", id, known, where=str(folder))
    return known[id]


def find_data(folder: Path) -> Path | None:
    """The real data beside the project that holds these claims: `../shared/data`, if it exists."""
    data = folder.absolute().parent.parent / "shared" / "data"
    return data if data.is_dir() else None


def _load(path: Path) -> ClaimFile:
    name = f"cupel_claim_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise BadInput(f"{path} is no Python file; {_WANTED}")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up while they are made.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (ImportError, SyntaxError) as error:
        raise BadInput(f"{path} cannot be loaded: {error}") from error
    claim, run = getattr(module, "claim", None), getattr(module, "run", None)
    if not isinstance(claim, Claim) or not callable(run):
        raise BadInput(f"{path} is no claim; {_WANTED}")
    return ClaimFile(path.stem, path, claim, run)
