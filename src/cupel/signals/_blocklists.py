"""Lists of blocked domains in the forms in which they are published: read whole, or refused with the line at fault.

A line is one of

- a domain, `*.domain` or `.domain`;
- a line of a hosts file: an address, then any number of names;
- an ad blocker's rule for a whole domain, `||domain^` with or without options, or its exception
  `@@||domain^`. Rules that hide elements (`##`) say nothing about documents and are skipped.

`#` and `!` begin comments. Any other line is an error that names its number: a list that is half understood
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
    """Domains that a list blocks, with all below them, and exceptions that it lets through."""

    blocked: set[str] = field(default_factory=set)
    excepted: set[str] = field(default_factory=set)

    def add(self, other: Blocklist) -> None:
        """Block what `other` blocks, too, with its exceptions."""
        self.blocked |= other.blocked
        self.excepted |= other.excepted


def parse(lines: Iterable[bytes], where: str) -> Blocklist:
    """The domains of one list.

    Raises
    ------
    BadInput
        A line in none of these forms; the message names `where` and the line's number.

    Examples
    --------
    >>> lines = [b"0.0.0.0 a.example b.example # both", b"||c.example^$third-party", b"@@||ok.c.example^"]
    >>> domains = parse(lines, "list")
    >>> sorted(domains.blocked), sorted(domains.excepted)
    (['a.example', 'b.example', 'c.example'], ['ok.c.example'])
    """
    blocklist = Blocklist()
    for number, line in enumerate(lines, 1):
        text = line.decode("utf-8-sig" if number == 1 else "utf-8", "replace").strip()
        if not text or text.startswith(("!", "[Adblock", "[adblock")):
            continue
        if not text.startswith("#") and _COSMETIC.search(text):
            continue
        if text.startswith(("##", "#@#", "#?#", "#$#")):
            continue
        names = _names(text, blocklist)
        for name in names if names is not None else [None]:
            domain = None if name is None else ascii_domain(name)
            if domain is None or not _DOMAIN.fullmatch(domain):
                raise BadInput(
                    f"url-domain: {where}, line {number}: '{text[:80]}' is neither a domain, nor a line of a hosts "
                    "file, nor a rule for a whole domain (||example.com^); take the line out of the list"
                )
            blocklist.blocked.add(domain)
    return blocklist


def _names(text: str, blocklist: Blocklist) -> list[str] | None:
    """The names that a line blocks; None where it is in no known form. Exceptions go into `blocklist`."""
    if text.startswith(("||", "@@")):
        rule = _RULE.fullmatch(text)
        if rule is None or "domain=" in (rule[3] or ""):
            return None
        if rule[1]:
            blocklist.excepted.add(ascii_domain(rule[2]))
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
    """`domain` as browsers send it (UTS #46, nontransitional), or unchanged where it is not a valid name.

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
