"""Which charset a page declares: the prescan of the HTML standard (13.2.3.2).

Comments, attributes of other tags, and the content of scripts, styles, titles and text areas do not count. The
standard looks at the first 1,024 bytes; real pages declare their charset later, and browsers keep looking as they parse.
"""

from __future__ import annotations

import re

__all__ = ["declared_charset"]

_HEAD_BYTES = 8192
_XML = re.compile(rb"""^\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*["']\s*([^"'\s>]{1,40})""", re.IGNORECASE)
_TAG = re.compile(rb"<(?:!--.*?--!?>|!--|(/?)([a-zA-Z][^\s/>]*)|[!/?][^>]*>?)", re.DOTALL)
_ATTRIBUTE = re.compile(
    rb"""[\s/]*(?:>|([^\s/>=][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*)))?)""", re.DOTALL
)
_CONTENT = re.compile(r"charset\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s;\"']+))", re.IGNORECASE)
_TEXT_ONLY = (b"script", b"style", b"title", b"textarea", b"xmp", b"iframe", b"noembed", b"noframes")


def declared_charset(page: bytes) -> str | None:
    """The charset that a page's own `<meta>` or XML declaration names, by its name in the Encoding Standard.

    There, UTF-16 means UTF-8 and x-user-defined means Windows-1252: a page that can be searched is in neither.

    >>> declared_charset(b'<!-- <meta charset="gbk"> --><meta charset=Shift_JIS>')
    'shift_jis'
    """
    head = page[:_HEAD_BYTES]
    for label in _labels(head):
        if (name := _known(label)) is not None:
            return name
    declaration = _XML.match(head)
    return _known(declaration[1].decode("latin-1")) if declaration is not None else None


def _known(label: str) -> str | None:
    from cupel import _kernels

    name = _kernels.charset_name(label)
    if name in ("utf-16le", "utf-16be"):
        return "utf-8"
    return "windows-1252" if name == "x-user-defined" else name


def _labels(head: bytes) -> list[str]:
    """Labels of all `<meta>` elements, in order."""
    labels: list[str] = []
    at = 0
    while (tag := _TAG.search(head, at)) is not None:
        at = tag.end()
        if tag[0] == b"<!--":
            break  # a comment that does not end
        if tag[2] is None:
            continue
        name = tag[2].lower()
        attributes, at = _attributes(head, at)
        if tag[1]:
            continue
        if name == b"meta" and (label := _of_meta(attributes)):
            labels.append(label)
        elif name in _TEXT_ONLY:
            end = re.compile(rb"</" + name + rb"[\s/>]", re.IGNORECASE).search(head, at)
            if end is None:
                break
            at = end.start()
    return labels


def _attributes(head: bytes, at: int) -> tuple[dict[str, str], int]:
    """The attributes of a tag, the first of each name, and where the tag ends."""
    attributes: dict[str, str] = {}
    while (match := _ATTRIBUTE.match(head, at)) is not None and match.end() > at:
        at = match.end()
        if match[1] is None:
            break
        value = next((value for value in match.group(2, 3, 4) if value is not None), b"")
        attributes.setdefault(match[1].lower().decode("latin-1"), value.decode("latin-1"))
    return attributes, at


def _of_meta(attributes: dict[str, str]) -> str | None:
    if "charset" in attributes:
        return attributes["charset"]
    if attributes.get("http-equiv", "").strip().lower() != "content-type":
        return None
    charset = _CONTENT.search(attributes.get("content", ""))
    return (
        next((label for label in charset.groups() if label is not None), None)
        if charset is not None
        else None
    )
