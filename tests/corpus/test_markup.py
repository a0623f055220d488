"""What resiliparse alone loses or shows wrongly, page by page."""

from __future__ import annotations

import html as escapes
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st
from resiliparse.extract.html2text import extract_plain_text

from cupel.corpus.charset import decode
from cupel.corpus.extraction import _markup
from cupel.corpus.extraction.plain import Plain
from cupel.corpus.extraction.resiliparse import Resiliparse

FILLER = "The harbour office keeps a list of every boat that leaves before dawn, and of its crew."


def main_text(body: str, **options: object) -> str:
    page = f"<!doctype html><html><body><main>{body}<p>{FILLER}</p></main></body></html>"
    text = Resiliparse.from_options(options).extract(page)
    assert FILLER in text
    return text.partition(FILLER)[0].strip()


def whole_text(body: str) -> str:
    return Plain.from_options({}).extract(f"<html><body>{body}<p>end</p></body></html>")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>我<a href='#'>今天</a>去<b>了</b>公园</p>", "我今天去了公园"),
        ("<p><b> 東 </b>京</p>", "東 京"),
        ("<p>저<i>는</i></p>", "저는"),
        ("<p>हि<b>क</b></p>", "हिक"),
        ("<p>Café<b>—</b>bar, 5<b>€</b>, x<i>∈</i>S</p>", "Café—bar, 5€, x∈S"),
        ("<p><q>“</q>Yes<q>”</q></p>", "“Yes”"),
        ("<p>a<b>&#x6211;</b>b<b>&#25105;</b>c<b>&mdash;</b>d<b>&hellip;</b></p>", "a我b我c—d…"),
        ("<p>a<b><!-- x -->我<!-- y --></b></p>", "a我"),
        ("<pre>x\n<b>—</b>\n  y</pre>", "x\n—\n  y"),
        ('<p title="a>我<b">t<b>我</b></p>', "t我"),
        ("<p>a<b>\ufffd</b></p>", "a\ufffd"),
    ],
)
def test_a_character_alone_between_tags_stays(body: str, text: str) -> None:
    assert main_text(body) == text


def test_cells_of_one_character_stay() -> None:
    assert main_text("<table><tr><td>是</td><td>否</td></tr></table>").split() == ["是", "否"]


@given(st.characters(min_codepoint=0x800, max_codepoint=0xFFFF, exclude_categories=["Cs", "Co", "Z", "Cc"]))
@example("\u2060")
@example("\u3400")
def test_any_character_of_three_bytes_stays(character: str) -> None:
    assert main_text(f"<p>a<b>{character}</b>b</p>") == f"a{character}b"


def test_icons_of_private_fonts_go() -> None:
    assert main_text("<p><i>\ue001</i>Search <i>&#xf105;</i></p>") == "Search"


def test_a_page_that_holds_the_mark_keeps_it() -> None:
    marks = _markup._MARKS
    assert main_text(f"<p>a{marks[0]}b <b>我</b></p>") == f"a{marks[0]}b 我"
    assert main_text(f"<p>{marks} <b>x</b></p>") == f"{marks} x"
    for reference in ("&#8288;", "&#x2060;", "&NoBreak;"):
        assert main_text(f"<p>a{reference}b <b>我</b></p>") == "a\u2060b 我"


def test_blank_paragraphs_are_left_alone() -> None:
    body = "<p>&nbsp;</p><p>a</p><p>\u3000</p>"
    page = f"<main>{body}<p>{FILLER}</p></main>"
    assert Resiliparse.from_options({}).extract(page) == extract_plain_text(
        page, preserve_formatting=True, main_content=True, alt_texts=False, comments=False
    )


TEX = r"E=mc^{2}"
MATHML = (
    "<math><semantics><mrow><mi>E</mi></mrow>"
    f"<annotation encoding='application/x-tex'>{TEX}</annotation></semantics></math>"
)


@pytest.mark.parametrize(
    "body",
    [
        f"<p>A {MATHML} b</p>",
        f'<p>A <math alttext="{TEX}"><mi>E</mi></math> b</p>',
        f'<p>A <script type="math/tex">{TEX}</script> b</p>',
        f'<p>A <span class="MathJax_Preview">E</span><span class="MathJax">E<math><mi>E</mi></math></span>'
        f'<script type="math/tex">{TEX}</script> b</p>',
        f'<p>A <script type="math/mml">{MATHML}</script> b</p>',
        f'<p>A <span class="katex"><span class="katex-mathml">{MATHML}</span>'
        '<span class="katex-html" aria-hidden="true">Emc2</span></span> b</p>',
        f'<p>A <span class="mwe-math-element"><span style="display: none;">{MATHML}</span>'
        f'<img class="mwe-math-fallback-image-inline" alt="{{\\displaystyle {TEX}}}"></span> b</p>',
        f'<p>A <img class="mwe-math-fallback-image-inline" alt="{{\\displaystyle {TEX}}}"> b</p>',
        f"<p>A <mjx-container><svg></svg><mjx-assistive-mml>{MATHML}</mjx-assistive-mml></mjx-container> b</p>",
    ],
)
def test_a_formula_stands_once(body: str) -> None:
    assert main_text(body) == f"A ${TEX}$ b"


def test_a_displayed_formula_has_two_dollars() -> None:
    assert main_text('<p>A <script type="math/tex; mode=display">x < y</script></p>') == "A $$x < y$$"
    assert (
        main_text(f'<p>A <span class="katex-display"><span class="katex">{MATHML}</span></span></p>')
        == f"A $${TEX}$$"
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('<script type = "math/tex">x</script>', "$x$"),
        ('<script type="math/asciimath">x^2</script>', "`x^2`"),
        ('<img class="latex" alt="x^2" src="x.png">', "$x^2$"),
        ("<img class=tex alt='x^2' src='x.png'>", "$x^2$"),
    ],
)
def test_formulas_of_older_pages_are_not_lost(body: str, text: str) -> None:
    assert main_text(f"<p>A {body} b</p>") == f"A {text} b"


@pytest.mark.parametrize(
    ("mathml", "text"),
    [
        ("<mi>x</mi><mo>+</mo><mn>1</mn>", "x+1"),
        ("<msup><mi>x</mi><mn>2</mn></msup>", "x^2"),
        ("<msub><mi>a</mi><mrow><mi>i</mi><mo>+</mo><mn>1</mn></mrow></msub>", "a_(i+1)"),
        ("<msubsup><mo>∫</mo><mn>0</mn><mn>1</mn></msubsup>", "∫_0^1"),
        ("<mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>12</mn></mfrac>", "(a+b)/12"),
        ("<msqrt><mi>x</mi></msqrt><mroot><mi>y</mi><mn>3</mn></mroot>", "√x√(3&y)"),
        ("<mn>2</mn><mo>&InvisibleTimes;</mo><mi>x</mi>", "2x"),
        (
            "<mtable><mtr><mtd>1</mtd><mtd>2</mtd></mtr><mtr><mtd>3</mtd><mtd>4</mtd></mtr></mtable>",
            "1 2; 3 4",
        ),
        (
            "<semantics><mi>y</mi><annotation-xml encoding='MathML-Content'><ci>y</ci></annotation-xml></semantics>",
            "y",
        ),
    ],
)
def test_mathml_without_tex_is_written_on_one_line(mathml: str, text: str) -> None:
    assert main_text(f"<p>A <math>{mathml}</math> b</p>") == f"A {text} b"


def test_mathml_of_any_depth_is_written() -> None:
    assert "x" in main_text(f"<p>A <math>{'<mrow>' * 400}<mi>x</mi></math> b</p>")


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        ("<ol><li>a<li>b</ol>", [1, 2]),
        ("<ol start=5><li>a<li>b</ol>", [5, 6]),
        ("<ol start=-1><li>a<li>b</ol>", [-1, 0]),
        ("<ol start=x><li>a<li value=9>b<li>c</ol>", [1, 9, 10]),
        ("<ol reversed><li>a<li>b<li>c</ol>", [3, 2, 1]),
    ],
)
def test_lists_are_numbered_as_browsers_do(body: str, numbers: list[int]) -> None:
    lines = [line.strip() for line in main_text(body).splitlines()]
    assert lines == [f"{number}. {letter}" for number, letter in zip(numbers, "abc", strict=False)]
    plain = main_text(body, list_bullets=False).split()
    assert plain == list("abc"[: len(numbers)])


@pytest.mark.parametrize(
    "element", ["title", "script src='x'", "textarea", "style", "iframe src='y'", "select", "nav"]
)
def test_an_empty_element_of_xhtml_does_not_swallow_the_page(element: str) -> None:
    start = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">'
    page = f"{start}<head><{element}/><title>t</title></head><body><p>{FILLER}</p></body></html>"
    assert FILLER in Resiliparse.from_options({}).extract(page)
    assert FILLER in Plain.from_options({}).extract(page)


def test_what_a_script_writes_is_no_empty_element() -> None:
    script = "<script>document.write(\"<script src='x'/>\" + shown);</script>"
    page = f'<?xml version="1.0"?><html><body>{script}<p>{FILLER}</p></body></html>'
    assert Plain.from_options({}).extract(page) == FILLER


def test_without_an_end_tag_it_does_not_in_html_either() -> None:
    assert FILLER in Plain.from_options({}).extract(f"<title/><p>{FILLER}</p>")


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>HID</p>",
        '<p hidden="until-found">HID</p>',
        '<p style="DISPLAY : none !important">HID</p>',
        '<div style="color:red;display:none;"><p>HID</p></div>',
        '<p style="visibility:hidden">HID</p>',
        '<p style="color: red; display:  none">HID</p>',
        "<p style='visibility\t:\n hidden'>HID</p>",
        "<dialog>HID</dialog>",
        "<template>HID</template>",
        "<noscript>HID</noscript>",
        "<noframes>HID</noframes>",
    ],
)
def test_what_a_page_hides_stays_hidden(hidden: str) -> None:
    assert whole_text(f"<p>shown</p>{hidden}").split() == ["shown", "end"]


@pytest.mark.parametrize(
    "shown",
    ["<dialog open>SEEN</dialog>", '<p aria-hidden="true">SEEN</p>', '<p style="display:block">SEEN</p>'],
)
def test_what_a_page_shows_is_shown(shown: str) -> None:
    assert "SEEN" in whole_text(shown)


@given(
    st.lists(
        st.sampled_from(
            [
                "<b>",
                "</b>",
                "我",
                "<",
                "&#x6211;",
                "<ol start=3>",
                "<li>",
                "<math>",
                "<title/>",
                "<p hidden>",
                "<!--",
                ">",
                "\u2060",
                "x ",
            ]
        )
    ).map("".join)
)
def test_any_markup_is_read(page: str) -> None:
    for extractor in (Resiliparse.from_options({}), Plain.from_options({})):
        text = extractor.extract(page)
        marks = set(_markup._MARKS)
        assert marks.intersection(text) <= marks.intersection(escapes.unescape(page))


def test_pages_without_such_places_are_as_before(shared: Path) -> None:
    """Of the real pages those that hold nothing to mend give resiliparse's own text, to the byte."""
    untouched = 0
    for page in _pages(shared / "data" / "raw_web" / "pages_trafilatura.tar.zst", 120):
        alone = any(_markup._marked(match, "*") != match[0] for match in _markup._ALONE.finditer(page))
        if alone or _markup._has_formula(page) or _markup._LIST.search(page):
            continue
        if _markup._close_empty(page) != page:
            continue
        untouched += 1
        own = extract_plain_text(
            page, preserve_formatting=True, main_content=True, alt_texts=False, comments=False
        )
        assert Resiliparse.from_options({}).extract(page) == own
    assert untouched > 80


def _pages(path: Path, count: int) -> Iterator[str]:
    with zstandard.open(path, "rb") as content, tarfile.open(fileobj=content, mode="r|") as archive:
        for _, member in zip(range(count), archive, strict=False):
            if (file := archive.extractfile(member)) is not None:
                yield decode(file.read(), html=True)[0]
