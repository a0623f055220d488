"""A reference to a loaded model: each is loaded once in a process."""

from __future__ import annotations

import threading
from functools import lru_cache

from cupel.errors import BadInput, MissingExtra
from cupel.models.fasttext import FastText
from cupel.models.folder import fetch_file, fetch_folder
from cupel.models.model import Model
from cupel.models.reference import Reference, check_reference, parse_reference

__all__ = ["load_model"]

_loading = threading.Lock()


def load_model(reference: str, ability: str, *, device: str = "cpu", where: str = "") -> Model:
    """The model that a reference names, ready to be asked for `ability`.

    The two used last stay loaded; threads that ask for one at once wait for it.

    Parameters
    ----------
    ability
        One of `cupel.models.reference.ABILITIES`.
    device
        Where it computes, as PyTorch names it. Classifiers of fastText know only the CPU.
    where
        What names the model, for messages: a step and its option.

    Raises
    ------
    BadOption
        As `check_reference` says.
    BadInput
        It cannot be read or fetched, loading it could run code that came with it, or there is no such device.
    MissingExtra
        The library that reads such models is not installed.
    """
    check_reference(reference, ability, where)
    named = parse_reference(reference, where)
    if device != "cpu" and named.scheme not in ("fasttext", "ngram", "openai"):
        _check_device(device, f"{where}: " if where else "")
    with _loading:
        return _load(named, ability if ability in ("embed", "classify") else "", device)


def _check_device(device: str, where: str) -> None:
    try:
        import torch
    except ImportError:
        raise MissingExtra(f"a model on {device}", "lab") from None
    kind, _, number = device.partition(":")
    there = torch.backends.mps.is_available() if kind == "mps" else torch.cuda.is_available()
    if not there or (number and int(number) >= torch.cuda.device_count()):
        raise BadInput(f"{where}device '{device}': PyTorch {torch.__version__} finds none here; use 'cpu'")


@lru_cache(maxsize=2)
def _load(reference: Reference, reads_as: str, device: str) -> Model:
    # Each reader's library is heavy, so it is loaded where it is used.
    if reference.scheme == "fasttext":
        from cupel.models.classifier import Classifier

        path = reference.path if reference.hub_file is None else fetch_file(reference)
        return Classifier(reference.text, FastText.load(path))
    if reference.scheme == "ngram":
        from cupel.models.ngram import Ngram

        return Ngram.load(reference.path)
    if reference.scheme == "openai":
        from cupel.models.endpoint import Endpoint

        return Endpoint(reference.text, reference.target, reference.name)
    if reference.scheme == "gguf":
        from cupel.models.causal import load_gguf

        return load_gguf(reference.text, reference.path, device)
    folder = fetch_folder(reference) if reference.scheme == "hf" else reference.path
    if reads_as == "classify":
        from cupel.models.heads import load_head

        return load_head(reference.text, folder, device)
    if reads_as == "embed":
        from cupel.models.embedder import load_embedder

        return load_embedder(reference.text, folder, device)
    from cupel.models.causal import load_causal

    return load_causal(reference.text, folder, device)
