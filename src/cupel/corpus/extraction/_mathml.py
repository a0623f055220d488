"""MathML without TeX, written on one line.

`<msup>` and `<mfrac>` express by position what a line of text must express with signs: the text of
`<msup><mi>x</mi><mn>2</mn></msup>` alone is `x2`. The signs are those of UnicodeMath (Sargent, "A Nearly
Plain-Text Encoding of Mathematics", 2016): `x^2`, `a_(i+1)`, `(a+b)/c`, `√(x+1)`.
"""

from __future__ import annotations

from typing import Any

__all__ = ["linear"]

_SILENT = ("annotation", "annotation-xml", "mphantom", "script", "style")
_INVISIBLE = dict.fromkeys(range(0x2061, 0x2065))
"""Function application, invisible times, separator and plus."""
_MAX_DEPTH = 60


def linear(math: Any) -> str:
    """The formula of a `<math>` element of resiliparse's tree as one line of text."""
    return " ".join(_written(math, 0).split())


def _written(node: Any, depth: int) -> str:
    tag = (getattr(node, "tag", None) or "").lower()
    if not tag or tag.startswith("#") or depth > _MAX_DEPTH:
        return (node.text or "").translate(_INVISIBLE) if tag != "#comment" else ""
    if tag in _SILENT:
        return ""
    if tag == "mspace":
        return " "
    children = [child for child in node.child_nodes if (getattr(child, "tag", None) or "#").lower()[0] != "#"]
    if not children:
        return " ".join((node.text or "").translate(_INVISIBLE).split())
    parts = [_written(child, depth + 1) for child in children]
    if tag == "semantics":
        return parts[0]
    if tag == "mfrac" and len(parts) == 2:
        return f"{_grouped(parts[0])}/{_grouped(parts[1])}"
    if tag == "msqrt":
        return f"√{_grouped(''.join(parts))}"
    if tag == "mroot" and len(parts) == 2:
        return f"√({parts[1]}&{parts[0]})"
    signs = {"msub": "_", "munder": "_", "msup": "^", "mover": "^", "msubsup": "_^", "munderover": "_^"}
    if tag in ("mover", "munder") and len(parts) == 2 and len(parts[1]) == 1 and not parts[1].isalnum():
        return "".join(parts)  # an accent or a brace
    if tag in signs and len(parts) == len(signs[tag]) + 1:
        scripts = zip(signs[tag], parts[1:], strict=True)
        return parts[0] + "".join(sign + _grouped(script) for sign, script in scripts if script)
    if tag == "mtable":
        return "; ".join(parts)
    if tag in ("mtr", "mlabeledtr"):
        return " ".join(" ".join(parts).split())
    if tag == "mfenced":
        opening, closing = node.getattr("open") or "(", node.getattr("close") or ")"
        return opening + ",".join(parts) + closing
    return "".join(parts)


def _grouped(part: str) -> str:
    """In parentheses unless it is a single name or number."""
    return part if part.isalnum() or len(part) == 1 else f"({part})"
