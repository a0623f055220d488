"""Words, links and expressions in URLs: golden counts, datatrove's filter, bad lists."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import re
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.contract import find_method
from cupel.errors import BadInput, BadOption, UnknownName
from cupel.signals.url_exact import UrlExact, normalized
from cupel.signals.url_pattern import UrlPattern
from cupel.signals.url_words import UrlWords

SIGNALS = {"url-words": UrlWords, "url-exact": UrlExact, "url-pattern": UrlPattern}


def measured(name: str, addresses: list[str | None], **options: object) -> pa.RecordBatch:
    signal = SIGNALS[name].from_options(options)
    batch = signal.measure(pa.record_batch({"url": pa.array(addresses, pa.large_string())}))
    assert batch.schema.names == list(signal.columns)
    assert batch.schema.types == [column.type for column in signal.columns.values()]
    return batch


def words(urls: list[str | None], **options: object) -> list[tuple[int, int, int]]:
    return [tuple(row.values()) for row in measured("url-words", urls, **options).to_pylist()]


def kept(rules: str, batch: pa.RecordBatch) -> list[bool]:
    return find_method(rules).from_options({}).decide(batch).kept.tolist()


LISTS = {"words": ["bad", "sehr böse"], "soft_words": ["hot", "free", "vivid"], "subwords": ["casino", "x y"]}


@pytest.mark.parametrize(
    ("url", "counts"),
    [
        ("http://bad.example/", (1, 0, 0)),
        ("http://BAD.example/bad_bad-bad", (1, 0, 0)),
        ("http://badly.example/notbad", (0, 0, 0)),
        ("http://example.org/hot-and-free?hot=hot", (0, 2, 0)),
        ("http://mega-cas-ino.example", (0, 0, 1)),
        ("http://e.example/ax/y", (0, 0, 1)),
        ("http://e.example/sehrb%C3%B6se", (1, 0, 0)),
        ("http://e.example/sehrböse", (1, 0, 0)),
        ("http://e.example/%62ad", (1, 0, 0)),
        ("http://e.example/%zz%", (0, 0, 0)),
        ("中bad文.example", (0, 0, 0)),
        ("bad", (1, 0, 0)),
        ("", (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_golden_counts_of_words(url: str | None, counts: tuple) -> None:
    assert words([url], **LISTS) == [counts]
    # Neighbors change nothing.
    assert words(["http://bad.casino", url, url, None], **LISTS)[1:3] == [counts] * 2


def test_rules_decide_on_words_and_keep_what_has_no_address() -> None:
    urls = [
        "http://ok.org",
        "http://bad.org",
        "http://hot.org",
        "http://hot.org/free",
        "http://acasinob.org",
        None,
    ]
    batch = measured("url-words", urls, **LISTS)
    assert kept("url-word-limits", batch) == [True, False, True, False, False, True]
    off = find_method("url-word-limits").from_options({"max_url_soft_words": None, "max_url_subwords": 1})
    assert off.decide(batch).kept.tolist() == [True, False, True, True, True, True]


def test_words_decide_as_datatrove_decides(shared: Path) -> None:
    """datatrove's test, on the addresses of real pages and some made of its own lists."""
    package = pytest.importorskip("datatrove")
    assets = Path(package.__file__).parent / "assets"
    reduce = re.compile(r"[^a-zA-Z0-9]+")
    hard, soft, inside = (
        {
            reduce.sub("", line).lower()
            for line in (assets / f"{name}.txt").read_text().splitlines()
            if line[0] != "#"
        }
        for name in ("banned_words", "soft_banned_words", "banned_subwords")
    )

    def reason(url: str) -> str:
        parts = set(reduce.split(url))
        if hard & parts:
            return "hard_blacklisted"
        if len(soft & parts) >= 2:
            return "soft_blacklisted"
        joined = reduce.sub("", url).lower()
        return "blacklisted_subword" if any(word in joined for word in inside) else ""

    with (shared / "data" / "raw_web" / "gold.jsonl.zst").open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        urls = [json.loads(line)["url"] for line in lines]
    urls = [url.lower() for url in urls if url and url.isascii() and "%" not in url]
    assert len(urls) > 300
    softs = sorted(soft - inside)
    urls += [f"https://a.example/{one_word}-{other}" for one_word, other in itertools.pairwise(softs)]
    urls += [f"https://a.example/{word}/x" for word in sorted(hard | soft | inside)]
    rules = find_method("url-word-limits").from_options({})
    decision = rules.decide(measured("url-words", urls, package="datatrove"))
    references = {rule.name: rule.reference for rule in decision.rules}
    reasons = [decision.reason(row) for row in range(len(urls))]
    assert [references[reason.rule] if reason else "" for reason in reasons] == [reason(url) for url in urls]
    assert len({reason(url) for url in urls}) == 4


def test_many_subwords_are_all_looked_for() -> None:
    subwords = [f"w{number:04}w" for number in range(1300)]
    urls = [f"http://e.example/{number:04}" for number in range(3)] + ["http://e.example/xw0001w-w1299wx"]
    assert [row[2] for row in words(urls, subwords=subwords)] == [0, 0, 0, 2]


def test_lists_of_words_in_files(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("\ufeff# ours\nbad\n\nBÖSE\n", encoding="utf-8")
    (tmp_path / "soft.gz").write_bytes(gzip.compress(b"hot\nfree"))
    (tmp_path / "sub.zst").write_bytes(zstandard.compress(b"casino"))
    options = {
        "words_path": str(tmp_path / "words.txt"),
        "soft_words_path": [str(tmp_path / "soft.gz")],
        "subwords_path": str(tmp_path / "sub.zst"),
        "words": "extra",
    }
    urls = ["http://böse.example/extra", "http://hot.example/free", "http://mycasino.example"]
    assert words(urls, **options) == [(2, 0, 0), (0, 2, 0), (0, 0, 1)]
    signal = UrlWords.from_options(options)
    assert len(signal.file_digests) == 3
    before = signal.file_digests
    (tmp_path / "words.txt").write_text("other")
    assert UrlWords.from_options(options).file_digests != before
    assert words(["http://bad.example", "http://other.example"], **options) == [(0, 0, 0), (1, 0, 0)]


@pytest.mark.parametrize(
    ("name", "option", "content", "message"),
    [
        ("url-words", "words_path", "", "has no words"),
        ("url-words", "words_path", "good\n?!\n", r"line 2: '\?!' has no letter"),
        ("url-exact", "path", "# nothing\n", "holds no address"),
        ("url-exact", "path", "a.org\n?x=1\n", "line 2: .* is no address"),
        ("url-exact", "path", "Error 404 not here\n", "line 1: .* is no address"),
        ("url-pattern", "path", "# nothing\n", "holds no expression"),
        ("url-pattern", "path", "a+\n(b\n", r"line 2: '\(b': .*missing \)"),
    ],
)
def test_bad_lists_are_refused_by_line(
    tmp_path: Path, name: str, option: str, content: str, message: str
) -> None:
    path = tmp_path / "list.txt"
    path.write_text(content)
    with pytest.raises(BadInput, match=message):
        SIGNALS[name].from_options({option: str(path)})
    with pytest.raises(BadInput, match=f"{name}: there is no blocklist at"):
        SIGNALS[name].from_options({option: str(tmp_path / "none")})
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"a.org\n" * 1000)[:-9])
    with pytest.raises(BadInput, match=f"{name}: the blocklist .*cannot be read"):
        SIGNALS[name].from_options({option: str(tmp_path / "cut.gz")})


@pytest.mark.parametrize("name", SIGNALS)
def test_without_a_list_nothing_is_measured(name: str) -> None:
    with pytest.raises(BadOption, match=f"{name}: no .* is given"):
        measured(name, ["http://a.org"])
    with pytest.raises(UnknownName, match="option"):
        SIGNALS[name].from_options({"pth": "x"})


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datatrove", None)
    monkeypatch.setattr("cupel.signals._list_files.find_spec", lambda name: None)
    with pytest.raises(BadOption, match="pip install datatrove"):
        UrlWords.from_options({"package": "datatrove"})


SAME = [
    "http://example.org/a/b?q=1",
    "https://www.example.org/a/b/?q=1#part",
    "HTTP://user:pw@EXAMPLE.org:80/a/b?q=1",
    "//example.org.:443/%61/b?q=%31",
    "example.org/a/b?q=1",
]
OTHERS = [
    "http://example.org/a/B?q=1",
    "http://example.org/a/b",
    "http://example.org/a/b?q=2",
    "http://example.org/a%2Fb?q=1",
    "http://example.org:8080/a/b?q=1",
    "http://other.org/a/b?q=1",
    "http://example.org/",
]


def test_addresses_of_one_page_are_equal_and_others_are_not() -> None:
    for listed in SAME:
        marks = measured("url-exact", [*SAME, *OTHERS], urls=listed)["url_listed"].to_pylist()
        assert marks == [True] * len(SAME) + [False] * len(OTHERS), listed
    without_query = measured("url-exact", OTHERS, urls=SAME[0], ignore_query=True)["url_listed"].to_pylist()
    assert without_query == [False, True, True, False, False, False, False]
    nothing = measured("url-exact", [None, "", "https:///path"], urls=SAME[0])
    assert nothing["url_listed"].to_pylist() == [None, None, None]
    assert kept("url-exact-blocklist", nothing) == [True] * 3
    assert kept("url-exact-blocklist", measured("url-exact", [SAME[0], OTHERS[0]], urls=SAME)) == [
        False,
        True,
    ]


@settings(deadline=None)
@given(st.text(max_size=40), st.booleans())
def test_a_normal_form_is_its_own_normal_form(url: str, ignore_query: bool) -> None:
    address = normalized(f"example.org/{url}", ignore_query)
    assert address is not None
    assert normalized(address, ignore_query) == address
    normalized(url)


def test_pages_of_the_ut1_kind(tmp_path: Path) -> None:
    for category, text in {"adult": "bad.org/page\n", "press": "paper.org/front\n"}.items():
        (tmp_path / "ut1" / category).mkdir(parents=True)
        (tmp_path / "ut1" / category / "urls").write_text(text)
    urls = ["http://www.bad.org/page/", "https://paper.org/front"]
    path = str(tmp_path / "ut1")
    assert measured("url-exact", urls, path=path, categories="adult")["url_listed"].to_pylist() == [
        True,
        False,
    ]
    with pytest.raises(UnknownName, match="did you mean 'press'"):
        UrlExact.from_options({"path": path, "categories": "pres"})
    with pytest.raises(BadOption, match="several categories"):
        UrlExact.from_options({"path": path})
    with pytest.raises(BadOption, match="'urls': '/page' names no host"):
        UrlExact.from_options({"urls": ["/page"]})


def test_expressions_are_searched_for_in_order(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("# ours\n\\d{4}/\\d\\d\n^https://東京\n")
    urls = ["http://a.example/2024/01", "https://東京.example/2024/01/X.PDF", "http://b.example/", " ", None]
    batch = measured("url-pattern", urls, patterns=r"\.pdf$", path=str(tmp_path / "list.txt"))
    assert batch["url_pattern_count"].to_pylist() == [1, 3, 0, None, None]
    assert batch["url_pattern"].to_pylist() == [r"\d{4}/\d\d", r"\.pdf$", None, None, None]
    exact = measured("url-pattern", urls, patterns=[r"\.pdf$"], ignore_case=False)
    assert exact["url_pattern_count"].to_pylist() == [0, 0, 0, None, None]
    assert kept("url-pattern-blocklist", batch) == [False, False, True, True, True]


@pytest.mark.parametrize("pattern", ["(", "(?=x)", r"(a)\1", "", "a{5000}"])
def test_what_is_no_expression_of_the_engine_is_refused(pattern: str) -> None:
    with pytest.raises(BadOption, match=r"url-pattern: option 'patterns': .* is no regular expression"):
        UrlPattern.from_options({"patterns": [pattern]})


def test_hostile_addresses_take_linear_time() -> None:
    urls = ["http://a.example/" + "a" * 1_000_000 + "!", "%" * 500_000, "a-" * 300_000, "\0🙂" * 1000]
    assert (
        measured("url-pattern", urls, patterns=["(a*)*b$", "(a|a)*$"])["url_pattern_count"].to_pylist()
        == [1] * 4
    )
    assert [row[:2] for row in words(urls, **LISTS)] == [(0, 0)] * 4
    assert measured("url-exact", urls, urls="b.example").num_rows == 4


@pytest.mark.parametrize("name", SIGNALS)
def test_an_empty_batch(name: str) -> None:
    options = {"url-words": LISTS, "url-exact": {"urls": "a.org"}, "url-pattern": {"patterns": "a"}}[name]
    assert measured(name, [], **options).num_rows == 0
    assert measured(name, [None, None], **options).num_rows == 2


@settings(deadline=None)
@given(st.lists(st.text(max_size=30), max_size=5))
def test_any_address_is_measured(urls: list[str]) -> None:
    for name, options in {
        "url-words": LISTS,
        "url-exact": {"urls": "a.org"},
        "url-pattern": {"patterns": "a"},
    }.items():
        assert measured(name, urls, **options).num_rows == len(urls)
