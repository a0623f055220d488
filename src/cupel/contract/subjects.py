"""What the words of a command name: folders of trials, models, pools of documents."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cupel.errors import BadInput, BadOption, UnknownName
from cupel.models.folder import digest_file, digest_folder, fetch_folder
from cupel.models.reference import check_reference, parse_reference
from cupel.store import digest

__all__ = ["model_digest", "model_folder", "model_label", "named_pools", "trial_digest", "trial_folders"]

_NAMED = re.compile(r"([\w.+-]+)=(.+)", re.DOTALL)


def trial_folders(word: str, where: str) -> list[Path]:
    """The folders of the trials that a word names: `FOLDER`, `trial:FOLDER`, `ASSAY` or `ASSAY#ARM`.

    Parameters
    ----------
    where
        The caller, for messages.

    Raises
    ------
    BadInput
        The path does not exist, or holds neither a trial nor an assay.
    UnknownName
        The assay has no arm of that name.
    """
    text = word.removeprefix("trial:")
    path, _, arm = (text, "", "") if Path(text).exists() else text.rpartition("#")
    folder = Path(path or text).expanduser()
    if (folder / "trial.json").is_file():
        return [folder]
    if (folder / "assay.json").is_file():
        trials = _trials_of(folder / "assay.json", where)
        arms = list(dict.fromkeys(str(trial["arm"]) for trial in trials))
        if arm and arm not in arms:
            raise UnknownName("arm", arm, arms, where=f"{where}: {folder}")
        return [
            folder
            for trial in trials
            if arm in ("", trial["arm"])
            for folder in trial_folders(trial["folder"], where)
        ]
    what = "holds no finished trial (trial.json) and no assay (assay.json)"
    raise BadInput(f"{where}: {folder}: {what if folder.is_dir() else 'no such folder'}")


def trial_digest(word: str, where: str) -> str:
    """A digest that changes with the trials that a word names."""
    return digest("".join(digest_file(folder / "trial.json") for folder in trial_folders(word, where)))


def model_folder(word: str, where: str) -> Path:
    """The folder of a model with weights; a model on the hub is downloaded.

    Raises
    ------
    BadOption, UnknownName
        No such model, or one without weights that can be read here.
    BadInput
        It cannot be downloaded.
    """
    # A trial is a trial, with or without the scheme.
    reference = parse_reference(f"trial:{word}" if _is_trial(word) else word, where)
    check_reference(reference.text, "log_probs", where)
    if reference.scheme == "hf":
        return fetch_folder(reference, where)
    if reference.scheme not in ("folder", "trial"):
        raise BadOption(
            f"{where}: model '{word}': its weights cannot be read; expected trial:FOLDER, a folder or hf:org/name"
        )
    return reference.path


def model_label(word: str) -> str:
    """The name of a model in tables: arm and seed of a trial, otherwise its reference."""
    try:
        name = json.loads((parse_reference(word).path / "trial.json").read_bytes())["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return word
    return str(name)


def model_digest(word: str, where: str) -> str:
    """A digest that changes when a model's files change; an endpoint is identified by its name only."""
    reference = parse_reference(word, where)
    if reference.scheme in ("hf", "folder", "trial"):
        return digest_folder(model_folder(word, where))
    return digest_file(reference.path) if reference.path.is_file() else digest(word)


def named_pools(words: Sequence[str], where: str) -> dict[str, str]:
    """Pools by name: `NAME=PATH`, or `PATH`, which is named after its last component.

    Raises
    ------
    BadOption
        Two pools have the same name.

    Examples
    --------
    >>> named_pools(["web=crawl/2024", "東京/wiki.jsonl.zst"], "study")
    {'web': 'crawl/2024', 'wiki': '東京/wiki.jsonl.zst'}
    """
    pools: dict[str, str] = {}
    for word in words:
        named = None if Path(word).exists() else _NAMED.fullmatch(word)
        path = named[2] if named else word
        name = named[1] if named else Path(path.rstrip("/")).name.split(".")[0] or path
        if name in pools:
            raise BadOption(f"{where}: two pools are called '{name}'; give one another name: other={path}")
        pools[name] = path
    return pools


def _is_trial(word: str) -> bool:
    return (Path(word).expanduser() / "trial.json").is_file()


def _trials_of(path: Path, where: str) -> list[dict[str, Any]]:
    try:
        trials: list[dict[str, Any]] = json.loads(path.read_bytes())["trials"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{where}: {path} cannot be read: {error}") from None
    return trials
