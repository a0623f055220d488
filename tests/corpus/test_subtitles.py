"""Subtitles: SubRip and WebVTT become lines of text; what cannot be read is said where."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.corpus.formats import detect_format
from cupel.corpus.subtitles import language_of, parse_subtitles

from .reading import make_tar, read_all

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>Im Café</i> {\\an8}gibt es

2
00:00:03,000 --> 00:00:04,000
- ANNA MÜLLER: Kuchen &amp; Tee.
- NATO 2: bleibt. Ort: bleibt.

3
01:00:05.250 --> 01:00:06.250
東京: ここです。
"""
VTT = """WEBVTT - a film
Kind: captions
Language: fr

STYLE
::cue { color: red }

NOTE one
more of it

intro
00:01.000 --> 00:02.000 align:start position:0%
<v Jean><c.yellow>Bonjour</c>, <00:00:01.500>monde

00:03.000 --> 00:04.000
>> C&apos;est 5 &lt; 6.
"""
ROLLING = """WEBVTT

00:00:00.000 --> 00:00:02.000
hello world

00:00:02.000 --> 00:00:02.010
hello world
\x20

00:00:02.010 --> 00:00:04.000
hello world
this is<00:00:03.000><c> a</c>

00:00:04.000 --> 00:00:06.000
this is a test
of it

00:00:10.000 --> 00:00:11.000
of it

00:00:11.000 --> 00:00:12.000
of item
"""


def test_srt(tmp_path: Path) -> None:
    path = tmp_path / "film.de.srt"
    path.write_bytes(b"\xef\xbb\xbf" + SRT.replace("\n", "\r\n").encode())
    (row,) = read_all(path).rows
    assert row["text"] == "Im Café gibt es\nKuchen & Tee. NATO 2: bleibt. Ort: bleibt.\n東京: ここです。"
    expected = {
        "charset": "utf-8",
        "extension": "srt",
        "cues": 3,
        "duration": 3606.25,
        "subtitle_language": "de",
    }
    assert json.loads(row["metadata"]) == expected
    assert row["source"] == "film.de"


def test_vtt(tmp_path: Path) -> None:
    (tmp_path / "a.vtt").write_text(VTT, encoding="utf-8")
    (row,) = read_all(tmp_path).rows
    assert row["text"] == "Bonjour, monde\nC'est 5 < 6."
    assert json.loads(row["metadata"])["subtitle_language"] == "fr"


def test_rolling_captions_are_read_once() -> None:
    assert parse_subtitles(ROLLING).lines == ["hello world", "this is a test", "of it", "of it", "of item"]


def test_repeated_lines_with_a_pause_between_stay() -> None:
    source = "1\n00:00:01,000 --> 00:00:02,000\nNo.\n\n2\n00:00:02,500 --> 00:00:03,000\nNo.\n"
    assert parse_subtitles(source).lines == ["No.", "No."]


def test_blank_lines_may_be_missing() -> None:
    source = "1\n00:00:01,000 --> 00:00:02,000\na\n2\n00:00:03,000 --> 00:00:04,000\nb\n00:00:05,000 --> 00:00:06,000\nc"
    assert parse_subtitles(source).lines == ["a", "b", "c"]


def test_single_bad_cues_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.srt"
    path.write_text(SRT + "\n4\n00:00:zz --> 00:00:07,000\nlost\n", encoding="utf-8")
    (row,) = read_all(path).rows
    assert "lost" not in row["text"]
    assert json.loads(row["metadata"])["bad_cues"] == 1


@pytest.mark.parametrize(
    ("content", "reason", "position"),
    [
        (b"", "empty-file", 0),
        (b"just words\nand more", "invalid-subtitles", 1),
        (b"\n\n1\n00:00 -> 1\nwords", "invalid-subtitles", 4),
        (b"1\nx --> y\na\n\n2\ny --> z\nb\n", "invalid-subtitles", 2),
        (b"WEBVTT\n\n", "empty-text", 1),
        (b"1\n00:00:01,000 --> 00:00:02,000\n<i> </i>\n", "empty-text", 1),
        (b"1\n00:00:01,000 --> \x00\x01\x02\x00\x00\x00", "binary", 1),
    ],
)
def test_bad_files_go_to_quarantine(tmp_path: Path, content: bytes, reason: str, position: int) -> None:
    path = tmp_path / "a.srt"
    path.write_bytes(content)
    everything = read_all(path)
    (entry,) = everything.quarantined
    assert not everything.rows
    assert (entry.reason, entry.position, entry.path) == (reason, position, str(path))


def test_recognized_by_content() -> None:
    for head in (VTT, "\ufeff" + VTT, SRT, "\n" + SRT):
        for name in ("captions", "captions.txt"):
            assert detect_format(name, head.encode(), whole=True).format == "subtitles"
    assert detect_format("captions", SRT.encode("utf-16"), whole=True).format == "subtitles"
    for text in ("WEBVTTX", "1\nword", "00:00:01,000", "# srt"):
        assert detect_format("notes.txt", text.encode(), whole=True).format == "text"


def test_compressed_and_in_archives(tmp_path: Path) -> None:
    (tmp_path / "a.en.srt.gz").write_bytes(gzip.compress(SRT.encode("utf-16")))
    (tmp_path / "b.tar").write_bytes(make_tar({"b.pt-BR.vtt": VTT.encode(), "c.srt": b"nothing"}))
    everything = read_all(tmp_path)
    assert [json.loads(row["metadata"])["subtitle_language"] for row in everything.rows] == ["en", "pt-BR"]
    assert everything.reasons == ["invalid-subtitles"]


@pytest.mark.parametrize(
    ("name", "language"),
    [("a.en.srt", "en"), ("a.EN.srt", ""), ("a.b.srt", ""), ("en.srt", ""), ("a.eng.sdh.srt", "eng")],
)
def test_the_language_is_in_the_name(name: str, language: str) -> None:
    assert language_of(name) == language


@given(
    st.text(st.sampled_from("01:,.-> \nWEBVTT<i>{}\\NOTE-A\u00e9\x00"), max_size=300) | st.text(max_size=300)
)
def test_any_text_is_read(text: str) -> None:
    for source in (text, "WEBVTT\n\n" + text, SRT + text):
        subtitles = parse_subtitles(source)
        assert all(line == line.strip() for line in subtitles.lines)


@pytest.mark.parametrize(
    "mark", ["<", "{\\", "1\n", "00:00:01,000 --> 00:00:02,000\n", "-->\n", "a: ", "- ", "\n", " "]
)
def test_hostile_text_takes_linear_work(mark: str) -> None:
    # Quadratic work on this much would take hours. What stands before it is read as ever.
    hostile = SRT + "\n00:00:01,000 --> 00:00:02,000\n" + mark * (400_000 // len(mark))
    before = parse_subtitles(SRT).lines
    assert parse_subtitles(hostile).lines[: len(before)] == before
