"""Hosts of addresses, and blocklists."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from cupel.errors import BadInput
from cupel.rules import methods
from cupel.signals.url import UrlDomain, host_of


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
        ("http://" + "ü" * 300 + ".de/", "ü" * 300 + ".de"),
        ("  https://example.org", "example.org"),
        ("https:///path", None),
        ("", None),
        (None, None),
    ],
)
def test_host(url: str | None, host: str | None) -> None:
    assert host_of(url) == host


def blocked(options: dict, *urls: str | None) -> list[bool | None]:
    documents = pa.RecordBatch.from_pydict({"url": pa.array(urls, pa.large_string())})
    found = UrlDomain.from_options(options).measure(documents)
    assert found.schema.names == list(UrlDomain.columns)
    assert [found.schema.field(name).type for name in found.schema.names] == [
        column.type for column in UrlDomain.columns.values()
    ]
    return found.column("url_domain_blocked").to_pylist()


def test_a_domain_blocks_what_is_below_it_and_nothing_beside() -> None:
    urls = (
        "http://bad.org",
        "http://a.b.bad.org",
        "http://notbad.org",
        "http://org",
        "http://bad.org.uk",
        None,
    )
    assert blocked({"domains": ["Bad.org."]}, *urls) == [True, True, False, False, False, None]


def test_lists_from_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "adult").mkdir()
    (tmp_path / "adult" / "domains").write_text("# a list\nbad.org\n\nworse.net # why\n", encoding="utf-8")
    (tmp_path / "adult" / "urls").write_text("good.org\n", encoding="utf-8")
    urls = ("http://bad.org", "http://www.worse.net", "http://good.org")
    assert blocked({"path": str(tmp_path)}, *urls) == [True, True, False]
    assert blocked({"path": str(tmp_path / "adult" / "domains")}, *urls) == [True, True, False]


def test_no_such_list(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected a file of domains"):
        blocked({"path": str(tmp_path / "missing")}, "http://a.org")
    with pytest.raises(BadInput, match="expected a file of domains"):
        blocked({"path": str(tmp_path)}, "http://a.org")


def test_nothing_is_blocked_without_a_list() -> None:
    assert blocked({}, "http://bad.org") == [False]


def test_no_documents() -> None:
    assert blocked({"domains": ["bad.org"]}) == []


def test_the_rule_keeps_documents_without_an_address() -> None:
    documents = pa.RecordBatch.from_pydict({"url": ["http://bad.org", None, "http://good.org"]})
    signals = UrlDomain.from_options({"domains": ["bad.org"]}).measure(documents)
    rule_set = next(found for found in methods() if found.name == "url-blocklist").from_options({})
    assert rule_set.decide(signals).kept.tolist() == [False, True, True]
