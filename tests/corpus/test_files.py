"""Which files an input names, and what is said when there are none."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cupel.corpus.files import find_files, scan
from cupel.corpus.fingerprint import digest_of
from cupel.corpus.formats import format_by_name
from cupel.corpus.remote import local_path
from cupel.errors import BadInput, UnknownName
from tests.corpus.reading import read_all


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, data in {
        "pool/web/a.jsonl": b'{"text": "A"}\n',
        "pool/web/b.jsonl.gz": gzip.compress(b'{"text": "B"}\n'),
        "pool/LICENSE": b"Apache",
        "pool/img.png": b"\x89PNG",
        "pool/blob": b"\x00\x01\x02" * 50,
        "pool/.git/config": b"[core]",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path / "pool"


def test_a_folder_gives_its_files_sorted(tree: Path) -> None:
    scanned = scan([str(tree)])
    assert [file.relative for file in scanned.files] == ["LICENSE", "web/a.jsonl", "web/b.jsonl.gz"]
    assert [file.index for file in scanned.files] == [0, 1, 2]
    assert [file.format for file in scanned.files] == ["text", "jsonl", "jsonl"]
    assert [file.source for file in scanned.files] == ["LICENSE", "web", "web"]
    assert [(kind.kind, kind.files, kind.bytes, kind.names) for kind in scanned.left_out] == [
        (".png", 1, 4, ["img.png"]),
        ("binary", 1, 150, ["blob"]),
    ]


def test_named_twice_is_read_once(tree: Path) -> None:
    files = find_files([str(tree), str(tree / "web" / "a.jsonl"), str(tree / "web" / "*.jsonl*")])
    assert len(files) == 3


def test_globs_and_exclusions(tree: Path) -> None:
    assert len(find_files([str(tree / "**" / "*.jsonl")])) == 1
    assert len(find_files([str(tree)], exclude=["*.gz", "web/a*"])) == 1


def test_unknown_format_gets_a_suggestion(tree: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'parquet'"):
        find_files([str(tree)], format="parqet")


def test_no_such_path_says_what_is_there(tree: Path) -> None:
    with pytest.raises(BadInput, match=r"no such file or folder.*web"):
        find_files([str(tree / "missing" / "deep.jsonl")])
    with pytest.raises(BadInput, match=r"nothing matches"):
        find_files([str(tree / "*.parquet")])


def test_a_folder_with_nothing_readable_lists_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"1 \.png"):
        find_files([str(tmp_path)])
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="no files at all"):
        find_files([str(tmp_path / "empty")])


def test_what_a_folder_holds_beside_is_counted(tree: Path) -> None:
    for number in range(5):
        (tree / f"report{number}.docx").write_bytes(b"x" * 10)
    (tree / "data.bin").write_bytes(b"abc")
    (tree / "odd.xyz").write_bytes(b"\x00\x01\x02")
    os.mkfifo(tree / "pipe")
    scanned = scan([str(tree)], exclude=["a.jsonl"])
    assert [(kind.kind, kind.files, kind.bytes) for kind in scanned.left_out] == [
        (".docx", 5, 50),
        (".bin", 1, 3),
        (".png", 1, 4),
        (".xyz", 1, 3),
        ("binary", 1, 150),
        ("excluded", 1, 0),
        ("special file", 1, 0),
    ]
    assert scanned.left_out[0].names == ["report0.docx", "report1.docx", "report2.docx"]


def test_a_folder_that_a_pattern_leaves_out_is_named(tree: Path) -> None:
    kinds = scan([str(tree)], exclude=["we*"]).left_out
    assert [(kind.kind, kind.files, kind.names) for kind in kinds if "excluded" in kind.kind] == [
        ("excluded folder", 1, ["web"])
    ]


@pytest.mark.parametrize("name", ["pipe", "pipe.jsonl", "pipe.txt"])
def test_a_pipe_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    for path in (tmp_path / name, tmp_path / "pip*"):
        with pytest.raises(BadInput, match=f"{name} is a pipe, which can be read only once.*to a file"):
            find_files([str(path)])
    with pytest.raises(BadInput, match="/dev/null is a terminal or device"):
        find_files(["/dev/null"])


def test_standard_input_that_is_a_file_is_that_file(tree: Path) -> None:
    code = "from cupel.corpus.files import find_files; print(*[f.path for f in find_files(['/dev/stdin'])])"
    path = tree / "web" / "a.jsonl"
    with open(path, "rb") as stream:
        done = subprocess.run([sys.executable, "-c", code], stdin=stream, capture_output=True, text=True)
    assert done.stdout.strip() == str(path), done.stderr
    done = subprocess.run([sys.executable, "-c", code], input="{}", capture_output=True, text=True)
    assert "/dev/stdin is a pipe" in done.stderr


def test_names_that_are_not_utf_8(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/k\xe4se"
    os.mkdir(folder)
    for name in (b"caf\xe9 1.txt", b"plain.txt"):
        with open(folder + b"/" + name, "wb") as file:
            file.write(name.split(b".")[0][:5].replace(b"\xe9", b"e"))
    contents = read_all(tmp_path)
    assert contents.texts == ["cafe ", "plain"]
    address = "file://" + str(tmp_path) + "/k%E4se/"
    assert [row["path"] for row in contents.rows] == [address + "caf%E9%201.txt", address + "plain.txt"]
    assert {row["source"] for row in contents.rows} == {"k%E4se"}
    assert [local_path(row["path"]) for row in contents.rows] == [
        os.fsdecode(folder + b"/" + name) for name in (b"caf\xe9 1.txt", b"plain.txt")
    ]
    with pytest.raises(BadInput) as error:
        find_files([str(tmp_path / "nope\udce9")])
    str(error.value).encode("utf-8")


def test_link_loops_end(tree: Path) -> None:
    os.symlink(tree, tree / "web" / "up")
    os.symlink(tree / "nowhere", tree / "dangling")
    scanned = scan([str(tree)])
    assert len(scanned.files) == 3
    assert ("broken link", 1) in [(kind.kind, kind.files) for kind in scanned.left_out]


def test_zero_bytes_are_an_entry_not_an_error(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.parquet", "c.txt", "d.warc.gz", "e.tar", "f.html", "g.csv", "h"):
        (tmp_path / name).touch()
    contents = read_all(tmp_path)
    assert contents.reasons == ["empty-file"] * 8


def test_no_permission(tree: Path) -> None:
    """Read as a user who may not, since these tests may run as one who may everything."""
    (tree / "web" / "a.jsonl").chmod(0)
    (tree / "secret").mkdir(mode=0)
    code = f"""
import os, sys
sys.path[:0] = {[str(Path(__file__).parent)]!r}
from tests.corpus.reading import read_all
import cupel.corpus.archives, cupel.corpus.extraction, encodings.idna, pyarrow
pyarrow.array([""])  # imports pandas where it is there
from cupel.corpus.files import find_files
from cupel.errors import BadInput
if os.geteuid() == 0:
    os.seteuid(65534)
found = read_all({str(tree)!r})
print(found.reasons, found.quarantined[0].detail)
for path in ({str(tree / "web" / "a.jsonl")!r}, {str(tree / "secret")!r}):
    try:
        find_files([path])
    except BadInput as error:
        print("BadInput", error)
"""
    for folder in [tree, *tree.parents]:
        if folder.stat().st_uid == os.geteuid() and folder != folder.parent and "pytest" in str(folder):
            folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    (tree / "secret").chmod(0o700)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "['unreadable'] cannot be opened: Permission denied"
    assert "no permission to read" in lines[1]
    assert "no permission to list" in lines[2]


@pytest.mark.parametrize("size", [10, 70_000, 500_000])
def test_digest_changes_with_the_file(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a" * size)
    before = digest_of(str(path))
    assert digest_of(str(path)) == before
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[size // 2] = 98
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert digest_of(str(path)) != before


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jsonl.zst", "jsonl"),
        ("CC-MAIN.warc.wet.gz", "warc"),
        ("a.tar.gz", "tar"),
        ("a.tgz", "tar"),
        ("index.HTML", "html"),
        ("main.rs", "text"),
        ("photo.JPG", "ignored"),
        ("a.jsonl.gz.zst", "jsonl"),
        ("a.zip", "zip"),
        ("a.feather.lz4", "arrow"),
        ("a.json", None),
        ("ls.1.gz", None),
    ],
)
def test_formats_by_name(name: str, kind: str | None) -> None:
    assert format_by_name(name) == kind


def test_content_decides_where_the_name_does_not(tmp_path: Path) -> None:
    (tmp_path / "records.json").write_text('{"text": "A"}\n{"text": "B"}\n')
    (tmp_path / "page").write_text("\n<!DOCTYPE html><p>C")
    (tmp_path / "ls.1.gz").write_bytes(gzip.compress(b".TH LS 1\n.SH NAME\nls \\- list\n"))
    (tmp_path / "odd.name").write_bytes(
        gzip.compress(b"WARC/1.0\r\nWARC-Type: x\r\nContent-Length: 0\r\n\r\n")
    )
    assert [file.format for file in find_files([str(tmp_path)])] == ["text", "warc", "html", "jsonl"]
