"""The page: whole, self-contained, and deaf to what documents say."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from pydantic import TypeAdapter

from cupel.charts import bars, funnel, histogram
from cupel.findings import Alarm, Code, Facts, Figure, Links, Prose, Sample, Samples, Section, Table
from cupel.report.page import Page, render, write
from tests.report.pages import page_of

VOID = {"meta", "link", "br", "img", "input", "wbr", "hr", "base"}
ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "link",
    "style",
    "body",
    "a",
    "header",
    "p",
    "span",
    "div",
    "h1",
    "h2",
    "h3",
    "nav",
    "ol",
    "ul",
    "li",
    "main",
    "section",
    "bdi",
    "dl",
    "dt",
    "dd",
    "figure",
    "figcaption",
    "svg",
    "g",
    "path",
    "rect",
    "line",
    "circle",
    "ellipse",
    "text",
    "tspan",
    "defs",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "wbr",
    "strong",
    "article",
    "details",
    "summary",
    "mark",
    "i",
    "pre",
    "footer",
}


class Reader(HTMLParser):
    """What a page consists of: its elements, attributes, ids and text."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.faults: list[str] = []
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at line {self.getpos()[0]}")

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)


def hostile_page(text: str, *, charts: bool = True) -> Page:
    """The text in every place that a page has for text."""
    spec = histogram([0, 1, 2], [1, 2], [3, 4], title=text, unit=text, thresholds=[(1, text), (7, text)])
    figures = (
        Figure(spec=spec, caption=text),
        Prose(text="between"),
        Figure(spec=bars([text, text], [1, 2], title=text)),
        Figure(spec=funnel([(text, 3, 4)], title=text)),
        Figure(spec={"mark": text, "title": text, "description": text}),
    )
    return page_of(
        title=text,
        subtitle=text,
        facts=((text, text), (text, "1")),
        footer=text,
        sections=(
            Section(
                title=text,
                lead=text,
                blocks=(
                    Prose(text=text),
                    Alarm(text=text),
                    Code(text=text, caption=text),
                    Facts(facts=((text, text),)),
                    Links(links=((text, text),)),
                    Table(
                        columns=(text, text),
                        rows=((text, text), (text, 1)),
                        formats=(text, "bar"),
                        caption=text,
                    ),
                    *(figures if charts else ()),
                    Samples(
                        heading=text,
                        samples=tuple(
                            Sample(
                                id=text,
                                source=text,
                                note=text,
                                text=text * n,
                                marks=((1, 9), (3, 50), (-4, 10**9)),
                            )
                            for n in (1, 1, 300, 2, 1, 1)
                        ),
                    ),
                ),
            ),
            Section(title=text),
            Section(title="a 0", blocks=(Prose(text="x"),)),
            Section(title="a", blocks=(Prose(text="x"),)),
        ),
    )


def check(document: str) -> Reader:
    """What must hold of every page."""
    reader = Reader(document)
    assert not reader.faults
    assert not reader.open
    assert {tag for tag, _ in reader.elements} <= ALLOWED
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids)), "ids must be unique"
    for tag, attributes in reader.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("href", "src", "srcset", "action", "data", "poster", "xlink:href", "background"):
                assert tag in ("a", "link"), (tag, name)
                assert value
                if "download" in attributes:
                    assert re.fullmatch(r"data:text/csv;charset=utf-8,[\w.~%-]+", value)
                    continue
                if value.startswith(("./", "file:///")):
                    assert tag == "a"
                    assert re.fullmatch(r"(\.|file://)[\w./~%-]+", value)
                    continue
                assert value.startswith("data:image/svg+xml,") if tag == "link" else value.startswith("#")
                assert tag == "link" or value[1:] in ids, f"{value} leads nowhere"
            if name == "style":
                assert re.fullmatch(r"width:\d+\.\d\d%", value or ""), value
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", document)
    style = document[document.index("<style>") : document.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    return reader


def test_hostile_text_stays_text(hostile: str) -> None:
    reader = check(render(hostile_page(hostile)))
    assert [tag for tag, _ in reader.elements].count("style") == 1


@pytest.fixture(scope="module")
def sample_document(sample_page: Page) -> str:
    """The sample page, rendered."""
    return render(sample_page)


def test_a_table_can_be_taken_along_as_csv() -> None:
    rows = (("Café, 東京", 0.123456, "=1+1"), ('say "hi"', None, "+12.5 to +13 %"))
    table = Table(columns=("name", "share", "note"), rows=rows, formats=("text", "percent", "text"))
    reader = check(render(page_of(title="x", sections=(Section(title="Kept", blocks=(table,)),))))
    (link,) = [attributes for tag, attributes in reader.elements if tag == "a" and "download" in attributes]
    assert link["download"] == "kept_0.csv"
    head, *lines = csv.reader(io.StringIO(unquote((link["href"] or "").partition(",")[2])))
    assert head == ["name", "share", "note"]
    assert lines == [["Café, 東京", "0.123456", "'=1+1"], ['say "hi"', "", "+12.5 to +13 %"]]


def test_links_are_seen_from_the_page(tmp_path: Path) -> None:
    links = Links(links=(("Refined", str(tmp_path / "a b" / "report.html")), ("Odd", "javascript:alert(1)")))
    page = page_of(title="x", sections=(Section(title="Go on", blocks=(links,)),))
    (tmp_path / "assay").mkdir()
    write(page, tmp_path / "assay" / "report.html")
    reader = check((tmp_path / "assay" / "report.html").read_text())
    hrefs = [attributes["href"] or "" for tag, attributes in reader.elements if tag == "a"]
    assert "./../a%20b/report.html" in hrefs
    assert not any(href.startswith("javascript") for href in hrefs)


def test_sample_page_is_whole(sample_page: Page, sample_document: str) -> None:
    document = sample_document
    reader = check(document)
    headings = [tag for tag, _ in reader.elements if tag in ("h1", "h2", "h3")]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    assert headings.count("h2") == len(sample_page.sections)
    words = " ".join(reader.words)
    for section in sample_page.sections:
        assert section.title in words
    assert "could not be drawn" not in document
    assert "default-src 'none'" in document
    assert len(document.encode()) < 600_000


@pytest.fixture(scope="module")
def worst_page(
    sample_page: Page, all_hostile: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The sample page and all hostile text in one file; charts draw slowly, and a fifth of the texts do."""
    sections = [
        section
        for number, text in enumerate(all_hostile)
        for section in hostile_page(text, charts=number % 5 == 0).sections
    ]
    path = tmp_path_factory.mktemp("worst") / "report.html"
    write(
        page_of("w" * 300, "", (("w" * 80, "w" * 400),), (*sample_page.sections, *sections), "w" * 300), path
    )
    return path


def test_chromium_runs_nothing(worst_page: Path, browser, tmp_path: Path) -> None:
    dom = browser.run_chromium(browser.path, worst_page.as_uri(), "--dump-dom", "--virtual-time-budget=4000")
    root = re.search(r"<html[^>]*>", dom)
    assert root
    assert "ran" not in root[0]
    assert "Skip to the findings" in dom
    check(dom)
    # The browser is able to run a script where one stands: the check above can fail.
    script = tmp_path / "script.html"
    script.write_text("<html><script>document.documentElement.id='ran'</script></html>")
    assert 'id="ran"' in browser.run_chromium(browser.path, script.as_uri(), "--dump-dom")


@pytest.mark.parametrize("width", [1440, 768, 390, 320])
def test_nothing_is_wider_than_the_window(worst_page: Path, browser, width: int) -> None:
    assert browser.measure(browser.path, worst_page, width)[0] <= width


def test_a_line_of_a_megabyte_is_cut_and_said() -> None:
    block = Samples(heading="long", samples=(Sample(id="big", text="x" * 1_000_000),))
    document = render(page_of("t", "", (), (Section(title="s", blocks=(block,)),), ""))
    assert len(document) < 60_000
    assert "994,000 of 1,000,000 characters are left out" in document


def test_a_mark_far_into_a_document_is_shown() -> None:
    sample = Sample(id="far", text="a" * 50_000 + "HERE" + "b" * 50_000, marks=((50_000, 50_004),))
    document = render(
        page_of("t", "", (), (Section(title="s", blocks=(Samples(heading="h", samples=(sample,)),)),), "")
    )
    assert "<mark>HERE</mark>" in document
    assert "characters before are left out" in document


def test_every_character_of_a_folded_document_is_there_once() -> None:
    text = "".join(f"line {i} of the document\n" for i in range(200))
    document = render(
        page_of(
            "t",
            "",
            (),
            (Section(title="s", blocks=(Samples(heading="h", samples=(Sample(id="a", text=text),)),)),),
            "",
        )
    )
    shown = "".join(re.findall(r'<div class="document" dir="auto">(.*?)</div>', document, re.S))
    assert shown.replace('<span class="fold">…</span>', "") == text


def test_of_many_groups_of_samples_only_the_first_stands_open() -> None:
    def document(groups: int) -> str:
        blocks = tuple(
            Samples(heading=f"reason {i}", samples=(Sample(id=f"id-{i}", text="a"),)) for i in range(groups)
        )
        return render(page_of("t", "", (), (Section(title="s", blocks=blocks),), ""))

    check(document(9))
    assert '<details class="group"' not in document(3)
    assert document(9).count('<details class="group"') == 9
    assert document(9).count('<details class="group" open>') == 1
    assert all(f"id-{i}" in document(9) for i in range(9))


def test_a_share_in_brackets_stands_small_beside_its_number() -> None:
    document = render(page_of("t", "", (("kept", "21,909 (47.0 %)"), ("odd", "a (b)")), (), ""))
    assert '<dd>21,909 <span class="aside">47.0 %</span></dd>' in document
    assert "<dd><bdi>a (b)</bdi></dd>" in document


def test_figures_that_follow_each_other_become_a_grid() -> None:
    figure = Figure(spec=histogram([0, 1, 2], [1, 2], [3, 4], title="a"))
    blocks = (figure, Prose(text="x"), figure, figure, figure)
    document = render(page_of("t", "", (), (Section(title="s", blocks=blocks),), ""))
    assert document.count('<div class="grid') == 1
    assert document.count("<figure ") == 4
    assert document.count('<ul class="legend">') == 2, "one legend for the single chart, one for the grid"


def test_table_formats_and_alignment() -> None:
    table = Table(
        columns=("name", "n", "size", "share", "bar", "took", "x", "free", "odd"),
        rows=(
            ("a", 1234, 5_000_000, 0.25, 0.5, 75, 0.12345, 7, None),
            ("b", None, None, None, None, None, None, 8, "z"),
        ),
        formats=("text", "count", "bytes", "percent", "bar", "seconds", "number"),
    )
    document = render(page_of("t", "", (), (Section(title="s", blocks=(table,)),), ""))
    for shown in ("1,234", "5.00 MB", "25.0 %", "width:50.00%", "1 min 15 s", "0.123"):
        assert shown in document
    assert '<td class="num">7</td>' in document, "a column of numbers is set as numbers without being told"
    assert '<td class="text short"><bdi>z</bdi></td>' in document


def test_rows_shorter_or_longer_than_the_columns_do_no_harm() -> None:
    table = Table(columns=("a", "b"), rows=((1,), (1, 2, 3), ()), formats=("count", "bar", "text"))
    check(render(page_of("t", "", (), (Section(title="s", blocks=(table, Table(columns=(), rows=()))),), "")))


def test_a_long_table_says_what_it_leaves_out() -> None:
    table = Table(columns=("n",), rows=tuple((i,) for i in range(10_000)))
    document = render(page_of("t", "", (), (Section(title="s", blocks=(table,)),), ""))
    assert "10,000 rows, of which the first 500 are shown" in document


def test_alarms_are_named_at_the_top(sample_document: str) -> None:
    document = sample_document
    top = document[document.index('<main id="main">') : document.index("<section")]
    assert "2 things need a look" in top


def test_a_chart_that_cannot_be_drawn_leaves_the_rest(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n31337\n")
    blocks = tuple(
        block
        for spec in (
            {"mark": "nonsense"},
            {},
            {"mark": "bar", "data": {"url": "http://127.0.0.1:1/x.json"}, "encoding": {"x": {"field": "a"}}},
            {"mark": "text", "data": {"url": secret.as_uri()}, "encoding": {"text": {"field": "a"}}},
        )
        for block in (Figure(spec=spec), Prose(text="between"))
    )
    document = render(
        page_of("t", "", (), (Section(title="s", blocks=(*blocks, Prose(text="still here"))),), "")
    )
    check(document)
    assert "could not be drawn" in document
    assert "still here" in document
    assert "31337" not in document


def test_links_and_images_in_a_chart_do_not_pass() -> None:
    values = [{"a": 1, "u": "javascript:alert(1)", "i": "https://example.com/x.png"}]
    link = {
        "mark": "point",
        "data": {"values": values},
        "encoding": {"x": {"field": "a"}, "href": {"field": "u"}},
    }
    image = {
        "mark": "image",
        "data": {"values": values},
        "encoding": {"x": {"field": "a"}, "url": {"field": "i"}},
    }
    document = render(
        page_of("t", "", (), (Section(title="s", blocks=(Figure(spec=link), Figure(spec=image))),), "")
    )
    check(document)
    assert "javascript:" not in document
    assert "example.com" not in document


def test_gradients_keep_their_ids_apart() -> None:
    spec = {
        "data": {"values": [{"a": 1}, {"a": 2}]},
        "mark": {"type": "bar", "color": {"gradient": "linear", "stops": [{"offset": 0, "color": "red"}]}},
        "encoding": {"x": {"field": "a", "type": "quantitative"}},
    }
    document = render(
        page_of("t", "", (), (Section(title="s", blocks=(Figure(spec=spec), Figure(spec=spec))),), "")
    )
    ids = re.findall(r' id="([^"]*)"', document)
    assert len(ids) == len(set(ids))
    for target in re.findall(r"url\(#([^)]*)\)", document):
        assert target in ids


def test_json_there_and_back_gives_the_same_page(sample_page: Page, sample_document: str) -> None:
    kind = TypeAdapter(Page)
    again = kind.validate_json(kind.dump_json(sample_page))
    assert render(again) == sample_document
    for section in sample_page.sections:
        assert Section.model_validate(json.loads(section.model_dump_json())) == section


def test_write_leaves_the_page_or_nothing(sample_page: Page, sample_document: str, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write(sample_page, target)
    assert target.read_text("utf-8") == sample_document
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(FileNotFoundError):
        write(sample_page, tmp_path / "nowhere" / "report.html")


def test_an_empty_page_stands() -> None:
    check(render(page_of("", "", (), (), "")))


def test_a_big_page_stays_small(capsys: pytest.CaptureFixture[str]) -> None:
    edges = [i * 2.5 for i in range(41)]
    figures = tuple(
        Figure(
            spec=histogram(
                edges,
                [(i * 7919 + k * 104729) % 90_001 for i in range(40)],
                [(i * 31 + k) % 9000 for i in range(40)],
                title=f"signal_number_{k}",
                thresholds=[(30, "min 30"), (80, "max 80")],
            )
        )
        for k in range(30)
    )
    samples = tuple(
        Sample(id=f"doc-{i}", source="pool", text="Text of a document. 東京" * 2000) for i in range(100)
    )
    page = page_of(
        "big", "", (), (Section(title="s", blocks=(*figures, Samples(heading="100", samples=samples))),), ""
    )
    began = time.perf_counter()
    document = render(page)
    took = time.perf_counter() - began
    with capsys.disabled():
        print(f"\n30 histograms and 100 samples: {len(document.encode()) / 1e6:.2f} MB in {took:.1f} s")
    assert len(document.encode()) < 3_000_000
