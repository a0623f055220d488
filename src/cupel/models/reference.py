"""References: how a recipe, an option or a command names a model that is asked.

Nothing here loads a model or imports a library that could, so a recipe that names one is checked when it is read.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cupel.errors import BadOption, MissingExtra, UnknownName

__all__ = [
    "ABILITIES",
    "SCHEMES",
    "SCORERS",
    "Reference",
    "Scheme",
    "cached_file",
    "cached_snapshot",
    "check_reference",
    "parse_reference",
    "refusal",
]

ABILITIES = ("log_probs", "generate", "embed", "classify")
"""What a model may be asked for: log-probabilities of texts, new text, vectors, labels."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_+-]*):(.*)", re.DOTALL)
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[\w.-]+(/[\w.-]+)*", re.ASCII)
_HUB_FILE = re.compile(r"(?P<name>[^/@]+/[^/@]+)(@(?P<revision>[\w.-]+))?/(?P<file>[^@]+)", re.ASCII)
_CAUSAL = ("ForCausalLM", "LMHeadModel")
_CLASSIFYING = "ForSequenceClassification"
SCORERS = ("model.bin", "pooled.safetensors")
"""Files in an artifact of `cupel fit` that labels texts."""


@dataclass(frozen=True)
class Scheme:
    """A way to name a model.

    Attributes
    ----------
    form
        How a reference of it is written.
    abilities
        What its models can be asked for, of `ABILITIES`; a model may be able to do less.
    """

    form: str
    abilities: tuple[str, ...]


SCHEMES: Mapping[str, Scheme] = {
    "folder": Scheme("a folder", ("log_probs", "generate", "embed", "classify")),
    "hf": Scheme("hf:org/name@revision", ("log_probs", "generate", "embed", "classify")),
    "gguf": Scheme("gguf:file", ("log_probs", "generate")),
    "trial": Scheme("trial:folder", ("log_probs", "generate")),
    "ngram": Scheme("ngram:folder", ("log_probs",)),
    "fasttext": Scheme("fasttext:file", ("classify",)),
    "openai": Scheme("openai:http://host/v1#name", ("generate",)),
}
"""The schemes by name. `folder` needs no prefix."""


@dataclass(frozen=True)
class Reference:
    """A reference taken apart.

    Attributes
    ----------
    text
        As it was written.
    scheme
        One of `SCHEMES`.
    target
        A path, a name on the hub (of a file there: with its path), or the base URL of an endpoint.
    revision
        Of a model of the hub: a branch, tag or commit; None for its main branch.
    name
        What an endpoint calls the model.
    """

    text: str
    scheme: str
    target: str
    revision: str | None = None
    name: str = ""

    @property
    def path(self) -> Path:
        """The file or folder of a local model."""
        return Path(self.target).expanduser()

    @property
    def hub_file(self) -> tuple[str, str | None, str] | None:
        """Repository, revision and path of a single file on the hub; None where it is none.

        Examples
        --------
        >>> parse_reference("fasttext:hf:org/scorers@v2/web/edu.bin").hub_file
        ('org/scorers', 'v2', 'web/edu.bin')
        >>> parse_reference("fasttext:edu.bin").hub_file is None
        True
        """
        match = _HUB_FILE.fullmatch(self.target.removeprefix("hf:"))
        if self.scheme != "fasttext" or not self.target.startswith("hf:") or match is None:
            return None
        return match["name"], match["revision"], match["file"]


def parse_reference(text: str, where: str = "") -> Reference:
    """Take a reference apart. Whether there is such a model is not looked at; see `check_reference`.

    Without a scheme it is a folder; a name of two parts that is no folder here is one of the Hugging Face hub.

    Parameters
    ----------
    where
        What names the model, for messages: a step and its option.

    Raises
    ------
    BadOption
        The reference is malformed.
    UnknownName
        Its scheme is none of `SCHEMES`.

    Examples
    --------
    >>> reference = parse_reference("hf:HuggingFaceTB/SmolLM2-135M@main")
    >>> reference.scheme, reference.target, reference.revision
    ('hf', 'HuggingFaceTB/SmolLM2-135M', 'main')
    >>> parse_reference("trial:東京/trial-0").path.name
    'trial-0'
    >>> parse_reference("ggfu:model.gguf")
    Traceback (most recent call last):
    ...
    cupel.errors.UnknownName: model 'ggfu:model.gguf': no scheme is called 'ggfu'; did you mean 'gguf'?
    """
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise _malformed(text, where, "expected a reference such as " + _forms(SCHEMES))
    named = None if _is_path(text) else _SCHEME.fullmatch(text)
    if named is None:
        if not _is_path(text) and not Path(text).is_dir() and _HUB_NAME.fullmatch(text.partition("@")[0]):
            return _hub(text, text, where)
        return Reference(text, "folder", text)
    scheme, target = named[1], named[2]
    if scheme not in SCHEMES or scheme == "folder":
        raise UnknownName("scheme", scheme, set(SCHEMES) - {"folder"}, _place(text, where))
    if not target:
        raise _malformed(text, where, f"nothing follows the scheme; expected {SCHEMES[scheme].form}")
    if scheme == "fasttext" and target.startswith("hf:"):
        reference = Reference(text, scheme, target)
        if reference.hub_file is None:
            raise _malformed(
                text, where, "expected org/name/file.bin or org/name@revision/file.bin after hf:"
            )
        return reference
    readers = {"hf": _hub, "openai": _endpoint}
    return readers[scheme](text, target, where) if scheme in readers else Reference(text, scheme, target)


def check_reference(text: str, ability: str, where: str = "", *, reachable: bool = True) -> None:
    """Check that a reference names a model that is there and can be asked for `ability`, without loading it.

    Parameters
    ----------
    ability
        One of `ABILITIES`.
    where
        What names the model, for messages: a step and its option.
    reachable
        Also refuse a model of the hub that is not in its cache where nothing may be fetched.

    Raises
    ------
    BadOption
        The reference is malformed, the file or folder is not there, or the model cannot do what is asked.
    UnknownName
        An unknown scheme or ability.
    MissingExtra
        The library that reads such models is not installed.
    """
    if ability not in ABILITIES:
        raise UnknownName("ability", ability, ABILITIES, where)
    reference = parse_reference(text, where)
    if ability not in SCHEMES[reference.scheme].abilities:
        raise refusal(text, SCHEMES[reference.scheme].abilities, ability, where)
    if reachable or not (reference.scheme == "hf" or reference.hub_file):
        _check_presence(reference, where)
    folder = cached_snapshot(reference) if reference.scheme == "hf" else reference.path
    if reference.scheme in ("hf", "folder") and folder is not None:
        abilities = _folder_abilities(folder, _place(text, where))
        if ability not in abilities:
            raise refusal(text, abilities, ability, where)


def refusal(text: str, abilities: tuple[str, ...], ability: str, where: str = "") -> BadOption:
    """The error that says what a model can do, and which can do what was asked."""
    able = {name: scheme for name, scheme in SCHEMES.items() if ability in scheme.abilities}
    can = " and ".join(abilities)
    return BadOption(
        f"{_place(text, where)}: it can be asked for {can}, not for {ability}; models that can: {_forms(able)}"
    )


def cached_snapshot(reference: Reference) -> Path | None:
    """The folder of a model of the hub in the local cache; None where it is not there. Nothing is fetched.

    Raises
    ------
    MissingExtra
        `huggingface_hub` is not installed.
    """
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        raise MissingExtra("a model of the Hugging Face hub", "lab") from None
    for name in ("config.json", "modules.json"):
        file = try_to_load_from_cache(reference.target, name, revision=reference.revision)
        if isinstance(file, str):
            return Path(file).parent
    return None


def cached_file(reference: Reference) -> Path | None:
    """The single file of the hub that a reference names, in the local cache; None where it is not there.

    Raises
    ------
    MissingExtra
        `huggingface_hub` is not installed.
    """
    if reference.hub_file is None:
        return None
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        raise MissingExtra("a file of the Hugging Face hub", "lab") from None
    name, revision, file = reference.hub_file
    path = try_to_load_from_cache(name, file, revision=revision)
    return Path(path) if isinstance(path, str) else None


def _hub(text: str, target: str, where: str) -> Reference:
    name, at, revision = target.partition("@")
    if not _HUB_NAME.fullmatch(name) or (at and not _REVISION.fullmatch(revision)):
        raise _malformed(text, where, "expected org/name or org/name@revision after hf:")
    return Reference(text, "hf", name, revision or None)


def _endpoint(text: str, target: str, where: str) -> Reference:
    base, _, name = target.partition("#")
    try:
        address = urlsplit(base)
        port_is_valid = address.port is None or address.port > 0
    except ValueError:
        raise _malformed(text, where, "its address cannot be read; expected http://host:port/v1") from None
    if address.username is not None or address.password is not None:
        raise _malformed("openai:…", where, "no login stands in an address; put the key into OPENAI_API_KEY")
    if address.scheme not in ("http", "https") or not address.hostname or not port_is_valid:
        raise _malformed(text, where, "expected an address such as http://host:port/v1 after openai:")
    if address.query or not base.isascii() or not base.isprintable() or " " in base:
        raise _malformed(
            text, where, "expected an address without query and spaces, such as http://host:port/v1"
        )
    if not name.strip():
        raise _malformed(text, where, "expected #name at its end: what the server calls the model")
    return Reference(text, "openai", base.rstrip("/"), name=name)


def _check_presence(reference: Reference, where: str) -> None:
    scheme, path, place = reference.scheme, reference.path, _place(reference.text, where)
    if scheme in ("folder", "trial", "ngram") and not path.is_dir():
        hint = "; a model of the Hugging Face hub is named hf:org/name" if scheme == "folder" else ""
        raise BadOption(f"{place}: no such folder{hint}")
    if reference.hub_file is not None:
        if cached_file(reference) is None and _offline():
            name, _, file = reference.hub_file
            raise BadOption(
                f"{place}: not in the cache of the Hugging Face hub, and HF_HUB_OFFLINE is set; download it first "
                f"(hf download {name} {file})"
            )
        return
    if scheme in ("gguf", "fasttext") and not path.is_file():
        raise BadOption(f"{place}: no such file")
    if scheme == "trial" and not (path / "config.json").is_file():
        raise BadOption(f"{place}: no config.json; expected the folder of a finished trial")
    if scheme == "ngram" and not any(path.glob("*.ngram")):
        raise BadOption(f"{place}: no *.ngram; expected the folder of an n-gram model that `cupel fit` made")
    if scheme == "gguf" and importlib.util.find_spec("gguf") is None:
        raise MissingExtra("a GGUF model", "lab")
    if scheme == "hf" and cached_snapshot(reference) is None and _offline():
        raise BadOption(
            f"{place}: not in the cache of the Hugging Face hub, and HF_HUB_OFFLINE is set; download it first "
            f"(hf download {reference.target})"
        )


def _offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def _folder_abilities(folder: Path, place: str) -> tuple[str, ...]:
    """What the configuration of a folder says that it can do."""
    if (folder / "modules.json").is_file():
        return ("embed",)
    if any((folder / name).is_file() for name in SCORERS):
        return ("classify",)
    try:
        config: Any = json.loads((folder / "config.json").read_text("utf-8"))
    except FileNotFoundError:
        raise BadOption(
            f"{place}: no model lies there; expected config.json (transformers), modules.json "
            "(sentence-transformers) or what `cupel fit` wrote"
        ) from None
    except (OSError, ValueError):
        return SCHEMES["folder"].abilities  # loading it says what is wrong
    names = config.get("architectures") if isinstance(config, dict) else None
    names = [str(name) for name in names] if isinstance(names, list) else []
    if any(name.endswith(_CLASSIFYING) for name in names):
        return ("classify",)
    return ("log_probs", "generate", "embed") if any(name.endswith(_CAUSAL) for name in names) else ("embed",)


def _is_path(text: str) -> bool:
    """Whether this can be neither a scheme nor a name on the hub."""
    return text.startswith(("/", ".", "~")) or "\\" in text


def _forms(schemes: Mapping[str, Scheme]) -> str:
    return ", ".join(scheme.form for scheme in schemes.values())


def _place(text: object, where: str) -> str:
    return f"{where}: model '{text}'" if where else f"model '{text}'"


def _malformed(text: object, where: str, advice: str) -> BadOption:
    return BadOption(f"{_place(text, where)}: {advice}")
