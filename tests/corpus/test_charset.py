"""Bytes and the text they make: labels, prescan, UTF-16, broken bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.corpus.charset import decode, utf16_by_shape
from cupel.corpus.prescan import declared_charset
from tests.corpus.reading import read_all

JAPANESE = "㈱山田は①番、髙橋さんの店です。"


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [
        ("Shift_JIS", "cp932", JAPANESE),
        ("x-sjis", "cp932", "～①"),
        ("gb2312", "gb18030", "价格是 5 € 左右，镕朱。"),
        ("gbk", "gb18030", "𠀀 and 龘"),
        ("iso-8859-1", "cp1252", "“Yes” — 5 €"),
        ("us-ascii", "cp1252", "naïve…"),
        ("iso-8859-9", "cp1254", "Türkiye’de güzel…"),
        ("euc-kr", "cp949", "똠방각하 펲시콜라"),
        ("ks_c_5601-1987", "cp949", "뷁 서울"),
        ("tis-620", "cp874", "ราคา ๑๐๐ … บาท"),
        ("big5", "big5hkscs", "香港嘅嘢食"),
        ("koi8-u", "koi8-u", "Київ і Львів"),
        ("windows-1251", "cp1251", "Привет, мир"),
        ("iso-2022-jp", "iso2022_jp", "日本語の文章"),
        ("macintosh", "mac_roman", "Ælfric’s œuvre"),
    ],
)
def test_labels_mean_what_they_mean_in_browsers(label: str, codec: str, text: str) -> None:
    page = f"<p>{text * 3}</p>"
    assert decode(page.encode(codec), declared=label)[0] == page
    meta = f'<meta charset="{label}">{page}'
    assert decode(meta.encode(codec), html=True)[0] == meta


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b'<meta charset="gbk">', "gbk"),
        (b"<META  CHARSET = Shift_JIS />", "shift_jis"),
        (b'<meta http-equiv="Content-Type" content="text/html; charset=euc-kr">', "euc-kr"),
        (b"<meta content='text/html; charset=\"big5\"' http-equiv=content-type>", "big5"),
        (b'<?xml version="1.0" encoding="windows-1251"?><html>', "windows-1251"),
        (b'<!-- <meta charset="gbk"> --><meta charset="koi8-r">', "koi8-r"),
        (b'<!-- <meta charset="gbk">', None),
        (b"<script>var x = '<meta charset=\"gbk\">';</script>", None),
        (b'<style><meta charset="gbk"></style>', None),
        (b'<title><meta charset="gbk"></title>', None),
        (b'<meta name="description" content="how to write charset=gbk">', None),
        (b"<a title='<meta charset=\"gbk\">'>", None),
        (b'<meta content="text/html; charset=gbk">', None),
        (b'<meta charset="utf-16le">', "utf-8"),
        (b'<meta charset="x-user-defined">', "windows-1252"),
        (b'<meta charset="nonsense"><meta charset="gbk">', "gbk"),
        (b'<p>charset="gbk"</p>', None),
        (b'<meta data-charset="gbk">', None),
        (b'<meta charset="gbk" charset="big5">', "gbk"),
        (b"<meta charset=", None),
        (b'<noscript><meta charset="gbk"></noscript>', "gbk"),
    ],
)
def test_only_a_real_meta_counts(head: bytes, name: str | None) -> None:
    assert declared_charset(head) == name


@given(st.binary(max_size=300) | st.text("<>metacharset='\"! -=/", max_size=80).map(str.encode))
def test_any_bytes_are_searched_and_decoded(data: bytes) -> None:
    declared_charset(data)
    for declared in (None, "utf-16", "gb18030", "iso-2022-jp", "replacement"):
        text, _ = decode(data, declared=declared, html=True)
        text.encode()


@pytest.mark.parametrize(
    ("label", "codec"),
    [("utf-8", "utf-8"), ("shift_jis", "cp932"), ("euc-kr", "cp949"), ("gbk", "gbk"), (None, "utf-8")],
)
def test_a_bad_byte_costs_one_character(label: str | None, codec: str) -> None:
    before, after = "日本 <p>東京</p> " * 20, " <b>天気</b> " * 20
    if codec == "cp949":
        before, after = "서울 <p>부산</p> " * 20, " <b>날씨</b> " * 20
    text, charset = decode(before.encode(codec) + b"\xff" + after.encode(codec), declared=label)
    assert text == f"{before}\ufffd{after}"
    assert charset == (label or "utf-8")


@pytest.mark.parametrize("label", ["iso-8859-1", "shift_jis", "gbk", "windows-1251", "utf-16", "no-such"])
def test_utf8_under_a_wrong_label_is_utf8(label: str) -> None:
    page = "<p>Käse, 東京, “quoted” — done</p>"
    assert decode(page.encode(), declared=label) == (page, "utf-8")
    broken = (page * 9).encode() + b"\xe6\x9d" + page.encode()
    assert decode(broken, html=True)[0] == page * 9 + "\ufffd" + page


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["<p>Hello, world.</p>\n", "<p>東京の天気</p> 今日は晴れ。\n" * 3])
def test_utf16_by_mark_label_or_shape(codec: str, text: str) -> None:
    name = codec.replace("16-", "16")
    assert decode("\ufeff".encode(codec) + text.encode(codec)) == (text, name)
    assert decode(text.encode(codec), declared=codec.replace("-le", "le").replace("-be", "be")) == (
        text,
        name,
    )
    assert decode(text.encode(codec), html=True) == (text, name)
    odd = text.encode(codec) + b"\x00"
    assert decode(odd, html=True)[0].startswith(text)


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"plain ASCII", b"\x00" * 40, bytes(range(256)), b"a\x00\x00\x00" * 9]
)
def test_what_is_not_utf16(data: bytes) -> None:
    assert utf16_by_shape(data) is None


ROWS = [
    "Käse und Brot – “gut”",
    "日本語の文章です。東京の天気は晴れ。",
    "Привет мир. Как дела?",
    "서울은 오늘도 맑다.",
]


@pytest.mark.parametrize(
    ("codec", "row"),
    [
        ("cp1252", 0),
        ("cp932", 1),
        ("utf-16", 1),
        ("utf-16-le", 0),
        ("utf-16-be", 2),
        ("cp1251", 2),
        ("cp949", 3),
    ],
)
@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv", "json"])
def test_tables_and_lines_in_other_charsets(tmp_path: Path, codec: str, row: int, ending: str) -> None:
    texts = [f"{ROWS[row]} {number}" for number in range(30)]
    if ending in ("csv", "tsv"):
        content = "\n".join(["text", *texts])
    else:
        lines = [json.dumps({"text": text}, ensure_ascii=False) for text in texts]
        content = "\n".join(lines) if ending == "jsonl" else "[" + ",\n".join(lines) + "]"
    (tmp_path / f"a.{ending}").write_bytes(content.encode(codec))
    contents = read_all(tmp_path / f"a.{ending}")
    assert contents.texts == texts
    assert contents.reasons == []


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_bad_byte_costs_one_character_of_a_row(tmp_path: Path, ending: str) -> None:
    row = "Käse und Brot ".encode() * 9 + b"\xff" + "und 東京".encode()
    rows = [b'{"text": "%s"}' % row if ending == "jsonl" else row] * 3
    (tmp_path / f"a.{ending}").write_bytes(b"\n".join([b"text"] * (ending == "csv") + rows))
    assert read_all(tmp_path / f"a.{ending}").texts == ["Käse und Brot " * 9 + "\ufffdund 東京"] * 3


def test_a_file_in_another_charset_is_read_by_its_first_part(tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"Käse {number}"}, ensure_ascii=False) for number in range(400)]
    (tmp_path / "a.jsonl").write_bytes("\n".join(lines).encode("latin-1"))
    contents = read_all(tmp_path / "a.jsonl", target_bytes=1000)
    assert contents.texts == [f"Käse {number}" for number in range(400)]


def test_japanese_in_seven_bits_needs_no_label(tmp_path: Path) -> None:
    text = "日本語の文章です。<b>東京</b>の天気は晴れ。"
    data = text.encode("iso2022_jp")
    assert decode(data) == decode(data, html=True) == (text, "iso-2022-jp")
    assert decode(b"\x1b[31mred\x1b[0m costs \x1b$5") == ("\x1b[31mred\x1b[0m costs \x1b$5", "utf-8")
    line = json.dumps({"text": text}, ensure_ascii=False) + "\n"
    (tmp_path / "a.jsonl").write_bytes((line * 3).encode("iso2022_jp"))
    (tmp_path / "b.csv").write_bytes(f"id,text\n1,{text}\n".encode("iso2022_jp"))
    assert read_all(tmp_path).texts == [text] * 4


def test_a_label_that_means_no_text_gives_way() -> None:
    for label in ("rot13", "base64", "utf-7", "hz-gb-2312", "unicode_escape"):
        assert decode(b"caf\xc3\xa9", declared=label) == ("café", "utf-8")


@pytest.mark.parametrize(
    ("label", "codec", "text"),
    [("shift_jis", "cp932", "価格は①番"), ("gb2312", "gb18030", "价格是左右"), ("utf-8", "utf-8", "Käse")],
)
def test_a_bad_byte_in_a_short_text_leaves_its_label(label: str, codec: str, text: str) -> None:
    assert decode(text.encode(codec) + b"\xff", declared=label)[0] == text + "\ufffd"


def test_latin_text_under_the_label_utf8_is_not_utf8() -> None:
    assert decode(b"caf\xe9 and na\xefve", declared="utf-8") == ("café and naïve", "windows-1252")


@pytest.mark.parametrize("text", ["東京の天気。", "می\u200cخواهم"])
def test_utf16_by_its_label_alone(text: str) -> None:
    data = text.encode("utf-16-le")
    assert decode(data, declared="utf-16le") == (text, "utf-16le")
    assert decode(data + b"\x00", declared="utf-16le")[0] == text + "\ufffd"


def test_latin_text_under_the_label_utf16_is_not_utf16() -> None:
    assert decode(b"A plain page of caf\xe9s.", declared="utf-16")[0] == "A plain page of cafés."
