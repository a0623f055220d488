"""Masking of personal data, against datatrove's formatter and the ipaddress module."""

from __future__ import annotations

import io
import ipaddress
import json
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.edits.pii import Pii
from tests.conftest import examples

EMAIL, IP = "email@example.com", "22.214.171.124"


def masked(texts: list[str | None], **options: object) -> tuple[list[str | None], dict[str, list[int]]]:
    result = Pii.from_options(options).edit(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    return result.text.to_pylist(), {name: column.to_pylist() for name, column in result.columns.items()}


@pytest.fixture(scope="module")
def peer():
    pii = pytest.importorskip("datatrove.pipeline.formatters.pii")
    return pii.PIIFormatter(email_replacement=EMAIL, ip_replacement=IP)


@pytest.mark.parametrize(
    "pool", ["forum_qa", "chat_irc", "ietf_rfc", "web_boilerplate", "web_crawl", "tech_docs"]
)
def test_emails_are_masked_as_datatrove_masks_them(shared: Path, peer, pool: str) -> None:
    with (shared / "data" / "pool" / f"{pool}.jsonl.zst").open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        texts = [json.loads(line)["text"] for line, _ in zip(lines, range(1500), strict=False)]
    ours, counts = masked(texts, ips=False, emails_as="datatrove")
    assert ours == [peer.emails_replacer.replace(text) for text in texts]
    assert sum(counts["pii_emails"]) > 0


MAIL_PIECES = [
    "a",
    "B9",
    ".",
    "..",
    "@",
    "-",
    "_",
    "é",
    "+",
    "%",
    " ",
    "x@y.de",
    "@[1.2.3.4]",
    "[",
    "]",
    ":",
    "1.2.3.",
    "255",
    "ß.",
    "\n",
]


@settings(max_examples=examples(1500), deadline=None)
@given(st.lists(st.sampled_from(MAIL_PIECES), max_size=14).map("".join))
def test_any_email_is_found_as_by_datatroves_expression(text: str) -> None:
    replacer = (
        pytest.importorskip("datatrove.pipeline.formatters.pii")
        .PIIFormatter(email_replacement=EMAIL)
        .emails_replacer
    )
    assert masked([text], ips=False, emails_as="datatrove")[0] == [replacer.replace(text)]


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_public_means_what_the_standard_library_says(address: ipaddress.IPv4Address) -> None:
    is_masked = masked([f"from {address}."])[0] == [f"from {IP}."]
    # Which of these are global has changed with the version of Python.
    unsettled = address in ipaddress.ip_network("192.0.0.0/24") or str(address) == IP
    assert is_masked == (address.is_global and not address.is_multicast) or unsettled


@settings(deadline=None)
@given(st.ip_addresses(v=6))
def test_public_ipv6_is_global_unicast(address: ipaddress.IPv6Address) -> None:
    if masked([f"[{address}]:443"])[0] == ["[2001:db8::1]:443"] and str(address) != "2001:db8::1":
        assert (
            address.is_global
            or address in ipaddress.ip_network("2001::/16")
            or address in ipaddress.ip_network("2002::/16")
        )


def test_where_datatrove_masks_and_we_do_not(peer) -> None:
    for text in ["section 1.2.3.4.5", "v1.2.3.4", "9.9.9.999", "239.1.2.3"]:
        assert masked([text])[0] == [text]
        assert peer.format(text) != text
    assert masked(["at 2a00:1450:4001::5"])[0] == ["at 2001:db8::1"]
    assert peer.format("at 2a00:1450:4001::5") == "at 2a00:1450:4001::5"


def test_golden_counts_and_nulls() -> None:
    texts, counts = masked(
        ["a@b.de or c@d.de from 9.9.9.9 and 10.0.0.1", None, "", "+49 221 470 0123"], phones=True
    )
    assert texts == [f"{EMAIL} or {EMAIL} from {IP} and 10.0.0.1", None, "", "<phone>"]
    assert counts == {"pii_emails": [2, 0, 0, 0], "pii_ips": [1, 0, 0, 0], "pii_phones": [0, 0, 0, 1]}


def test_kinds_can_be_left_alone_and_replaced_by_nothing() -> None:
    text = "a@b.de"
    assert masked([text], emails=False)[0] == [text]
    assert masked([text], email_replacement="")[0] == [""]
    assert masked(["(202) 555-0143"])[0] == ["(202) 555-0143"]


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), max_size=4))
def test_masking_twice_changes_nothing_more(texts: list[str]) -> None:
    once, _ = masked(texts, phones=True)
    assert masked(once, phones=True)[0] == once
