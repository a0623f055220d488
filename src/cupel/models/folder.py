"""Folders of models: the digest of what decides an answer, and the folder of a model of the hub."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from cupel.errors import BadInput, BadOption, MissingExtra
from cupel.models.reference import Reference, cached_snapshot, parse_reference
from cupel.models.safety import module_folders

__all__ = ["digest_file", "digest_folder", "fetch_file", "fetch_folder", "local_folder"]

_DECIDES = ("*.safetensors", "*.safetensors.index.json", "*.model", "vocab.*", "merges.txt", "*.jinja")
_CONFIGURATIONS = (
    "added_tokens.json",
    "config.json",
    "config_sentence_transformers.json",
    "generation_config.json",
    "modules.json",
    "router_config.json",
    "sentence_bert_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
_BLOB = re.compile(r"[0-9a-f]{64}")
_NOT_FETCHED = (
    "*.bin",
    "*.pt",
    "*.pth",
    "*.pkl",
    "*.ckpt",
    "*.h5",
    "*.msgpack",
    "*.ot",
    "*.py",
    "*.onnx",
    "*.gguf",
)
"""Pickles and code are never run, and other formats never read."""


def fetch_folder(reference: Reference, where: str = "") -> Path:
    """The folder of a model of the Hugging Face hub, downloaded if it is not in the hub's cache.

    Weights are taken as safetensors only; code and pickles are not downloaded.

    Raises
    ------
    BadInput
        There is no such model or revision, it asks for a login, or there is no network.
    MissingExtra
        `huggingface_hub` is not installed.
    """
    place = f"{where}: model '{reference.text}'" if where else f"model '{reference.text}'"

    def download() -> str:
        from huggingface_hub import snapshot_download

        return snapshot_download(
            reference.target, revision=reference.revision, ignore_patterns=list(_NOT_FETCHED)
        )

    return _fetched(download, place, reference.revision)


def fetch_file(reference: Reference, where: str = "") -> Path:
    """A single file of the Hugging Face hub, downloaded if it is not in the hub's cache.

    Raises
    ------
    BadInput
        There is no such model, revision or file, it asks for a login, or there is no network.
    BadOption
        The reference names no file of the hub.
    MissingExtra
        `huggingface_hub` is not installed.
    """
    place = f"{where}: model '{reference.text}'" if where else f"model '{reference.text}'"
    if reference.hub_file is None:
        raise BadOption(f"{place}: expected org/name/file after hf:")
    name, revision, file = reference.hub_file

    def download() -> str:
        from huggingface_hub import hf_hub_download

        return hf_hub_download(name, file, revision=revision)

    return _fetched(download, place, revision)


def _fetched(download: Callable[[], str], place: str, revision: str | None) -> Path:
    try:
        import httpx
        from huggingface_hub.errors import (
            EntryNotFoundError,
            GatedRepoError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )
    except ImportError:
        raise MissingExtra("a model of the Hugging Face hub", "lab") from None
    try:
        return Path(download())
    except GatedRepoError:
        raise BadInput(f"{place}: access must be granted first; accept its terms and set HF_TOKEN") from None
    except RevisionNotFoundError:
        raise BadInput(f"{place}: the Hugging Face hub has no revision '{revision}' of it") from None
    except RepositoryNotFoundError:
        raise BadInput(f"{place}: the Hugging Face hub has no such model, or it is private") from None
    except (OSError, ValueError, httpx.HTTPError) as error:
        if isinstance(error, EntryNotFoundError) and not isinstance(error, LocalEntryNotFoundError):
            raise BadInput(f"{place}: the model on the Hugging Face hub has no such file") from None
        raise BadInput(
            f"{place}: neither in the cache of the Hugging Face hub nor can it be fetched: {_first_line(error)}"
        ) from None


def digest_folder(folder: Path) -> str:
    """SHA-256 of the names and contents of the files that decide what a model answers, hexadecimal.

    Weights, configurations, tokenizer and chat template, also of the modules of sentence-transformers; what else
    lies there (a README, results of a trial) does not count.

    Raises
    ------
    BadInput
        A file cannot be read.
    """
    content = hashlib.sha256()
    for file in sorted(set(_deciding_files(folder))):
        content.update(f"{file.relative_to(folder).as_posix()}\0{digest_file(file)}\n".encode())
    return content.hexdigest()


def digest_file(path: Path) -> str:
    """SHA-256 of a file, hexadecimal. Large files of the hub's cache are named by it, and not read for it.

    Raises
    ------
    BadInput
        It cannot be read.
    """
    try:
        blob = path.resolve()
        if path.is_symlink() and blob.parent.name == "blobs" and _BLOB.fullmatch(blob.name):
            return blob.name
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}") from None


def local_folder(text: str) -> Path | None:
    """The folder that a reference names, where it is on this machine; None for a file, or where it is not."""
    reference = parse_reference(text)
    if reference.scheme == "hf":
        return cached_snapshot(reference)
    return reference.path if reference.path.is_dir() else None


def _deciding_files(folder: Path) -> Iterator[Path]:
    for part in module_folders(folder):
        for pattern in _DECIDES:
            yield from (path for path in part.glob(pattern) if path.is_file())
        yield from (part / name for name in _CONFIGURATIONS if (part / name).is_file())


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
