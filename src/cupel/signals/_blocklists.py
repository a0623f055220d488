"""Lists of blocked domains: the forms in which they are published, read whole or refused by line.

A line is one of

- a domain, `*.domain` or `.domain`;
- a line of a hosts file: an address, then any number of names;
- a rule of an ad blocker for a whole domain, `||domain^` with or without options, and its exception
  `@@||domain^`. Rules that hide elements (`##`) say nothing about documents and are passed over.

`#` and `!` begin comments. Any other line stops reading, with its number: a list that is half understood
blocks less than its user believes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import idna

from cupel.errors import BadInput

__all__ = ["Blocklist", "ascii_domain", "parse"]

_DOMAIN = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")
_COSMETIC = re.compile(r"#[@?$%]{0,3}#")
_RULE = re.compile(r"(@@)?\|\|([^\^/*$|]+)\^?\|?(?:\$(.*))?$")
_LOCAL = frozenset(
    """localhost localhost.localdomain local broadcasthost ip6-localhost ip6-loopback ip6-localnet
    ip6-mcastprefix ip6-allnodes ip6-allrouters ip6-allhosts 0.0.0.0""".split()  # noqa: SIM905
)


@dataclass
class Blocklist:
    """Domains that a list blocks, with all below them, and those that it lets through all the same."""

    blocked: set[str] = field(default_factory=set)
    excepted: set[str] = field(default_factory=set)


def parse(lines: Iterable[bytes], where: str) -> Blocklist:
    """The domains of one list.

    Raises
    ------
    BadInput
        A line that is none of the forms that are read; `where` and its number are named.

    Examples
    --------
    >>> lines = [b"0.0.0.0 a.example b.example # both", b"||c.example^$third-party", b"@@||ok.c.example^"]
    >>> found = parse(lines, "list")
    >>> sorted(found.blocked), sorted(found.excepted)
    (['a.example', 'b.example', 'c.example'], ['ok.c.example'])
    """
    found = Blocklist()
    for number, line in enumerate(lines, 1):
        text = line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()
        if not text or text.startswith(("!", "[Adblock", "[adblock")):
            continue
        if not text.startswith("#") and _COSMETIC.search(text):
            continue
        if text.startswith(("##", "#@#", "#?#", "#$#")):
            continue
        names = _names(text, found)
        for name in names if names is not None else [None]:
            domain = None if name is None else ascii_domain(name)
            if domain is None or not _DOMAIN.fullmatch(domain):
                raise BadInput(
                    f"url-domain: {where}, line {number}: '{text[:80]}' is neither a domain, nor a line of a hosts "
                    "file, nor a rule for a whole domain (||example.com^); take the line out of the list"
                )
            found.blocked.add(domain)
    return found


def _names(text: str, found: Blocklist) -> list[str] | None:
    """The names that a line blocks; None where it cannot be told. Exceptions go into `found`."""
    if text.startswith(("||", "@@")):
        rule = _RULE.fullmatch(text)
        if rule is None or "domain=" in (rule[3] or ""):
            return None
        if rule[1]:
            found.excepted.add(ascii_domain(rule[2]))
            return []
        return [rule[2]]
    fields = text.split("#", 1)[0].split()
    if len(fields) > 1:
        if not _is_address(fields[0]):
            return None
        return [name for name in fields[1:] if name.lower() not in _LOCAL]
    return [name.removeprefix("*").removeprefix(".") for name in fields]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def ascii_domain(domain: str) -> str:
    """`domain` as browsers send it: UTS #46, not transitional; as it stands where it is no proper name.

    >>> ascii_domain("FAß.de."), ascii_domain("東京。jp")
    ('xn--fa-hia.de', 'xn--1lqs71d.jp')
    """
    domain = domain.strip()
    if domain.isascii():
        return domain.rstrip(".").lower()
    try:
        mapped = idna.uts46_remap(domain, False, False)
        labels = [
            label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")
            for label in mapped.split(".")
        ]
    except (idna.IDNAError, UnicodeError):
        return domain.rstrip(".").lower()
    return ".".join(labels).rstrip(".")
