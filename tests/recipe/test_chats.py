"""Conversations through a run: edited a turn at a time, measured as one text, compared by a side, written as they came."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

import cupel
from cupel import Corpus
from cupel.corpus.part_arrays import part_texts, side_of, spans_by_part, with_texts
from cupel.corpus.parts import PARTS, Part
from cupel.errors import BadInput, BadOption, BadRecipe, LossyConversion, UnknownName
from tests.corpus.reading import make_tar, png

ALPACA = [
    {"instruction": "Name a city.", "input": "", "output": "東京 is one.", "topic": "places"},
    {"instruction": "Translate.", "input": "café", "output": "coffee  house", "topic": "words"},
    {"instruction": "Name a city.", "input": "", "output": "Paris.", "topic": "places"},
    {"instruction": "Name a river.", "input": "", "output": "Paris.", "topic": "places"},
]
TOOL = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "function": {"name": "weather", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        {"role": "assistant", "content": "It rains."},
    ],
    "seen": 3,
}
PAIR = {
    "chosen": "\n\nHuman: Tea or coffee?\n\nAssistant: Tea, gladly.",
    "rejected": "\n\nHuman: Tea or coffee?\n\nAssistant: Go away.",
}


def _pool(folder: Path, **files: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return folder


def _refine(pool: Path, output: Path, *steps: Any, **options: Any) -> Any:
    return cupel.refine(
        cupel.Recipe.from_dict({"name": "r", "steps": list(steps)}), input=pool, output=output, **options
    )


def _lines(output: Path) -> list[dict[str, Any]]:
    decompress = zstandard.ZstdDecompressor()
    lines = []
    for path in sorted((output / "data").glob("*.zst")):
        with path.open("rb") as file, decompress.stream_reader(file) as stream:
            lines += [json.loads(line) for line in stream.read().splitlines()]
    return lines


def _texts(output: Path, column: str = "text") -> list[Any]:
    return pq.read_table(output / "data").column(column).to_pylist()


def test_rows_come_out_as_they_went_in(tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool", alpaca=ALPACA, chats=[TOOL], pairs=[PAIR])
    result = _refine(pool, tmp_path / "out", "exact")
    rows = list(result.corpus().rows())
    assert rows == [*ALPACA, TOOL, PAIR]
    assert [list(row) for row in rows] == [list(row) for row in [*ALPACA, TOOL, PAIR]]


def test_json_lines_are_in_the_layout_they_came_in(tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool", alpaca=ALPACA, chats=[TOOL], pairs=[PAIR], texts=[{"text": "Plain."}])
    result = _refine(pool, tmp_path / "out", "exact", writing=cupel.OutputOptions(format="jsonl"))
    lines = _lines(tmp_path / "out")
    for line, row in zip(lines, [*ALPACA, TOOL, PAIR], strict=False):
        assert {name: line[name] for name in row} == row
        assert "parts" not in line
        assert "text" not in line
        assert line["source"] in ("alpaca", "chats", "pairs")
        assert isinstance(line["doc"], int)
    assert lines[-1]["text"] == "Plain."
    again = _refine(tmp_path / "out", tmp_path / "again", "exact")
    assert again.manifest["content_hash"] == result.manifest["content_hash"]


def test_json_lines_in_another_layout(tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool", alpaca=ALPACA)
    writing = cupel.OutputOptions(format="jsonl", layout="messages")
    _refine(pool, tmp_path / "out", "exact", writing=writing)
    line = _lines(tmp_path / "out")[0]
    assert line["messages"] == [
        {"role": "user", "content": "Name a city."},
        {"role": "assistant", "content": "東京 is one."},
    ]
    assert line["topic"] == "places"
    with pytest.raises(UnknownName, match="did you mean 'messages'"):
        cupel.OutputOptions(format="jsonl", layout="mesages")
    with pytest.raises(BadOption, match="JSON lines"):
        cupel.OutputOptions(layout="messages")
    pairs = _pool(tmp_path / "pairs", pairs=[PAIR])
    with pytest.raises(LossyConversion, match="messages"):
        _refine(pairs, tmp_path / "lossy", "exact", writing=writing)


def test_plain_texts_stay_plain_in_another_layout(tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool", alpaca=ALPACA[:1], texts=[{"text": "Plain."}])
    _refine(pool, tmp_path / "out", "exact", writing=cupel.OutputOptions(format="jsonl", layout="messages"))
    first, second = _lines(tmp_path / "out")
    assert first["messages"]
    assert second["text"] == "Plain."
    with pytest.raises(BadOption, match="holds bytes of media"):
        cupel.OutputOptions(format="jsonl", layout="image-text")


def test_fields_that_are_called_like_columns(tmp_path: Path) -> None:
    own = {"doc": "mine", "signals": {"byte_count": 7}, "id": 12, "weight": 0.5}
    pool = _pool(tmp_path / "pool", alpaca=[ALPACA[0] | own])
    steps = ("counts", {"softdedup": {"action": "weigh", "segments": 5}})
    _refine(pool, tmp_path / "out", *steps, writing=cupel.OutputOptions(format="jsonl"))
    (line,) = _lines(tmp_path / "out")
    assert line["id"] == 12
    assert isinstance(line["doc"], int)
    assert line["signals"]["byte_count"] > 7
    assert line["metadata"] == {"doc": "mine", "signals": {"byte_count": 7}}
    again = _refine(
        tmp_path / "out", tmp_path / "again", {"threshold": {"signal": "byte_count", "at_least": 10}}
    )
    assert again.manifest["documents"]["kept"] == 1


def test_edits_see_a_turn_at_a_time(tmp_path: Path) -> None:
    chat = {
        "messages": [
            {"role": "user", "content": "Write to a@b.example.com\n\n\n\nplease  "},
            {"role": "assistant", "content": "To a@b.example.com and c@d.example.com?"},
        ]
    }
    pool = _pool(tmp_path / "pool", chats=[chat], texts=[{"text": "Or to e@f.example.com"}])
    result = _refine(pool, tmp_path / "out", "pii")
    first, second = Corpus.read(tmp_path / "out").to_arrow().to_pylist()
    turns = [part["text"] for part in first["parts"] if part["kind"] == "text"]
    assert first["text"] == "\n\n".join(turns)
    assert "b.example" not in first["text"]
    assert turns[0].startswith("Write to ")
    assert turns[0].endswith("\n\n\n\nplease  ")
    assert second["parts"] is None
    assert "f.example" not in second["text"]
    ledger = result.ledger().to_arrow().sort_by("doc").to_pylist()
    masked = {name for name in ledger[0]["signals"] if name.endswith("emails")}
    assert [row["signals"][masked.pop()] for row in ledger[:1]] == [3]
    assert [row["edits"] for row in ledger] == [["pii"], ["pii"]]


def test_an_edit_that_leaves_nothing_of_a_turn_drops_the_conversation(tmp_path: Path) -> None:
    lost = {"prompt": "Say something that stands for itself, please.", "completion": "lorem ipsum"}
    good = {
        "prompt": "Say something that stands for itself, please.",
        "completion": "This is a sentence. And this is one, too. A third one makes the page long enough.",
    }
    pool = _pool(tmp_path / "pool", chats=[lost, good])
    result = _refine(pool, tmp_path / "out", "c4-lines")
    rows = result.ledger().to_arrow().sort_by("doc").to_pylist()
    assert [(row["status"], row["reason"]) for row in rows] == [("dropped", "empty-turn"), ("kept", None)]


def test_copied_parts_are_cut_out_of_turns(tmp_path: Path) -> None:
    copied = "This notice stands at the end of every answer that the house gives to anybody who asks for one."
    chats = [
        {"prompt": f"Question {n} of many", "completion": f"Answer {n} is here.\n{copied}"} for n in range(4)
    ]
    pool = _pool(tmp_path / "pool", chats=chats, texts=[{"text": f"A page.\n{copied}"}])
    _refine(pool, tmp_path / "out", {"substring": {"min_bytes": 60, "max_copied_fraction": 1.0}})
    first, *others, page = Corpus.read(tmp_path / "out").to_arrow().to_pylist()
    assert copied in first["text"]
    for number, document in enumerate(others, 1):
        turns = [part["text"] for part in document["parts"] if part["kind"] == "text"]
        assert turns[0] == f"Question {number} of many"
        assert turns[1].startswith(f"Answer {number}")
        assert "notice stands" not in turns[1]
        assert document["text"] == "\n\n".join(turns)
    assert page["parts"] is None
    assert "notice stands" not in page["text"]


@pytest.mark.parametrize(
    ("compare", "kept"), [("text", [0, 1, 2, 3]), ("prompt", [0, 1, 3]), ("answer", [0, 1, 2])]
)
@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_duplicates_by_side(tmp_path: Path, method: str, compare: str, kept: list[int]) -> None:
    pool = _pool(tmp_path / "pool", alpaca=ALPACA)
    _refine(pool, tmp_path / "out", {method: {"compare": compare, "keep": "first"}}, accept=True)
    assert list(Corpus.read(tmp_path / "out").rows()) == [ALPACA[place] for place in kept]


def test_plain_texts_are_compared_whole(tmp_path: Path) -> None:
    texts = [{"text": "Paris."}, {"text": "Rome."}, {"text": "Rome."}]
    pool = _pool(tmp_path / "pool", alpaca=ALPACA[2:3], texts=texts)
    _refine(pool, tmp_path / "out", {"exact": {"compare": "answer"}})
    assert _texts(tmp_path / "out") == ["Name a city.\n\nParis.", "Rome."]


def test_contamination_by_side(tmp_path: Path) -> None:
    question = "Which of the planets of the solar system has the shortest day of all and the most moons?"
    items = tmp_path / "items.jsonl"
    items.write_text(json.dumps({"question": question, "answer": "Saturn"}) + "\n")
    chats = [
        {"prompt": question, "completion": "Jupiter has the shortest day."},
        {"prompt": "Ask me something about planets.", "completion": question},
    ]
    pool = _pool(tmp_path / "pool", chats=chats)
    step = {"against": [str(items)], "action": "drop"}
    for side, kept in (("prompt", chats[1:]), ("answer", chats[:1]), ("text", [])):
        _refine(pool, tmp_path / side, {"decontaminate": {**step, "compare": side}}, accept=True)
        assert list(Corpus.read(tmp_path / side).rows()) == kept


def test_cutting_needs_the_whole_text(tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool", alpaca=ALPACA)
    with pytest.raises(BadRecipe, match="cuts parts out of the whole text, and compares the answer"):
        _refine(pool, tmp_path / "out", {"substring": {"compare": "answer"}})


def test_a_pool_without_conversations_is_refused(tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool", a=[{"text": "Plain."}], b=[{"text": "Plain, too."}])
    with pytest.raises(
        BadInput, match="step 'exact': needs conversations, with turns and roles; none of the"
    ):
        _refine(pool, tmp_path / "out", {"exact": {"compare": "prompt"}})
    (pool / "c.jsonl").write_text(json.dumps(ALPACA[0]) + "\n")
    assert (
        _refine(pool, tmp_path / "out", {"exact": {"compare": "prompt"}}).manifest["documents"]["kept"] == 3
    )


def test_the_hash_covers_who_says_what(tmp_path: Path) -> None:
    hashes = set()
    for number, roles in enumerate((("user", "assistant"), ("assistant", "user"))):
        chat = {"id": "x", "messages": [{"role": role, "content": role[0]} for role in roles]}
        chat["messages"][0]["content"], chat["messages"][1]["content"] = "Yes?", "No."
        pool = _pool(tmp_path / f"pool-{number}", chats=[chat])
        hashes.add(_refine(pool, tmp_path / f"out-{number}", "exact").manifest["content_hash"])
    assert len(hashes) == 2


def test_the_cut_of_the_input_changes_nothing(tmp_path: Path) -> None:
    chats = [
        {"prompt": f"What is {n % 13}?  ", "completion": f"It is {n % 7}.", "id": f"c{n}"} for n in range(300)
    ]
    pool = _pool(tmp_path / "pool", chats=chats, texts=[{"text": f"Text {n % 50}"} for n in range(200)])
    steps = ("whitespace", {"exact": {"compare": "answer"}})
    hashes = {
        _refine(pool, tmp_path / f"out-{size}", *steps, target_shard_bytes=size).manifest["content_hash"]
        for size in (2_000, 7_000, 1 << 20)
    }
    assert len(hashes) == 1


def test_a_plain_field_called_parts_stays_a_field(tmp_path: Path) -> None:
    pool = _pool(tmp_path / "pool", texts=[{"text": "Plain.", "parts": ["a", "b"]}])
    _refine(pool, tmp_path / "out", "exact")
    assert _texts(tmp_path / "out", "parts") == [["a", "b"]]


def test_real_conversations(shared: Path, tmp_path: Path) -> None:
    """Alpaca and hh-rlhf through a run of every kind of step, and out again."""
    for name, path in (("alpaca", "alpaca"), ("hh", "hh_rlhf")):
        files = [file for file in sorted((shared / "data/instruct").glob(f"{path}*")) if file.suffix != ".md"]
        assert files, path
        before = Corpus.read(files)
        result = _refine([str(file) for file in files], tmp_path / name, "exact")  # type: ignore[arg-type]
        kept = {row["doc"] for row in result.ledger().to_arrow().to_pylist() if row["status"] == "kept"}
        documents = before.to_arrow()
        expected = [
            row
            for row, doc in zip(before.rows(), documents.column("doc").to_pylist(), strict=True)
            if doc in kept
        ]
        assert len(expected) > 1000
        assert list(result.corpus().rows()) == expected


# -- arrays of parts -------------------------------------------------------------------------------

COLUMN = pa.array(
    [
        None,
        [Part("layout"), Part("text", "user", "Ä\r\nB"), Part("image"), Part("text", "assistant", "")],
        [],
        [Part("text", None, "caption")],
    ],
    PARTS,
)


def test_texts_of_parts() -> None:
    for column in (COLUMN, pa.concat_arrays([COLUMN, COLUMN]).slice(4)):
        texts = part_texts(column)
        assert texts.rows.tolist() == [1, 3]
        assert texts.texts.to_pylist() == ["Ä\nB", "caption"]
        assert texts.joined(4).to_pylist() == ["", "Ä\nB", "", "caption"]


def test_a_text_that_is_not_changed_keeps_its_line_ends() -> None:
    texts = part_texts(COLUMN)
    assert with_texts(COLUMN, texts, texts.texts).equals(COLUMN)
    changed = with_texts(COLUMN, texts, pa.array(["Ä\nB", "other"], pa.large_string())).to_pylist()
    assert changed[:3] == COLUMN.to_pylist()[:3]
    assert changed[3][0]["text"] == "other"


def test_sides() -> None:
    text = pa.array(["plain", "Ä\nB", "", "caption"], pa.large_string())
    assert side_of(COLUMN, text, "prompt").to_pylist() == ["plain", "Ä\nB", "", "caption"]
    assert side_of(COLUMN, text, "answer").to_pylist() == ["plain", "Ä\nB", "", "caption"]


def test_spans_fall_into_parts() -> None:
    column = pa.array([[Part("text", "user", "ab"), Part("text", "assistant", "cd")], None], PARTS)
    texts = part_texts(column)
    assert spans_by_part(texts, [[{"start": 0, "stop": 6}], None]) == [
        [{"start": 0, "stop": 2}],
        [{"start": 0, "stop": 2}],
    ]
    assert spans_by_part(texts, [[{"start": 2, "stop": 4}], None]) == [[], []]


# -- images with captions --------------------------------------------------------------------------


def _members(path: Path) -> list[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        return [(item.name, archive.extractfile(item).read()) for item in archive if item.isfile()]  # type: ignore[union-attr]


def _write_samples(path: Path, samples: Iterable[tuple[str, bytes, str]]) -> None:
    """An archive as WebDataset has them: `name.jpg`, `name.txt`, and so on."""
    members = {}
    for name, image, caption in samples:
        members[f"{name}.{'png' if image.startswith(bytes([0x89])) else 'jpg'}"] = image
        members[f"{name}.txt"] = caption.encode()
    path.write_bytes(make_tar(members))


def test_an_archive_of_samples_through_a_run(tmp_path: Path) -> None:
    captions = ["A cat sleeps.", "A dog barks.", "A cat sleeps.", "東京 at night."]
    pool = tmp_path / "samples.tar"
    _write_samples(
        pool, [(f"{number:04}", png(number + 1, 1), caption) for number, caption in enumerate(captions)]
    )
    result = _refine(pool, tmp_path / "out", "exact")
    written = tmp_path / "written.tar"
    assert result.corpus().write(written) == 3
    assert _members(written) == [member for member in _members(pool) if not member[0].startswith("0002")]
    parts = _texts(tmp_path / "out", "parts")
    assert {part["media"]["width"] for row in parts for part in row if part["kind"] == "image"} == {1, 2, 4}


def test_real_samples_through_a_run(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data/image_text"
    with zstandard.open(folder / "flickr8k_mini.jsonl.zst", "rt", encoding="utf-8") as lines:
        captions = {row["file"]: row["captions"][0] for row in map(json.loads, lines)}
    pool = tmp_path / "flickr.tar"
    with (
        zstandard.open(folder / "flickr8k_mini.tar.zst", "rb") as plain,
        tarfile.open(fileobj=plain, mode="r|") as archive,
    ):
        images = [
            (item.name.removesuffix(".jpg"), archive.extractfile(item).read(), captions[item.name])  # type: ignore[union-attr]
            for item in archive
            if item.name in captions
        ]
    _write_samples(pool, images)
    result = _refine(pool, tmp_path / "out", "exact", "whitespace")
    assert result.manifest["documents"]["in"] == len(images) > 100
    result.corpus().write(tmp_path / "after.tar")
    after = _members(tmp_path / "after.tar")
    names = {name for name, _ in after}
    assert len(names) == 2 * result.manifest["documents"]["kept"]
    before = [member for member in _members(pool) if member[0] in names]
    assert [member for member in after if member[0].endswith(".jpg")] == [
        member for member in before if member[0].endswith(".jpg")
    ]
    assert [name for name, _ in after] == [name for name, _ in before]
    assert [text.rstrip() for name, text in after if name.endswith(".txt")] == [
        text.rstrip() for name, text in before if name.endswith(".txt")
    ]
