"""A Vega-Lite specification drawn as inline SVG that follows the page's colors.

The drawing is rebuilt from a list of allowed elements and attributes: no links, images,
scripts or styles pass, whatever the specification holds. Text stays text, in the page's
own font. What `cupel.report.drawing` knows is drawn there, in a millisecond; a renderer for everything else takes a second
to start and 30 ms per chart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.etree import ElementTree

from cupel.charts import COLORS
from cupel.report.drawing import ROLES, draw_own
from cupel.report.text import plain, shorten, visible

__all__ = ["CannotDraw", "about", "draw", "legend", "rendered", "titles"]

_ELEMENTS = frozenset(
    [
        "svg",
        "g",
        "path",
        "rect",
        "line",
        "circle",
        "ellipse",
        "polygon",
        "polyline",
        "text",
        "tspan",
        "defs",
        "clipPath",
        "linearGradient",
        "radialGradient",
        "stop",
    ]
)
_ATTRIBUTES = frozenset(
    [
        "d",
        "transform",
        "x",
        "y",
        "x1",
        "y1",
        "x2",
        "y2",
        "cx",
        "cy",
        "r",
        "rx",
        "ry",
        "dx",
        "dy",
        "width",
        "height",
        "points",
        "fill",
        "stroke",
        "stroke-width",
        "stroke-dasharray",
        "stroke-linecap",
        "stroke-linejoin",
        "opacity",
        "fill-opacity",
        "stroke-opacity",
        "text-anchor",
        "dominant-baseline",
        "font-size",
        "font-weight",
        "font-style",
        "offset",
        "stop-color",
        "stop-opacity",
        "gradientUnits",
        "id",
        "clip-path",
        "clip-rule",
        "fill-rule",
    ]
)
_DEFAULTS = {"opacity": "1", "stroke-width": "1", "fill-opacity": "1", "stroke-opacity": "1"}
_CONFIG: Mapping[str, Any] = {
    "background": None,
    "font": "sans-serif",
    "padding": {"left": 1, "right": 1, "top": 2, "bottom": 2},
    "view": {"stroke": None},
    "mark": {"color": COLORS["kept"]},
    "range": {
        "category": [COLORS[name] for name in ("kept", "blue", "olive", "plum", "second", "dropped")],
        "ramp": ["#f3e3d3", "#c8743a", "#5a2d12"],
        "heatmap": ["#f3e3d3", "#c8743a", "#5a2d12"],
    },
    "axis": {
        "labelColor": COLORS["soft"],
        "titleColor": COLORS["soft"],
        "labelFontSize": 10.5,
        "titleFontSize": 11,
        "titleFontWeight": 400,
        "titlePadding": 8,
        "gridColor": COLORS["grid"],
        "domainColor": COLORS["soft"],
        "tickColor": COLORS["soft"],
        "tickSize": 4,
    },
    "legend": {"labelColor": COLORS["soft"], "titleColor": COLORS["soft"], "orient": "top"},
    "title": {"color": COLORS["ink"], "subtitleColor": COLORS["soft"], "anchor": "start"},
    "text": {"color": COLORS["ink"]},
    "header": {"labelColor": COLORS["soft"], "titleColor": COLORS["soft"]},
}


LONGEST_LABEL = 400


class CannotDraw(ValueError):
    """A specification that the renderer refuses; the message says why."""


def draw(spec: Mapping[str, Any], name: str, width: int) -> str:
    """The chart as one `<svg>` element, `width` px by its own measure, scaled by the page.

    Parameters
    ----------
    name
        Prefix of every id inside the drawing; must be unique on the page.
    width
        Given to charts of one plot. Facets and concatenations keep their own.

    Raises
    ------
    CannotDraw
        A specification that is not Vega-Lite, or that asks for data from elsewhere.
    """
    own = draw_own(spec, width)
    return rendered(spec, name, width) if own is None else own


def rendered(spec: Mapping[str, Any], name: str, width: int) -> str:
    """The chart as `draw` gives it, drawn by the renderer of Vega-Lite, whatever chart it is."""
    import vl_convert

    asked = {key: value for key, value in spec.items() if key not in ("title", "usermeta")}
    if "mark" in asked or "layer" in asked:
        asked |= {"width": width, "autosize": {"type": "fit", "contains": "padding"}}
    asked["config"] = _overlaid(_CONFIG, asked.get("config", {}))
    try:
        drawn = vl_convert.vegalite_to_svg(_clean(asked), allowed_base_urls=[])
        root = ElementTree.fromstring(drawn)
    except (ValueError, ElementTree.ParseError) as error:
        raise CannotDraw(_reason(error)) from None
    box = root.get("viewBox", f"0 0 {width} 100").split()
    inner = "".join(part for child in root for part in _rebuilt(child, name))
    label = plain(shorten(about(spec), LONGEST_LABEL))
    wide = f"{float(box[2]):.0f}"
    return f'<svg viewBox="{" ".join(box)}" width="{wide}" role="img" aria-label="{label}">{inner}</svg>'


def titles(spec: Mapping[str, Any]) -> tuple[str, str]:
    """Title and subtitle of a chart, for the page to set as text."""
    title = spec.get("title") or ""
    if not isinstance(title, Mapping):
        return _line(title), ""
    return _line(title.get("text") or ""), _line(title.get("subtitle") or "")


def about(spec: Mapping[str, Any]) -> str:
    """What the chart shows, in words, for those who do not see it."""
    return str(spec.get("description") or titles(spec)[0] or "Chart")


def legend(spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, color role) of each color of a chart made by `cupel.charts`."""
    own = spec.get("usermeta")
    own = own.get("cupel") if isinstance(own, Mapping) else None
    pairs = own.get("legend", ()) if isinstance(own, Mapping) else ()
    return [(str(name), ROLES.get(color, "soft")) for name, color in pairs]


def _line(title: Any) -> str:
    return " ".join(map(str, title)) if isinstance(title, list | tuple) else str(title)


def _overlaid(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        known = merged.get(key)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        merged[key] = _overlaid(known, value) if both else value  # type: ignore[arg-type]
    return merged


def _clean(value: Any, in_data: bool = False) -> Any:
    """The specification with hidden characters written out: XML has no room for them.

    Text inside data is cut, because the renderer takes seconds to measure a label of a megabyte.
    Characters beyond U+FFFF become U+FFFD: the renderer shortens labels by UTF-16 units, and
    fails on half a character.
    """
    if isinstance(value, str):
        shown = visible(shorten(value, LONGEST_LABEL) if in_data else value)
        return "".join(c if c <= "\uffff" else "\ufffd" for c in shown)
    if isinstance(value, Mapping):
        rows = ("datasets", "values")
        return {
            visible(str(key)): _clean(item, in_data or (key in rows and not isinstance(item, str)))
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_clean(item, in_data) for item in value]
    return value


def _reason(error: Exception) -> str:
    """The renderer's message without its stack."""
    lines = [line for line in str(error).splitlines() if line and not line.lstrip().startswith("at ")]
    return lines[-1].strip() if lines else type(error).__name__


def _rebuilt(element: ElementTree.Element, name: str) -> Iterator[str]:
    tag = element.tag.rpartition("}")[2]
    if tag == "a":
        tag = "g"
    if tag not in _ELEMENTS or element.get("display") == "none":
        return
    attributes = dict(_kept_attributes(element, name))
    if tag == "path" and attributes.get("d", "") in ("", "M0,0h0v0h0Z"):
        return
    if tag == "path" and attributes.keys() == {"d"} and "background" in element.get("class", ""):
        return
    words = ""
    label = element.get("aria-label")
    if label and "role-axis" not in element.get("class", "") and tag in ("path", "circle", "rect"):
        words = f"<title>{plain(shorten(label, LONGEST_LABEL))}</title>"
    inside = (
        words + plain(element.text or "") + "".join(p for child in element for p in _rebuilt(child, name))
    )
    written = "".join(f' {key}="{value}"' for key, value in attributes.items())
    if tag == "g" and not written:
        yield inside
    elif inside:
        yield f"<{tag}{written}>{inside}</{tag}>"
    elif tag not in ("g", "text", "defs"):
        yield f"<{tag}{written}/>"


def _kept_attributes(element: ElementTree.Element, name: str) -> Iterator[tuple[str, str]]:
    roles = []
    for key, value in element.attrib.items():
        if key not in _ATTRIBUTES or _DEFAULTS.get(key) == value:
            continue
        if key == "transform" and value == "translate(0,0)":
            continue
        if key in ("fill", "stroke", "stop-color") and value.lower() in ROLES:
            roles.append(f"{key}-{ROLES[value.lower()]}")
            continue
        if key == "id":
            value = f"{name}-{value}"
        elif "(" in value and key in ("fill", "stroke", "clip-path"):
            inner = re.fullmatch(r"url\(#([\w.-]+)\)", value)
            if inner:
                value = f"url(#{name}-{inner[1]})"
            elif not re.fullmatch(r"(rgb|rgba|hsl)\([\d., %]*\)", value):
                continue
        elif key in ("d", "transform", "points", "x", "y", "x1", "x2", "y1", "y2", "width", "height"):
            value = re.sub(r"-?\d+\.\d{2,}(?:e-?\d+)?", lambda number: f"{float(number[0]):.1f}", value)
        yield key, plain(value)
    if roles:
        yield "class", " ".join(roles)
