"""Data sets on a hub that speaks Hugging Face's protocol, at the address that HF_ENDPOINT names.

Daft reads `hf://` from huggingface.co alone. With HF_ENDPOINT set (a mirror, a hub of one's
own), files are listed here through the hub's tree API and then read as files of a web server.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from cupel.errors import BadInput

__all__ = ["HubFile", "endpoint", "list_files", "token_for", "web_address"]

_DEFAULT = "https://huggingface.co"
_ADDRESS = re.compile(r"hf://datasets/(?P<name>[^/@]+/[^/@]+)(@(?P<revision>[^/]+))?(/(?P<path>.*))?")
_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')
_SECONDS = 30


@dataclass(frozen=True)
class HubFile:
    """A file on a hub: its web address, its path below what was named, its size."""

    address: str
    relative: str
    bytes: int


def endpoint() -> str | None:
    """Address of another hub than huggingface.co; none where that one is meant."""
    given = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    return given if given and given != _DEFAULT else None


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


def list_files(address: str, hub: str, tries: int) -> Iterator[HubFile]:
    """The files that `hf://datasets/org/name[@revision][/file, folder or glob]` names.

    Raises
    ------
    BadInput
        The address is none of this kind, the hub has nothing there, or it does not answer.
    """
    found = _ADDRESS.fullmatch(address.rstrip("/"))
    if found is None:
        raise BadInput(f"cannot find {address}: expected hf://datasets/ORG/NAME, with @REVISION or /PATH")
    name, path, revision = found["name"], found["path"] or "", quote(found["revision"] or "main", safe="")
    # The tree API lists folders: what is named is looked for in the folder that holds it.
    fixed = re.split(r"[*?]", path, maxsplit=1)[0]
    above = quote(fixed.rpartition("/")[0])
    page: str | None = (
        f"{hub}/api/datasets/{name}/tree/{revision}{'/' + above if above else ''}?recursive=true"
    )
    try:
        while page:
            entries, page = _ask(page, tries)
            for entry in entries:
                below = _below(entry["path"], path) if entry["type"] == "file" else None
                if below is not None:
                    web = f"{hub}/datasets/{name}/resolve/{revision}/{quote(entry['path'])}"
                    yield HubFile(web, below, int(entry["size"]))
    except HTTPError as error:
        raise BadInput(f"cannot find {address}: {hub} answers {error.code} {error.reason}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"cannot find {address}: {hub} does not answer as a hub: {error}") from None


def _below(path: str, named: str) -> str | None:
    """The part of a file's path below what was named; none if it does not lie there."""
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


def _ask(page: str, tries: int) -> tuple[list[dict[str, Any]], str | None]:
    """One page of a listing, and the address of the next."""
    token = token_for(page)
    request = Request(page, headers={"Authorization": f"Bearer {token}"} if token else {})
    for attempt in range(1, tries + 1):
        try:
            with urlopen(request, timeout=_SECONDS) as answer:
                following = _NEXT.search(answer.headers.get("Link", ""))
                return json.load(answer), following[1] if following else None
        except HTTPError as error:
            if attempt == tries or (error.code < 500 and error.code != 429):
                raise
        except URLError:
            if attempt == tries:
                raise
        time.sleep(min(0.2 * 2**attempt, 8.0))
    return [], None
