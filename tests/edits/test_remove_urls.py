"""Removal of addresses: golden texts, DCLM's expressions as published, hostile texts."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.edits.remove_urls import _TLDS, RemoveUrls
from cupel.errors import BadInput, BadOption
from tests.conftest import examples


def removed(texts: list[str | None], **options: object) -> tuple[list[str | None], list[int], list[float]]:
    edit = RemoveUrls.from_options(options)
    result = edit.edit(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    assert list(result.columns) == list(edit.columns)
    counts, fractions = result.columns.values()
    return result.text.to_pylist(), counts.to_pylist(), fractions.to_pylist()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("See http://a.org/x?y=1#z for more.", "See for more."),
        ("See https://a.org/x.", "See."),
        ("Is it http://a.org/x? Or FTP://b.org!", "Is it? Or!"),
        ("One (http://a.org/a_(b)) two", "One two"),
        ("One [https://a.org], <http://b.org>; two", "One,; two"),
        ("((http://a.org))", ""),
        ('"http://a.org/x" is quoted', '"" is quoted'),
        ("http://a.org starts a line", "starts a line"),
        ("  http://a.org/x\n  next", "  next"),
        ("a\n\nhttp://a.org http://b.org\n\nb", "a\n\n\nb"),
        ("a\r\nhttp://a.org\r\nb", "a\r\nb"),
        ("ends with http://a.org/x   \nb", "ends with\nb"),
        ("last\nhttp://a.org", "last"),
        ("www.a.org and WWW.B.ORG/x, www.c", "and, www.c"),
        ("awww.a.org, x@www.a.org, //www.a.org", "awww.a.org, x@www.a.org, //www.a.org"),
        ("seehttps://a.org/x now", "see now"),
        ("http://, http://… and https:// x", "http://, http://… and https:// x"),
        ("http://[2001:db8::1]:80/x is one", "is one"),
        ("http://user:pw@a.org:8080/x y", "y"),
        ("mailto:a@b.org and a@b.org and @name", "mailto:a@b.org and a@b.org and @name"),
        ("例http://a.org/x、http://b.org/y。終", "例、。終"),
        ("http://東京.jp/x です", "です"),
        ("http://bücher.de/ä über", "über"),
        ("http://a.org/|b", "|b"),
        ("a.org/x and a.org stay", "a.org/x and a.org stay"),
    ],
)
def test_links(text: str, left: str) -> None:
    assert removed([text])[0] == [left]


@pytest.mark.parametrize(
    ("text", "paths", "hosts"),
    [
        ("at a.org/x or a.org now", "at or a.org now", "at or now"),
        ("at sub.a-b.co.uk:8080/x?y, now", "at sub.a-b.co.uk:8080/x?y, now", "at, now"),
        ("and/or, he.she/they, and.or/either", *["and/or, he.she/they, and.or/either"] * 2),
        ("run setup.py, main.rs, node.js/express", *["run setup.py, main.rs, node.js/express"] * 2),
        ("the end.In the middle. it is", *["the end.In the middle. it is"] * 2),
        ("a@a.org a@b.a.org/x a.org@b", *["a@a.org a@b.a.org/x a.org@b"] * 2),
        ("EXAMPLE.COM or Example.Com", "EXAMPLE.COM or Example.Com", "or Example.Com"),
        ("-a.org, a..org, .org, a.org-b, $a.org", *["-a.org, a..org, .org, a.org-b, $a.org"] * 2),
        ("see a.org.", "see a.org.", "see."),
        ("https://a.org/x and b.de/y", "and", "and"),
        ("見るa.org/xです", "見るです", "見るです"),
        ("1.2.3/4 v1.2 3.de/x", "1.2.3/4 v1.2", "1.2.3/4 v1.2"),
    ],
)
def test_hosts_with_and_without_a_path(text: str, paths: str, hosts: str) -> None:
    assert removed([text], match="paths")[0] == [paths]
    assert removed([text], match="hosts")[0] == [hosts]


def test_counts_replacements_and_nulls() -> None:
    text = "é http://a.org/x, http://b.org"
    texts, counts, fractions = removed([text, None, "", "nothing"], replacement="<url>")
    assert texts == ["é <url>, <url>", None, "", "nothing"]
    assert counts == [2, 0, 0, 0]
    assert fractions == [(len("http://a.org/x") + len("http://b.org")) / len(text.encode()), 0, 0, 0]
    # Each document by itself, and slices of longer arrays.
    whole = pa.record_batch({"text": pa.array([text, "x"] * 5, pa.large_string())})
    part = RemoveUrls().edit(whole.slice(3, 4))
    assert part.text.to_pylist() == ["x", "é,", "x", "é,"]


def dclm(text: str, tlds: list[str]) -> tuple[str, int]:
    """The two substitutions of `url_removal_modifier`, with its expressions."""
    tld = "|".join(map(re.escape, tlds))
    hosts = re.compile(
        rf"\s{{0,10}}(?:((https?|ftp)://))?[-a-zA-Z0-9@:%._\+~#=]{{1,256}}\.({tld})\b([-a-zA-Z0-9()@:%_\+.~#?&//=]*)"
    )
    numbers = re.compile(
        r"\s{0,10}\b((https?|ftp)://)?(?:[0-2]?[0-9]{1,2}\.){3}[0-2]?[0-9]{1,2}[-a-zA-Z0-9()@:%_\+.~#?&//=]*"
    )
    text, first = hosts.subn("", text)
    text, second = numbers.subn("", text)
    return text, first + second


TLDS = ["com", "org", "net", "de", "in", "is", "co", "photography", "xn--p1ai", "a"]


@pytest.fixture(scope="module")
def tlds(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("tlds") / "tlds.txt"
    path.write_text("# ours\n" + "\n".join(TLDS), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("pool", ["web_boilerplate", "web_crawl", "ietf_rfc", "forum_qa"])
def test_addresses_are_those_of_dclms_expressions_on_real_pages(shared: Path, tlds: str, pool: str) -> None:
    with (shared / "data" / "pool" / f"{pool}.jsonl.zst").open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        rows = [json.loads(line)["text"][:20_000] for line, _ in zip(lines, range(150), strict=False)]
    texts, counts, _ = removed(rows, match="dclm", tlds=tlds)
    expected = [dclm(text, TLDS) for text in rows]
    assert texts == [text for text, _ in expected]
    assert counts == [count for _, count in expected]
    assert sum(counts) > 0


PIECES = [
    "a.com", "http://", "https://", "ftp://", "x", ".", " ", "\n", "\u2003", "\x1c", "/", "1.2.3.4", "12.", "999", "300.",
    "_", "é", "東", "xn--p1ai", ".xn--p1ai", "@", "(", "?", "www.", ".is", ".inx", "-", "z" * 250, " " * 12, ".a.a.com",
]  # fmt: skip


@settings(max_examples=examples(1500), deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_any_text_is_edited_as_by_dclms_expressions(tlds: str, text: str) -> None:
    (left,), (count,), _ = removed([text], match="dclm", tlds=tlds)
    assert (left, count) == dclm(text, TLDS)


@settings(max_examples=examples(500), deadline=None)
@given(
    st.lists(st.sampled_from([*PIECES, ")", "[", "]", "<", ">", ",", "Café"]), max_size=20).map("".join),
    st.sampled_from(["links", "paths", "hosts"]),
)
def test_removal_takes_addresses_blanks_and_brackets_only(text: str, match: str) -> None:
    (left,), (count,), (fraction,) = removed([text], match=match)
    assert 0 <= fraction <= 1
    assert (count > 0) == (fraction > 0)
    if count == 0:
        assert left == text
    remaining = iter(text)
    assert all(character in remaining for character in left), "what is left stands in the text, in order"


def test_what_readers_see_is_stable() -> None:
    texts = ["a (http://a.org/x) b\nwww.b.org\n", "See http://a.org, a.org/x and b.com."]
    for match in ("links", "paths", "hosts"):
        once = removed(texts, match=match)[0]
        assert removed(once, match=match)[:2] == (once, [0, 0])


@pytest.mark.parametrize("match", ["links", "paths", "hosts", "dclm"])
def test_hostile_texts_take_linear_time(match: str) -> None:
    for piece in [
        "x",
        "http://",
        "www.",
        "a.",
        "a.com",
        "a.com/",
        "/",
        "(http://a.org",
        " ",
        "1.",
        "東",
        "://",
        "\n",
    ]:
        text = piece * (1_000_000 // len(piece))
        (left,), _, _ = removed([text], match=match)
        assert len(left) <= len(text)
    blank_start = " " * 500_000 + "(http://a.org)" * 40_000
    assert removed([blank_start], match="links")[1] == [40_000]


def test_default_domains_are_no_words_and_no_file_endings() -> None:
    listed = set(_TLDS.split())
    assert not listed & {"in", "is", "it", "me", "my", "no", "so", "to", "us", "be", "do", "am", "at", "by"}
    assert not listed & {"py", "rs", "md", "pl", "sh", "js", "ts", "cc", "zip", "mov", "txt"}


@pytest.mark.parametrize(
    ("content", "message"), [("", "holds no top-level domain"), ("com\nnot a tld\n", "line 2: 'not a tld'")]
)
def test_bad_lists_and_options_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "tlds.txt").write_text(content)
    with pytest.raises(BadInput, match=message):
        RemoveUrls.from_options({"tlds": str(tmp_path / "tlds.txt")})
    with pytest.raises(BadInput, match="cannot read"):
        RemoveUrls.from_options({"tlds": str(tmp_path / "none.txt")})
    with pytest.raises(BadOption, match="option 'match'"):
        RemoveUrls.from_options({"match": "all"})


def test_own_domains_in_place_of_the_default(tlds: str) -> None:
    assert removed(["on a.is or a.fr now"], match="hosts", tlds=tlds)[0] == ["on or a.fr now"]
