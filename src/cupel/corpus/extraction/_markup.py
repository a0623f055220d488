"""Pages prepared for resiliparse, and its text corrected afterwards.

Resiliparse parses pages as browsers do, but loses or shows a few things that browsers do not. Each is
corrected only on pages where it occurs, so all other pages give exactly resiliparse's own text:

- Its main-content mode drops a text node of one character of three UTF-8 bytes, which it takes for an icon
  of a private-use font: `我<a>今天</a>`, `<td>是</td>`, `<b>—</b>`. A mark after such a character, removed from
  the text afterwards, keeps it. Private-use characters themselves are dropped, as intended.
- Formulas come out twice (MathML and its TeX), or not at all (MathJax's scripts, Wikipedia's images). Each is
  replaced by its TeX, as `$…$` or `$$…$$`, or by its MathML on one line if there is no TeX.
- Ordered lists begin at 1 whatever `start`, `value` and `reversed` say.
- `<title/>` in XHTML swallows the page, since HTML has no empty elements of that kind.
- Elements that the page hides are shown in whole-page mode, unless selectors name them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from html import unescape
from typing import Any

from cupel.corpus.extraction._mathml import linear

__all__ = ["HIDDEN", "page_text", "plain_declarations"]

_MARKS = "\u2060\u2061\u2062\u2063\u2064\u206a\u206b\u206c\u206d\u206e\u206f"
"""Invisible characters; one that the page does not contain serves as the mark."""
_REFERENCE = re.compile(r"&(?:#[xX]0*20[56][0-9a-fA-F]|#0*82[89]\d|#0*830\d|[A-Z]?[a-zA-Z]{1,20});?")
"""A character reference that may stand for one of them."""

# A character, or a reference to one, alone between two tags. It begins with a literal: four times as fast.
_ALONE = re.compile(r">\s*([\u0800-\uffff]|&#?[0-9A-Za-z]{2,30};?)(?=\s*(?:<|$))")
_KEPT = re.compile(r"[\u0800-\ud7ff\uf900-\uffff]")
"""Characters that must not be lost: three bytes in UTF-8, and not for private use."""
_MATH_SCRIPT = re.compile(r"=\s*[\"']?\s*math/")
_TEX_IMAGE = re.compile(r"<img\s[^>]*\bclass\s*=\s*[\"']?(?:[^\"'<>]*\s)?(?:la)?tex[\s\"'>]")
_TEX_WORDS = ("latex", 'class="tex"', "class='tex'", "class=tex")
_LIST = re.compile(r"<ol[^>]*\s(?:start|reversed)\b|<li[^>]*\svalue\s*=", re.IGNORECASE)
_DECLARATIONS = [
    f"{name}{before}:{after}{value}"
    for name, value in (("display", "none"), ("visibility", "hidden"))
    for before in ("", " ")
    for after in ("", " ")
]
HIDDEN = [
    "[hidden]",
    "dialog:not([open])",
    "noframes",
    *(f'[style*="{declaration}" i]' for declaration in _DECLARATIONS),
]
"""Selectors of elements that a page hides by an attribute or style of the element itself."""
_STYLE = re.compile(r"\sstyle\s*=\s*(?:\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_SPACES = r"(?:\s*:\s{2,}|\s{2,}:|[\t\n\r]:|\s*:[\t\n\r])\s*"
# Two patterns that begin with a literal are faster than one that does not.
_ODD_SPACES = (re.compile(f"(display){_SPACES}(?=none)"), re.compile(f"(visibility){_SPACES}(?=hidden)"))
"""More white space than the selectors allow, after `display` or `visibility`."""

_TEXT_ONLY = ("title", "script", "style", "textarea", "iframe", "xmp", "noembed", "noframes", "noscript")
"""Elements in which an HTML parser takes tags for text until their end tag."""
_LEFT_OUT = (
    *_TEXT_ONLY,
    "a",
    "select",
    "button",
    "template",
    "object",
    "audio",
    "video",
    "nav",
    "aside",
    "footer",
)
"""Elements whose content is not part of the page's own text."""
_ATTRIBUTES = r"(\s(?:[^<>\"']|\"[^\"]*\"|'[^']*')*)?"
_EMPTY = re.compile(rf"<({'|'.join(_TEXT_ONLY)}){_ATTRIBUTES}/>", re.IGNORECASE)
_EMPTY_XHTML = re.compile(
    rf"<(?:({'|'.join(_LEFT_OUT)}){_ATTRIBUTES}/>|!--.*?-->|(script|style)(?:\s[^<>]*)?>.*?</\3)",
    re.IGNORECASE | re.DOTALL,
)
"""An empty element, or a comment, script or style sheet, in which nothing is a tag."""
_XHTML = re.compile(r"<\?xml|XHTML|<html[^>]*xmlns\s*=", re.IGNORECASE)


def page_text(html: str, extract: Callable[[Any], str]) -> str:
    """What `extract` makes of a page that was prepared for it.

    Parameters
    ----------
    html
        A decoded page.
    extract
        Takes HTML, or a tree of resiliparse's, and gives text.
    """
    html = _close_empty(html)
    mark = _absent_mark(html)
    page: Any = html
    if mark is not None:
        page = _ALONE.sub(partial(_marked, mark=mark), html)
    if _has_formula(html) or _LIST.search(html):
        page = _mended(page, mark)
    text = extract(page)
    if mark is not None:
        text = re.sub(rf"\d+\. {mark}(-?\d+){mark}", r"\1.", text)
        text = re.sub(rf"{mark}-?\d+{mark} ?", "", text).replace(mark, "")
    return text


def _absent_mark(html: str) -> str | None:
    """A mark that the page contains neither literally nor as a character reference."""
    referred: set[str] | None = None
    for mark in _MARKS:
        if mark in html:
            continue
        if referred is None:
            referred = {unescape(reference) for reference in set(_REFERENCE.findall(html))}
        if mark not in referred:
            return mark
    return None


def _has_formula(html: str) -> bool:
    # Searching for words before patterns is cheaper by far.
    if any(word in html for word in ("<math", "<MATH", "mwe-math")):
        return True
    if "math/" in html and _MATH_SCRIPT.search(html) is not None:
        return True
    return any(word in html for word in _TEX_WORDS) and _TEX_IMAGE.search(html) is not None


def _marked(match: re.Match[str], mark: str) -> str:
    """A lone character with the mark after it; white space, icons and shorter characters unchanged."""
    character = unescape(match[1])
    kept = len(character) == 1 and not character.isspace() and _KEPT.match(character)
    return f"{match[0]}{mark}" if kept else match[0]


def plain_declarations(html: str) -> str:
    """The page with at most one space in `display : none`, for selectors to find."""
    for pattern in _ODD_SPACES:
        if pattern.search(html) is not None:
            html = _STYLE.sub(partial(_with_fewer_spaces, pattern), html)
    return html


def _with_fewer_spaces(pattern: re.Pattern[str], style: re.Match[str]) -> str:
    return pattern.sub(r"\1:", style[0])


def _close_empty(html: str) -> str:
    """`<title/>` as `<title></title>`: everywhere in XHTML, elsewhere only if no end tag follows."""
    if "/>" not in html:
        return html
    xhtml = _XHTML.search(html, 0, 1024) is not None
    last_end: dict[str, int] = {}

    def closed(match: re.Match[str]) -> str:
        tag = match[1]
        if tag is None:
            return match[0]
        if tag not in last_end:
            last_end[tag] = html.rfind(f"</{tag}")
        if xhtml or last_end[tag] < match.end():
            return f"<{tag}{match[2] or ''}></{tag}>"
        return match[0]

    return (_EMPTY_XHTML if xhtml else _EMPTY).sub(closed, html)


def _mended(html: str, mark: str | None) -> Any:
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(html)
    document = tree.document
    if document is None:
        return html
    _write_formulas(tree, document)
    if mark is not None:
        _number_lists(tree, document, mark)
    return tree


# -- formulas ----------------------------------------------------------------------------------

_RENDERED = (
    ".MathJax_Preview, .MathJax, .MathJax_Display, .MathJax_SVG, .MathJax_SVG_Display, .MathJax_CHTML, "
    ".MathJax_Processing, mjx-container"
)


def _write_formulas(tree: Any, document: Any) -> None:
    """Each formula once, as its TeX if the page contains it."""
    for script in document.query_selector_all('script[type^="math/"]'):
        kind = (script.getattr("type") or "").lower()
        if kind.startswith("math/tex"):
            _replace(tree, script, _tex(script.text, display="mode=display" in kind.replace(" ", "")))
        elif kind.startswith("math/asciimath"):
            _replace(tree, script, f"`{script.text.strip()}`" if script.text.strip() else "")
        elif kind.startswith("math/mml"):
            inner = type(tree).parse(script.text).document
            formulas = inner.query_selector_all("math") if inner is not None else []
            _replace(tree, script, " ".join(_formula(math) for math in formulas))
    written_elsewhere = bool(document.query_selector_all('script[type^="math/"]')) or _wrote(document)
    for shown in document.query_selector_all(_RENDERED):
        math = shown.query_selector("math")
        if math is not None and not written_elsewhere:
            _replace(tree, shown, _formula(math))
        else:
            _take_out([shown])
    for formula in document.query_selector_all(".mwe-math-element, .katex, .katex-display"):
        if formula.parent is None:
            continue
        math = formula.query_selector("math")
        image = formula.query_selector("img[alt]")
        if math is not None:
            _replace(tree, formula, _formula(math, "katex-display" in formula.class_name))
        elif image is not None:
            _replace(tree, formula, _tex(image.getattr("alt")))
    for image in document.query_selector_all(
        "img.mwe-math-fallback-image-inline, img.mwe-math-fallback-image-display, img.tex, img.latex"
    ):
        _replace(tree, image, _tex(image.getattr("alt") or ""))
    for math in document.query_selector_all("math"):
        _replace(tree, math, _formula(math))


def _wrote(document: Any) -> bool:
    return bool(document.query_selector_all(f"[{_WRITTEN}]"))


_WRITTEN = "data-formula"


def _formula(math: Any, display: bool = False) -> str:
    """TeX of a `<math>` element: its annotation or its alternative text; else the formula on one line."""
    display = display or math.getattr("display") == "block"
    for note in math.query_selector_all("annotation"):
        if "tex" in (note.getattr("encoding") or "").lower() and note.text.strip():
            return _tex(note.text, display)
    alternative = math.getattr("alttext")
    if alternative and alternative.strip():
        return _tex(alternative, display)
    return linear(math)


def _tex(source: str, display: bool = False) -> str:
    """TeX between dollars, without the wrapping that Wikipedia and MathJax put around it."""
    tex = re.sub(r"^<!\[CDATA\[|\]\]>$|^%\s*<!\[CDATA\[", "", source.strip()).strip()
    if (wrapped := re.fullmatch(r"\{\\displaystyle\s*(.*)\}", tex, re.DOTALL)) is not None:
        tex = wrapped[1].strip()
    if (wrapped := re.fullmatch(r"(\${1,2})(.*)\1", tex, re.DOTALL)) is not None:
        tex = wrapped[2].strip()
    if not tex:
        return ""
    return f"$${tex}$$" if display else f"${tex}$"


# -- lists -------------------------------------------------------------------------------------


def _number_lists(tree: Any, document: Any, mark: str) -> None:
    """Writes the number, between two marks, of items that a browser would not number 1, 2, 3."""
    for listing in document.query_selector_all("ol"):
        items = [item for item in listing.child_nodes if getattr(item, "tag", None) == "li"]
        if not items:
            continue
        step = -1 if listing.hasattr("reversed") else 1
        number = _whole(listing.getattr("start"), len(items) if step < 0 else 1)
        for place, item in enumerate(items, 1):
            number = _whole(item.getattr("value"), number)
            if number != place:
                item.insert_before(tree.create_text_node(f"{mark}{number}{mark} "), item.first_child)
            number += step


def _whole(value: str | None, default: int) -> int:
    match = re.match(r"\s*([+-]?\d{1,9})", value or "", re.ASCII)
    return int(match[1]) if match is not None else default


def _take_out(elements: Iterable[Any]) -> None:
    for element in elements:
        if element.parent is not None:
            element.remove()


def _replace(tree: Any, element: Any, text: str) -> None:
    if element.parent is None:
        return
    written = tree.create_element("span")
    written.setattr(_WRITTEN, "")
    written.text = text
    element.replace_with(written)
