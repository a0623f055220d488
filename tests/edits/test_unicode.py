"""Unicode repair: what the screen passes over, ftfy would not have changed."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from pathlib import Path

import ftfy
import pyarrow as pa
import pytest
import zstandard
from ftfy import badness, chardata
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.edits.unicode import UnicodeRepair, plain_pattern
from tests.conftest import examples

SETTINGS = [
    {},
    {"normalization": "NFKC"},
    {"normalization": "none"},
    {
        "uncurl_quotes": True,
        "fix_latin_ligatures": True,
        "fix_character_width": True,
        "fix_line_breaks": True,
    },
]


def repaired(texts: list[str | None], **options: object) -> tuple[list[str | None], list[bool]]:
    result = UnicodeRepair.from_options(options).edit(
        pa.record_batch({"text": pa.array(texts, pa.large_string())})
    )
    return result.text.to_pylist(), result.columns["unicode_repaired"].to_pylist()


def by_ftfy(text: str, options: dict[str, object]) -> str:
    config = UnicodeRepair.from_options(options)._config
    return ftfy.fix_text(text, config).encode("utf-8", "replace").decode("utf-8")


# Characters of mojibake, of ftfy's tables, and plain ones, so that near misses are common.
CHARACTERS = sorted(
    set("".join(text for name, text in badness.MOJIBAKE_CATEGORIES.items() if name not in {"c1"}))
    | set("abzAZ09 ,.?!&#;<>'\"\n\r\t\x1b[m\x0b\x0c\x1c²½\u0301\u0308中ア́가ﬁＡ“”‘’…—\u2028\u0085\u00ad")
    | set("ÂÃâ€œŠ™ВГРСвЂГў")
    | {chr(code) for code in list(chardata.CONTROL_CHARS)[:40]}
)
PIECES = [
    *CHARACTERS,
    "&amp;",
    "&#39;",
    "&lt",
    "&eacute;",
    "Ã©",
    "â€™",
    "РџСЂ",
    "\x1b[31m",
    "Ã ",
    "a Â b",
    "é”½",
    "é” ",
]


@settings(max_examples=examples(1200), deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join), st.sampled_from(SETTINGS))
def test_the_result_is_ftfys_whatever_the_screen_thinks(text: str, options: dict[str, object]) -> None:
    assert repaired([text], **options)[0] == [by_ftfy(text, options)]


@settings(max_examples=examples(500), deadline=None)
@given(st.text(max_size=60), st.sampled_from(SETTINGS))
def test_any_text_is_repaired_as_by_ftfy(text: str, options: dict[str, object]) -> None:
    assert repaired([text], **options)[0] == [by_ftfy(text, options)]


@settings(max_examples=examples(300), deadline=None)
@given(
    st.text(max_size=40), st.sampled_from(["latin-1", "windows-1252", "windows-1251", "macroman", "cp437"])
)
def test_mojibake_is_seen(text: str, encoding: str) -> None:
    broken = text.encode("utf-8").decode(encoding, "replace")
    assert repaired([broken])[0] == [by_ftfy(broken, {})]


@pytest.mark.parametrize(
    "source",
    [
        "pool/web_boilerplate",
        "pool/web_crawl",
        "pool/forum_qa",
        "multilingual/udhr",
        "multilingual/bible_verses",
    ],
)
def test_real_text_is_repaired_as_by_ftfy(shared: Path, source: str, thorough: bool) -> None:
    with (shared / "data" / f"{source}.jsonl.zst").open("rb") as file:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8")
        texts = [
            json.loads(line)["text"][:5000]
            for line, number in zip(lines, range(3000), strict=False)
            if number % (10 if thorough else 60) == 0
        ]
    assert repaired(texts)[0] == [by_ftfy(text, {}) for text in texts]


def test_the_plain_pattern_is_the_verbose_one() -> None:
    plain = re.compile(plain_pattern(badness.BADNESS_RE.pattern).replace(r"\p{No}", "²³¹½¼¾"))
    samples = [
        "Ã©",
        "a Ã b",
        "[x]",
        "é”½",
        "й",
        "sГўВЂВњa",
        "Â ",
        "×²",
        "ØÙ",
        "Œ.",
        "Œa",
        "naïve café",
        "ßÄ",
        "│é",
    ]
    for sample in samples:
        assert bool(plain.search(sample)) >= bool(badness.BADNESS_RE.search(sample)), sample


def test_golden() -> None:
    texts, marks = repaired(["schÃ¶n", "schön", None, "", "“curly” ﬁ Ａ\r\n", "Cafe\u0301", "a\x00b"])
    assert texts == ["schön", "schön", None, "", "“curly” ﬁ Ａ\r\n", "Café", "ab"]
    assert marks == [True, False, False, False, False, True, True]


def test_without_ftfy_only_the_normal_form_is_made() -> None:
    texts, marks = repaired(["Cafe\u0301 schÃ¶n", "①", None], ftfy=False, normalization="NFKC")
    assert texts == ["Café schÃ¶n", "1", None]
    assert marks == [True, True, False]
    assert repaired(["Cafe\u0301"], ftfy=False, normalization="none") == (["Cafe\u0301"], [False])


@settings(deadline=None)
@given(st.text(max_size=40), st.sampled_from(["NFC", "NFKC"]))
def test_normal_forms_are_pythons(text: str, form: str) -> None:
    # Characters newer than this Python's tables normalise by newer rules.
    known = "".join(c for c in text if unicodedata.category(c) != "Cn")
    assert repaired([known], ftfy=False, normalization=form)[0] == [unicodedata.normalize(form, known)]


def test_clean_text_is_not_given_to_ftfy(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> str:
        raise RuntimeError("a clean text reached ftfy")

    monkeypatch.setattr(ftfy, "fix_text", refuse)
    clean = [
        "Plain text & more; R&D is fine.\n",
        "Le café naïf – « déjà vu »",
        "Привет, мир!",
        "東京は日本の首都です。",
        "Übergröße „gut“ gemacht",
    ]
    assert repaired([*clean, None])[0] == [*clean, None]
