"""What `import cupel` offers: every command as a function, progress, and results that show themselves."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import typer

import cupel
from cupel.cli._app import app
from cupel.errors import Stopped
from cupel.findings import Alarm, Page, Section, Table
from cupel.notebook import page_html

STEPS: list[Any] = ["counts", {"threshold": {"signal": "word_count", "at_least": 40}}, "exact"]
RECIPE = cupel.Recipe.from_dict({"name": "short", "steps": STEPS})


def test_every_command_is_a_function_of_the_same_name() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert "dedup" in commands
    for name in commands:
        function = getattr(cupel, name)
        assert inspect.isfunction(function), name
        assert name in cupel.__all__
    api = (Path(__file__).parent.parent / "docs" / "api.md").read_text()
    missing = [name for name in cupel.__all__ if f"::: cupel.api.{name}\n" not in api]
    assert not missing


def test_functions_stay_when_modules_are_imported() -> None:
    code = (
        "import cupel.deduplication.minhash, cupel.auditing.verbatim, cupel.attribution.cartography\n"
        "import cupel.reproduction.claim, cupel.recipe.built_in, cupel\n"
        "print(all(callable(getattr(cupel, name)) for name in cupel.__all__))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_every_public_function_is_described() -> None:
    for name in cupel.__all__:
        object_ = getattr(cupel, name)
        assert inspect.getdoc(object_), name
        if inspect.isfunction(object_) and inspect.signature(object_).parameters:
            documentation = inspect.getdoc(object_) or ""
            described = {
                word.strip()
                for line in documentation.split("\n")
                if line and not line.startswith(" ")
                for word in line.split(",")
            }
            assert set(inspect.signature(object_).parameters) <= described | {"output", "input"}, name


def test_progress_is_drawn_and_leaves_a_line_a_pass(
    make_pool: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cupel.refine(RECIPE, input=make_pool(60, 1), output=tmp_path / "out", progress=True)
    written = capsys.readouterr()
    assert "pass 1 of 2: 60 documents" in written.err
    assert not written.out
    cupel.refine(RECIPE, input=tmp_path / "pool", output=tmp_path / "quiet")
    assert not capsys.readouterr().err


class Interrupting:
    """Presses Ctrl-C during the second pass, as a notebook's stop button does."""

    def note(self, text: str) -> None:
        pass

    @contextmanager
    def following(self, title: str, folder: Path, sizes: Sequence[int]) -> Iterator[None]:
        if title.startswith("pass 2"):
            os.kill(os.getpid(), signal.SIGINT)
        yield


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C interrupts, even where the tests were started by a script with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_call_resumes(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(120, 2)
    with pytest.raises(Stopped, match="the same command resumes"):
        cupel.refine(RECIPE, input=pool, output=tmp_path / "out", progress=Interrupting())
    assert (tmp_path / "out" / "_work" / "pass-0" / "00000.done").exists()
    resumed = cupel.refine(RECIPE, input=pool, output=tmp_path / "out")
    whole = cupel.refine(RECIPE, input=pool, output=tmp_path / "whole")
    assert resumed.manifest["content_hash"] == whole.manifest["content_hash"]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_results_show_themselves(make_pool: Callable[..., Path], tmp_path: Path) -> None:
    pool = make_pool(60, 1)
    result = cupel.refine(RECIPE, input=pool, output=tmp_path / "out")
    assert repr(result).endswith("quarantined 0)")
    for shown in (result, cupel.inspect(str(pool)), result.corpus(), RECIPE, cupel.verify(result.output)):
        html = shown._repr_html_()
        tags = Tags()
        tags.feed(html)
        assert not tags.open
        assert "div" in tags.seen
        assert not {"script", "style", "link", "img"} & tags.seen
        assert len(html) < 60_000
        assert len(repr(shown)) < 2_000
    assert "documents in" in result._repr_html_()


def test_nothing_of_a_document_acts_in_a_notebook() -> None:
    table = Table(
        columns=("<b>", "n"), rows=(("<script>x</script>\u202e", 3),) * 30, formats=("text", "count")
    )
    page = Page(
        title="<img>", sections=(Section(title="s", key="k", blocks=(table, Alarm(text="Look & see"))),)
    )
    html = page_html(page)
    assert "<script" not in html
    assert "<img" not in html
    assert "⟨U+202E⟩" in html
    assert "10 more rows" in html
    assert "Look &amp; see" in page_html(page, ("other",))
