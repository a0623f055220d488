"""Domains of URLs and blocklists."""

from __future__ import annotations

import gzip
import io
import pickle
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.errors import BadInput, BadOption, UnknownName
from cupel.recipe.recipe import Recipe
from cupel.signals.url import UrlDomain, host_of

LIST = "# bad ones\nexample.com\n*.wild.org\n.dot.net\n0.0.0.0 hosts.example\nköln.de\n192.0.2.7\n\n"


def measured(urls: list[str | None], **options: object) -> list[dict]:
    batch = UrlDomain.from_options(options).measure(
        pa.record_batch({"url": pa.array(urls, pa.large_string())})
    )
    assert batch.schema.names == list(UrlDomain.columns)
    assert batch.schema.types == [column.type for column in UrlDomain.columns.values()]
    return batch.to_pylist()


def blocked(urls: list[str | None], **options: object) -> list[bool]:
    return [row["url_domain_blocked"] for row in measured(urls, **options)]


@pytest.fixture
def plain(tmp_path: Path) -> str:
    (tmp_path / "list.txt").write_text(LIST, encoding="utf-8")
    return str(tmp_path / "list.txt")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://www.example.org/a?b#c", "www.example.org"),
        ("HTTP://EXAMPLE.ORG:8080", "example.org"),
        ("http://user@evil.com:1@example.org/", "example.org"),
        ("https://example.org?x=http://blocked.net", "example.org"),
        ("example.org/path@blocked.net", "example.org"),
        ("http://[2001:db8::1]:80/", "[2001:db8::1]"),
        ("http://bücher.de/", "xn--bcher-kva.de"),
        ("http://FAẞ.de/", "xn--fa-hia.de"),
        ("http://東京。jp", "xn--1lqs71d.jp"),
        ("  https://example.org", "example.org"),
        ("https:///path", None),
        ("", None),
        (None, None),
    ],
)
def test_host(url: str | None, host: str | None) -> None:
    assert host_of(url) == host


def test_a_domain_blocks_what_is_below_it_and_nothing_beside() -> None:
    urls = [
        "http://bad.org",
        "http://a.b.bad.org",
        "http://notbad.org",
        "http://org",
        "http://bad.org.uk",
        None,
    ]
    assert blocked(urls, domains=["Bad.org."]) == [True, True, False, False, False, False]
    assert blocked([], domains="bad.org") == []


def test_domains_and_their_children_are_blocked(plain: str) -> None:
    urls = {
        "https://example.com/page": True,
        "http://a.b.EXAMPLE.com:8080/": True,
        "//cdn.example.com./x": True,
        "https://user:pass@example.com": True,
        "example.com/without/scheme": True,
        "https://notexample.com": False,
        "https://example.com.evil.org": False,
        "https://evil.org/?u=https://example.com": False,
        "https://evil.org#@example.com": False,
        "https://wild.org": True,
        "https://x.dot.net": True,
        "https://hosts.example": True,
        "https://www.köln.de/": True,
        "https://xn--kln-sna.de/": True,
        "http://192.0.2.7/": True,
        "http://[2001:db8::1]:80/": False,
        "https://0.0.0.0/": False,
        "not a url at all": False,
        "": False,
    }
    assert blocked(list(urls), path=plain) == list(urls.values())
    assert blocked([None], path=plain) == [False]
    assert measured([None, "https://Café.example/"], path=plain)[0]["url_domain"] is None


def test_every_name_of_a_hosts_line_and_every_rule_is_read(tmp_path: Path) -> None:
    lines = [
        "! Title: ours",
        "[Adblock Plus 2.0]",
        "127.0.0.1 localhost first.test second.test # both",
        "::1 ip6-localhost third.test",
        "||filtered.test^",
        "||party.test^$third-party",
        "news.test##.banner",
        "@@||fine.filtered.test^",
    ]
    (tmp_path / "list.txt").write_text("\n".join(lines), encoding="utf-8")
    names = ["first", "second", "third", "a.filtered", "party", "fine.filtered", "a.fine.filtered", "fourth"]
    urls = [f"http://{name}.test" for name in names] + ["http://localhost", "http://news.test"]
    assert blocked(urls, path=str(tmp_path / "list.txt")) == [True] * 5 + [False] * 5


@pytest.mark.parametrize(
    "line",
    [
        "||news.test/ads/*",
        "||a*.test^",
        "/banner/",
        "two.test words.test",
        "||x.test^$domain=y.test",
        "bad..test/x",
    ],
)
def test_a_line_that_is_no_domain_is_refused_by_number(tmp_path: Path, line: str) -> None:
    (tmp_path / "list.txt").write_text(f"bad.test\n{line}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"list\.txt, line 2: "):
        blocked(["http://bad.test"], path=str(tmp_path / "list.txt"))


def test_a_list_that_changed_is_read_again_and_makes_another_recipe(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    steps = [{"url-blocklist": {}}]
    results = []
    for domain in ("one.test", "two.test"):
        path.write_text(domain)
        recipe = Recipe.from_dict(
            {"name": "r", "signals": {"url-domain": {"path": str(path)}}, "steps": steps}
        )
        results.append((recipe.digest, blocked(["http://two.test"], path=str(path))))
    assert [marks for _, marks in results] == [[False], [True]]
    assert results[0][0] != results[1][0]


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_compressed_lists(tmp_path: Path, ending: str) -> None:
    packed = gzip.compress(LIST.encode()) if ending == "gz" else zstandard.compress(LIST.encode())
    path = tmp_path / f"list.txt.{ending}"
    path.write_bytes(packed)
    assert blocked(["http://example.com", "http://ok.org"], path=[str(path)]) == [True, False]


def archive(ending: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for category, text in {"ads": "ads.com\n", "press": "paper.com\n"}.items():
            member = tarfile.TarInfo(f"ut1/{category}/domains")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return {"tar": bytes, "tar.gz": gzip.compress, "tar.zst": zstandard.compress}[ending](out.getvalue())


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.zst", "folder"])
def test_lists_of_the_ut1_kind(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"ut1.{ending}"
    if ending == "folder":
        for category, text in {"ads": "ads.com\n", "press": "paper.com\n"}.items():
            (path / category).mkdir(parents=True)
            (path / category / "domains").write_text(text)
    else:
        path.write_bytes(archive(ending))
    urls = ["http://x.ads.com", "http://paper.com"]
    assert blocked(urls, path=str(path), categories="ads") == [True, False]
    assert blocked(urls, path=str(path), categories=["ads", "press"]) == [True, True]
    with pytest.raises(UnknownName, match="did you mean 'press'"):
        blocked(urls, path=str(path), categories="pres")
    with pytest.raises(BadOption, match=r"several categories.*ads, press"):
        blocked(urls, path=str(path))


@pytest.mark.parametrize("packed", [False, True])
def test_a_category_in_two_folders_is_read_whole(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "lists"
    for folder, domain in {"ours": "first.test", "theirs": "second.test"}.items():
        (path / folder / "ads").mkdir(parents=True)
        (path / folder / "ads" / "domains").write_text(domain)
    if packed:
        with tarfile.open(tmp_path / "lists.tar", "w") as tar:
            tar.add(path, "lists")
        path = tmp_path / "lists.tar"
    assert blocked(["http://first.test", "http://second.test"], path=str(path)) == [True, True]


def test_real_lists(shared: Path) -> None:
    path = str(shared / "data" / "lookup" / "domain_blocklists_ut1.tar.zst")
    assert blocked(
        ["https://bit.ly/abc", "https://docs.python.org/3/"], path=path, categories="shortener"
    ) == [True, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no domain"),
        ("# nothing\n\n", "holds no domain"),
        ("<!doctype html>\n<p>Error 404, not found</p>\n", "list, line 1: .* is neither a domain"),
    ],
)
def test_a_list_that_blocks_nothing_stops_the_run(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "list"
    path.write_text(content)
    with pytest.raises(BadInput, match=message):
        UrlDomain.from_options({"path": str(path)})


def test_a_missing_or_broken_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no blocklist at"):
        UrlDomain.from_options({"path": str(tmp_path / "none")})
    with pytest.raises(BadOption, match="no list of domains is given"):
        blocked(["http://example.com"])
    for name in ["cut.gz", "cut.zst", "cut.tar.gz"]:
        path = tmp_path / name
        whole = (
            archive("tar.gz")
            if "tar" in name
            else (gzip.compress if "gz" in name else zstandard.compress)(LIST.encode() * 50)
        )
        path.write_bytes(whole[:-20])
        with pytest.raises(BadInput, match="cannot be read"):
            UrlDomain.from_options({"path": str(path)})
    broken = bytearray(gzip.compress(LIST.encode()))
    broken[10] = 0x07  # a block of a type that there is none of
    (tmp_path / "broken.gz").write_bytes(broken)
    with pytest.raises(BadInput, match=r"broken\.gz cannot be read"):
        UrlDomain.from_options({"path": str(tmp_path / "broken.gz")})
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInput, match="no file called 'domains'"):
        UrlDomain.from_options({"path": str(tmp_path / "folder")})


def test_it_travels_to_workers(plain: str) -> None:
    signal = pickle.loads(pickle.dumps(UrlDomain.from_options({"path": plain})))
    batch = signal.measure(pa.record_batch({"url": ["http://example.com"]}))
    assert batch["url_domain_blocked"].to_pylist() == [True]


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_url_has_a_host_or_none(url: str) -> None:
    host = host_of(url)
    assert host is None or host != ""
    assert blocked([url, f"https://{url}"], domains=["never.example"]) == [False, False]
