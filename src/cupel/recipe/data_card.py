"""The data card of an output, `README.md`: what a hub shows, and how `datasets.load_dataset` finds the files.

Cupel writes the front matter's data files and the part between two marks, which describes the run. Everything else
(above all the license) belongs to whoever publishes the data, and is kept when a run is repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import yaml

from cupel.errors import Damaged
from cupel.recipe.folder import Folder, write_text
from cupel.units import write_bytes, write_count, write_percent

__all__ = ["CARD", "card_fault", "write_card"]

CARD = "README.md"
BEGIN = "<!-- written by cupel; changes from here to the end mark are lost -->"
END = "<!-- end of what cupel wrote -->"
OWN = ("configs", "size_categories")
"""Fields of the front matter that follow from the run."""
_FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
_LICENSE = (
    "license: unknown # fill in: https://huggingface.co/docs/hub/repositories-licenses lists the identifiers"
)
_YOURS = (
    "Say what only you know: who publishes the data, whether it is public, what it is about (category, domain), and what "
    "was done to it before."
)
"""Dimensions of "Datasets for Large Language Models" (Liu et al. 2024) that no run knows; the others are in the block."""
_SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
"""Powers of ten from a thousand on, as hubs write them."""
MIN_LANGUAGE_SHARE = 0.01
MOST_SOURCES = 5


def write_card(folder: Folder, manifest: Mapping[str, Any], languages: Mapping[str, int]) -> None:
    """Write the card of a run, or update an existing one without touching manual additions.

    Parameters
    ----------
    languages
        Kept documents by language, where it was identified.
    """
    path = folder.root / CARD
    own = {"configs": _configs(manifest), "size_categories": [_size_category(manifest["documents"]["kept"])]}
    try:
        before = path.read_text("utf-8")
    except FileNotFoundError:
        before = None
    except (OSError, UnicodeDecodeError):
        return  # a file of the user's that is not a card
    if before is None:
        front = _yaml({**_languages(languages), "tags": ["cupel"], **own})
        body = f"# {manifest['recipe']}\n\nDescribe the data here.\n\n{_YOURS}\n\n{_block(manifest)}\n"
        write_text(path, f"---\n{_LICENSE}\n{front}---\n\n{body}")
        return
    front_matter = _FRONT.match(before)
    if front_matter is None or BEGIN not in before:
        return  # written by somebody else, who may not want it changed
    kept = re.sub(rf"(?m)^(?:{'|'.join(OWN)}):[^\n]*\n(?:[ \-][^\n]*(?:\n|\Z))*", "", front_matter[1] + "\n")
    text = f"---\n{kept}{_yaml(own)}---\n{before[front_matter.end() :]}"
    write_text(
        path,
        re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: _block(manifest), text, flags=re.DOTALL),
    )


def card_fault(folder: Folder, manifest: Mapping[str, Any]) -> Damaged | None:
    """The fault in the part of a card that Cupel wrote; None if there is no fault or no such part."""
    path = folder.root / CARD
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        return Damaged(path, f"cannot be read: {error}")
    if not text.strip():
        return Damaged(path, "is empty", "delete it, and the same command writes it again")
    if BEGIN not in text:
        return None  # somebody put a card of their own in its place
    if _block(manifest) not in text:
        return Damaged(
            path, "does not say what the run did", "delete it, and the same command writes it again"
        )
    front_matter = _FRONT.match(text)
    try:
        front = yaml.safe_load(front_matter[1]) if front_matter else None
    except yaml.YAMLError:
        front = None
    if not isinstance(front, dict) or front.get("configs") != _configs(manifest):
        return Damaged(
            path, "does not name the data files", "delete it, and the same command writes it again"
        )
    return None


def _configs(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The corpus, which is loaded by default, and the ledger where `datasets` can read both: it takes one format."""
    jsonl = _is_jsonl(manifest)
    corpus = _config("default", "data/*.jsonl.zst" if jsonl else "data/*.parquet") | {"default": True}
    return [corpus] if jsonl else [corpus, _config("ledger", "ledger/*.parquet")]


def _config(name: str, files: str) -> dict[str, Any]:
    return {"config_name": name, "data_files": [{"split": "train", "path": files}]}


def _is_jsonl(manifest: Mapping[str, Any]) -> bool:
    return all(name.endswith(".jsonl.zst") for name in manifest["data_files"])


def _size_category(documents: int) -> str:
    """As hubs write it: `n<1K`, `10K<n<100K`, `n>1T`."""
    above = max(0, len(str(documents)) - 3)
    if above == 0:
        return f"n<{_SIZES[0]}"
    return f"{_SIZES[above - 1]}<n<{_SIZES[above]}" if above < len(_SIZES) else f"n>{_SIZES[-1]}"


def _languages(counts: Mapping[str, int]) -> dict[str, Any]:
    total = sum(counts.values())
    common = sorted((-count, name) for name, count in counts.items() if count >= MIN_LANGUAGE_SHARE * total)
    names = [name for count, name in common if count and re.fullmatch(r"[a-z]{2,3}", name)]
    return {"language": names} if names else {}


def _block(manifest: Mapping[str, Any]) -> str:
    """What the run did, between the marks."""
    documents, size = manifest["documents"], manifest["bytes"]
    total = documents["in"] + documents["generated"]
    rows = [
        ("recipe", f"{manifest['recipe']} (`recipe.yaml`, digest `{manifest['recipe_digest']}`)"),
        ("collected from", _sources(manifest)),
        ("construction", "collected and written by a model" if documents["generated"] else "collected"),
        ("made on", manifest["started"].partition("T")[0]),
        ("documents in", write_count(documents["in"])),
        *([("generated", write_count(documents["generated"]))] if documents["generated"] else []),
        ("kept", f"{write_count(documents['kept'])} ({write_percent(documents['kept'] / (total or 1))})"),
        ("dropped", write_count(documents["dropped"])),
        ("quarantined", write_count(documents["quarantined"])),
        ("text", write_bytes(size["text_out"])),
        ("content hash", f"`{manifest['content_hash']}`"),
        ("cupel", manifest["cupel"]),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return (
        f"{BEGIN}\n\n## How it was made\n\n| | |\n| --- | --- |\n{table}\n\n"
        "`ledger/` holds one row for every document that was read or generated: what became of it, and why. Its column "
        f"`doc` is that of the documents{'' if _is_jsonl(manifest) else '; `datasets` loads it as `ledger`'}.\n\n"
        f"{END}"
    )


def _sources(manifest: Mapping[str, Any]) -> str:
    """What was read. Of a local path only its last part: a card is published, and where the data lay is not."""
    names = [place if "://" in place else PurePath(place).name or place for place in manifest["input"]]
    listed = ", ".join(f"`{name}`" for name in names[:MOST_SOURCES])
    more = f" and {len(names) - MOST_SOURCES} more" if len(names) > MOST_SOURCES else ""
    files = manifest["input_files"]
    size = f"{write_count(files)} file{'s' if files != 1 else ''}, {write_bytes(manifest['input_bytes'])}"
    return f"{listed}{more} ({size})".replace("|", "\\|")


def _yaml(fields: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(fields), sort_keys=False, allow_unicode=True)
