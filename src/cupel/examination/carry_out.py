"""Run a method above the recipe: computed once, kept in the Store, copied to the output folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cupel.contract import (
    Bench,
    FindingMethod,
    KeptFinding,
    TrialProgress,
    find_method,
    is_finding,
    methods_of,
    write_finding,
)
from cupel.contract.subjects import model_digest, named_pools, trial_digest
from cupel.corpus import Corpus
from cupel.errors import BadOption, UnknownName
from cupel.recipe.folder import disk_errors
from cupel.release import version
from cupel.store import Store, deliver, digest_json, make_folder, refuse_foreign

__all__ = ["examine"]


def examine(
    method: str,
    words: Sequence[str],
    *,
    output: str | Path,
    options: Mapping[str, Any] | None = None,
    kind: type[FindingMethod] = FindingMethod,
    progress: TrialProgress,
    cache: str | Path | Store | None = None,
    device: str = "auto",
    workers: int | None = None,
    restart: bool = False,
) -> KeptFinding:
    """Carry out a method above the recipe and write its finding; `cupel.api.examine` says what the parameters are."""
    examined = _method(method, kind, options or {})
    examined.check_words(words)
    folder, store = Path(output), Store.of(cache)
    refuse_foreign(folder, KeptFinding.read, "finding")
    key = examined.key(words, _digests(examined, words))

    def build(unfinished: Path) -> None:
        artifacts = unfinished / "artifacts"
        make_folder(artifacts)
        finding = examined.examine(words, Bench(artifacts, store, progress, device, workers))
        write_finding(finding, examined, key, unfinished)

    with disk_errors(store.folder):
        kept = store.make(key, build, whole=is_finding)
        store.trim()
    with disk_errors(folder):
        deliver(
            kept,
            folder,
            is_there=lambda: (
                is_finding(folder) and KeptFinding.read(folder).record == KeptFinding.read(kept).record
            ),
            holds="the finding of another method, or about something else",
            restart=restart,
        )
    return KeptFinding.read(folder)


def _method(name: str, kind: type[FindingMethod], options: Mapping[str, Any]) -> FindingMethod:
    method = find_method(name)
    if not issubclass(method, kind) or not issubclass(method, FindingMethod):
        raise UnknownName(kind.kind or "method that gives a finding", name, methods_of(kind))
    for option in method.applied & options.keys():
        raise BadOption(f"{name}: '{option}' is what is made here; it goes into a recipe")
    return method.from_options(options)


def _digests(method: FindingMethod, words: Sequence[str]) -> dict[str, str]:
    """Content digests of everything that words and options name."""
    names = method.argument.names
    digests = {}
    if names == "pools":
        digests = {
            f"pool {name}": _pool_digest([path]) for name, path in named_pools(words, method.name).items()
        }
    elif names in ("trials", "models"):
        of = trial_digest if names == "trials" else model_digest
        digests = {f"{names} {number}": of(word, method.name) for number, word in enumerate(words, 1)}
    for option in method.pools:
        if paths := getattr(method.options, option):
            digests[option] = _pool_digest([paths] if isinstance(paths, str) else list(paths))
    return digests


def _pool_digest(paths: list[str]) -> str:
    files = [[file.relative, file.bytes, file.digest] for file in Corpus.read(paths).files]
    return digest_json([version(), files])
