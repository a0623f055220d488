"""PDF files: their text, their fields, and those that have none or are made to break readers."""

from __future__ import annotations

import gzip
import json
import random
import zipfile
from pathlib import Path

import pytest

from cupel.corpus.extraction._pool import ExtractionOptions, extract_document
from cupel.corpus.formats import detect_format
from cupel.corpus.pdf import joined_lines

from .reading import make_tar, read_all

pytest.importorskip("pypdfium2", reason="needs the extra 'pdf'")


def pdf(*pages: str, info: str = "", more: str = "") -> bytes:
    """A PDF whose pages show these lines in Helvetica; `info` and `more` go to the information and the trailer."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        shown = "".join(f"({line}) Tj T* " for line in page.split("\n")) if page else ""
        stream = f"BT /F1 12 Tf 14 TL 72 720 Td {shown}ET"
        objects += [
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {5 + 2 * number} 0 R >>",
            f"<< /Length {len(stream.encode('cp1252'))} >>\nstream\n{stream}\nendstream",
        ]
    objects.append(f"<< {info} >>")
    body, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n".encode("cp1252")
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    trailer = f"<< /Size {size} /Root 1 0 R /Info {len(objects)} 0 R {more} >>"
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n{trailer}\nstartxref\n{len(body)}\n%%EOF\n"
    return body + end.encode("cp1252")


ENCRYPTED = pdf(
    "secret",
    more=f"/ID [<{'00' * 16}> <{'00' * 16}>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 "
    f"/O <{'11' * 32}> /U <{'22' * 32}> >>",
)
TWO_PAGES = pdf(
    "The Café of hyphen-\nated words\nis open.",
    "A second page.",
    info="/Title (On Cupels) /Author (A. Assayer)",
)


def test_a_file_is_a_document(tmp_path: Path) -> None:
    path = tmp_path / "paper.pdf"
    path.write_bytes(TWO_PAGES)
    (row,) = read_all(path).rows
    assert row["text"] == "The Café of hyphenated words\nis open.\n\nA second page."
    expected = {"pages": 2, "title": "On Cupels", "author": "A. Assayer", "extension": "pdf"}
    assert json.loads(row["metadata"]) == expected
    assert row["source"] == "paper"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty-file"),
        (b"%PDF-1.4\n", "corrupt"),
        (b"no PDF at all", "corrupt"),
        (TWO_PAGES[:150], "corrupt"),
        (bytes(random.Random(1).randbytes(20_000)), "corrupt"),
        (b"%PDF-1.7\n" + bytes(random.Random(2).randbytes(20_000)), "corrupt"),
        (ENCRYPTED, "encrypted"),
        (pdf("", ""), "empty-text"),
        (pdf(), "corrupt"),
    ],
)
def test_files_without_text_go_to_quarantine(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "bad.pdf").write_bytes(content)
    (tmp_path / "good.pdf").write_bytes(TWO_PAGES)
    everything = read_all(tmp_path)
    (entry,) = everything.quarantined
    assert (entry.reason, entry.path) == (reason, str(tmp_path / "bad.pdf"))
    assert len(everything.rows) == 1


def test_damaged_files_never_stop_the_run(tmp_path: Path) -> None:
    chance = random.Random(3)
    for number in range(30):
        content = bytearray(TWO_PAGES)
        for _ in range(chance.randrange(1, 40)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        (tmp_path / f"{number}.pdf").write_bytes(content[: chance.randrange(200, len(content))])
    everything = read_all(tmp_path)
    assert len(everything.rows) + len(everything.quarantined) == 30


def test_a_thousand_pages(tmp_path: Path) -> None:
    (tmp_path / "long.pdf").write_bytes(pdf(*(f"Page {number} of many." for number in range(1000))))
    (row,) = read_all(tmp_path).rows
    assert row["text"] == "\n\n".join(f"Page {number} of many." for number in range(1000))


def test_recognized_by_content_compressed_and_in_archives(tmp_path: Path) -> None:
    assert detect_format("paper", TWO_PAGES, whole=True).format == "pdf"
    assert detect_format("paper.txt", TWO_PAGES, whole=True).format == "pdf"
    (tmp_path / "a.pdf.gz").write_bytes(gzip.compress(TWO_PAGES))
    (tmp_path / "b.tar").write_bytes(make_tar({"x/one.pdf": TWO_PAGES, "bad.pdf": b"%PDF-1.4"}))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("two.pdf", TWO_PAGES)
    (tmp_path / "d").write_bytes(TWO_PAGES)
    everything = read_all(tmp_path)
    assert len(set(everything.texts)) == 1
    assert len(everything.rows) == 4
    assert everything.reasons == ["corrupt"]
    assert json.loads(everything.rows[1]["metadata"])["member"] == "x/one.pdf"


def test_the_same_text_in_any_company(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.pdf").write_bytes(TWO_PAGES if number % 2 else pdf(f"File {number}."))
    together = read_all(tmp_path)
    alone = [row for number in range(6) for row in read_all(tmp_path / f"{number}.pdf").rows]
    assert together.texts == [row["text"] for row in alone]
    assert [row["id"] for row in together.rows] == [row["id"] for row in alone]


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cupel.corpus.pdf.find_spec", lambda name: None)
    (tmp_path / "a.pdf").write_bytes(TWO_PAGES)
    (tmp_path / "b.txt").write_text("Text is read all the same.")
    everything = read_all(tmp_path)
    assert everything.texts == ["Text is read all the same."]
    (entry,) = everything.quarantined
    assert entry.reason == "missing-extra"
    assert "'.[pdf]'" in entry.detail


def test_a_parser_that_hangs_or_dies_costs_its_process() -> None:
    spec = "tests.corpus.odd_extractors:Odd:{}"
    for page, reason in ((b"exit", "extraction-crash"), (b"loop", "extraction-timeout")):
        text, error = extract_document(spec, "odd", page, ExtractionOptions(seconds=0.5))
        assert text is None
        assert error is not None
        assert error.reason == reason


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("a\r\nb \r\n", "a\nb"),
        ("co\ufffe\r\nzy co\x02zy co\u00adzy", "cozy cozy cozy"),
        ("self-\nmade 1-\n2 A-\nB x -\ny", "selfmade 1-\n2 A-\nB x -\ny"),
        ("東京-\n駅", "東京駅"),
        ("", ""),
    ],
)
def test_lines(text: str, joined: str) -> None:
    assert joined_lines(text) == joined
