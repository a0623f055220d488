"""Data sets on a hub that speaks Hugging Face's protocol, at the address in HF_ENDPOINT.

Daft reads `hf://` from huggingface.co alone. With HF_ENDPOINT set (a mirror, a hub of your own), files are listed here
through the hub's tree API and then read like any other file on a web server.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from cupel.corpus import web
from cupel.errors import BadInput

__all__ = ["HubFile", "endpoint", "list_files", "token_for", "web_address"]

_DEFAULT = "https://huggingface.co"
_ADDRESS = re.compile(r"hf://datasets/(?P<name>[^/@]+/[^/@]+)(@(?P<revision>[^/]+))?(/(?P<path>.*))?")
_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')


@dataclass(frozen=True)
class HubFile:
    """A file on a hub: its web address, its path below what was named, its size."""

    address: str
    relative: str
    bytes: int


def endpoint() -> str | None:
    """Address of a hub other than huggingface.co; None where that one is meant."""
    address = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    return address if address and address != _DEFAULT else None


def token_for(address: str) -> str | None:
    """The token that goes to this address: HF_TOKEN for the hub, and nothing for anyone else."""
    hub = endpoint() or _DEFAULT
    return os.environ.get("HF_TOKEN") if address.startswith(hub + "/") else None


def web_address(address: str) -> str | None:
    """Where a file `hf://datasets/org/name[@revision]/path` lies on the web; None if it is no file of that kind."""
    match = _ADDRESS.fullmatch(address)
    if match is None or not match["path"]:
        return None
    revision = quote(match["revision"] or "main", safe="")
    return f"{endpoint() or _DEFAULT}/datasets/{match['name']}/resolve/{revision}/{quote(match['path'])}"


def list_files(address: str, hub: str, *, tries: int, seconds: float) -> Iterator[HubFile]:
    """The files that `hf://datasets/org/name[@revision][/file, folder or glob]` names.

    Parameters
    ----------
    tries, seconds
        As in `cupel.corpus.remote.IOOptions`.

    Raises
    ------
    BadInput
        The address is none of this kind, the hub has nothing there, or it does not answer.
    """
    match = _ADDRESS.fullmatch(address.rstrip("/"))
    if match is None:
        raise BadInput(f"cannot find {address}: expected hf://datasets/ORG/NAME, with @REVISION or /PATH")
    name, path, revision = match["name"], match["path"] or "", quote(match["revision"] or "main", safe="")
    # The tree API lists folders: what is named is looked for in the folder that holds it.
    fixed = re.split(r"[*?]", path, maxsplit=1)[0]
    above = quote(fixed.rpartition("/")[0])
    page: str | None = (
        f"{hub}/api/datasets/{name}/tree/{revision}{'/' + above if above else ''}?recursive=true"
    )
    try:
        while page:
            listing, headers = web.get(page, token=token_for(page), tries=tries, seconds=seconds)
            for entry in json.loads(listing):
                below = _below(entry["path"], path) if entry["type"] == "file" else None
                if below is not None:
                    file = f"{hub}/datasets/{name}/resolve/{revision}/{quote(entry['path'])}"
                    yield HubFile(file, below, int(entry["size"]))
            following = _NEXT.search(headers.get("Link", ""))
            page = following[1] if following else None
    except OSError as error:
        raise BadInput(f"cannot find {address}: {error}") from None
    except (ValueError, KeyError, TypeError):
        raise BadInput(
            f"cannot find {address}: {hub} answers with something other than a list of files"
        ) from None


def _below(path: str, named: str) -> str | None:
    """The part of a file's path below what was named; None if the file is elsewhere."""
    if not named:
        return path
    if path == named:
        return path.rpartition("/")[2]
    if any(sign in named for sign in "*?"):
        pattern = re.escape(named).replace(r"\*\*/", "(?:.*/)?").replace(r"\*\*", ".*")
        pattern = pattern.replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
        fixed = named.split("*")[0].rpartition("/")[0]
        return path[len(fixed) :].lstrip("/") if re.fullmatch(pattern, path) else None
    return path[len(named) + 1 :] if path.startswith(named + "/") else None
