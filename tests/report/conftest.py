"""The sample page, and hostile text, for every test of this room."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from cupel.report.page import Page

REPOSITORY = Path(__file__).resolve().parents[2]


def load(path: Path) -> ModuleType:
    """A Python file as a module, wherever the tests are run from."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def sample_page() -> Page:
    """A page as a run of `cupel refine` gives it."""
    return load(Path(__file__).with_name("sample_page.py")).sample_page()


@pytest.fixture(scope="session")
def browser() -> ModuleType:
    """`tools/screenshot.py`, with `browser.path` set; skips where there is no Chromium."""
    tools = load(REPOSITORY / "tools" / "screenshot.py")
    tools.path = tools.find_chromium()
    if tools.path is None:
        pytest.skip("no Chromium: apt-get install chromium, or set CHROMIUM to its path")
    return tools


HOSTILE = (
    "<script>document.documentElement.id='ran'</script>",
    "</style><script>document.documentElement.id='ran'</script>",
    "</title></textarea></svg></details><script>document.documentElement.id='ran'</script>",
    '"><img src=x onerror="document.documentElement.id=\'ran\'">',
    "'><svg onload=\"document.documentElement.id='ran'\">",
    "<a href=\"javascript:document.documentElement.id='ran'\">x</a>",
    "<iframe srcdoc=\"<script>parent.document.documentElement.id='ran'</script>\"></iframe>",
    "<link rel=stylesheet href=https://example.com/x.css><base href=https://example.com/>",
    "<meta http-equiv=refresh content='0;url=https://example.com/'>",
    "<style>body{display:none}</style><form action=https://example.com><input autofocus></form>",
    "--><!--]]><![CDATA[ ]]>&lt;script&gt;&#60;script&#62;",
    "\x00\x01\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b[2J\x7f\x9b31m\x85",
    "\u202egnp.exe\u202c\u2066\u2069\u200f\u061c",
    "\ud800 lone \udfff\ufffe\uffff\U000e0041",
    "[red]markup[/red] [link=https://example.com]x[/link] [/]",
    "{{7*7}} ${7*7} %s %(x)s {0} {x!r}",
    "w" * 5000,
    "",
    " \n\t \r\n \r",
)


@pytest.fixture(params=range(len(HOSTILE)), ids=lambda i: repr(HOSTILE[i][:28]))
def hostile(request: pytest.FixtureRequest) -> str:
    """Text that wants to be more than text."""
    return HOSTILE[request.param]


@pytest.fixture(scope="session")
def all_hostile() -> tuple[str, ...]:
    """Every hostile text."""
    return HOSTILE
