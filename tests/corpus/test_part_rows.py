"""Files of conversations as documents with parts, and these as the rows that they were."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from cupel import Corpus
from cupel.corpus.parts import PARTS, SEPARATOR, parts_of, text_of
from cupel.corpus.read import read_shard
from cupel.corpus.records import ReadOptions
from cupel.errors import BadInput, BadOption, LossyConversion, UnknownName

from .reading import read_all

CHAT = {
    "id": 7,
    "messages": [
        {"role": "user", "content": "Wo liegt 東京?\r\nUnd Kyōto?"},
        {"role": "assistant", "content": "In Japan.", "weight": 1},
    ],
    "metadata": {"url": "https://host.example/", "lang": "de", "score": None},
    "lang": "ja",
    "source": "talks",
}
ALPACA = {"instruction": "Translate.", "input": "", "output": "東京", "lang": "ja"}
PAIR = {"chosen": "\n\nHuman: A\n\nAssistant: B", "rejected": "\n\nHuman: A\n\nAssistant: C", "margin": 0.5}


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def _same(corpus: Corpus, rows: list[dict[str, Any]]) -> None:
    assert [json.dumps(row) for row in corpus.rows()] == [json.dumps(row) for row in rows]


def test_a_chat_becomes_a_document_and_a_row_again(tmp_path: Path) -> None:
    corpus = Corpus.read(_write(tmp_path / "chats.jsonl", [CHAT]))
    (document,) = corpus.to_arrow().to_pylist()
    assert document["text"] == "Wo liegt 東京?\nUnd Kyōto?\n\nIn Japan."
    assert (document["id"], document["source"], document["url"]) == ("7", "talks", "https://host.example/")
    assert json.loads(document["metadata"]) == {"lang": "ja", "metadata.lang": "de", "score": None}
    parts = parts_of(document["parts"])
    assert parts is not None
    assert [(part.kind, part.role) for part in parts] == [
        ("layout", None),
        ("text", "user"),
        ("text", "assistant"),
    ]
    assert text_of(parts) == document["text"]
    _same(corpus, [CHAT])


@pytest.mark.parametrize("layout", ["jsonl", "array", "jsonl.gz"])
def test_layouts_of_json(tmp_path: Path, layout: str) -> None:
    rows = [ALPACA, ALPACA | {"output": "Café"}, PAIR, CHAT]
    path = _write(tmp_path / f"pool.{layout}", rows)
    if layout == "array":
        path = tmp_path / "pool.json"
        path.write_text(json.dumps(rows, indent=1), "utf-8")
    elif layout == "jsonl.gz":
        path.write_bytes(gzip.compress(path.read_bytes()))
    _same(Corpus.read(path), rows)


def test_parquet_keeps_turns_of_one_struct(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "A", "name": None},
        {"role": "assistant", "content": "B", "name": "Z"},
    ]
    table = pa.Table.from_pylist([{"messages": turns, "score": 1.5, "tools": None}])
    pq.write_table(table, tmp_path / "chats.parquet")
    contents = read_all(tmp_path / "chats.parquet")
    assert contents.texts == ["A\n\nB"]
    assert json.loads(contents.rows[0]["metadata"]) == {"score": 1.5}
    _same(Corpus.read(tmp_path / "chats.parquet"), [{"messages": turns, "score": 1.5}])


def test_columns_of_a_layout_are_not_declared_as_fields(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist([ALPACA]), tmp_path / "alpaca.parquet")
    corpus = Corpus.read(tmp_path / "alpaca.parquet")
    (batch,) = read_shard(corpus.shards[0])
    assert batch.declared == {"lang": {"large_string"}}


def test_csv(tmp_path: Path) -> None:
    (tmp_path / "alpaca.csv").write_text('instruction,input,output\nTranslate.,"a, b",東京\n', "utf-8")
    _same(Corpus.read(tmp_path), [{"instruction": "Translate.", "input": "a, b", "output": "東京"}])


def test_plain_texts_have_no_parts(tmp_path: Path) -> None:
    _write(tmp_path / "a.jsonl", [{"text": "A", "parts": ["wheel", "seat"]}, {"text": "B", "messages": []}])
    contents = read_all(tmp_path / "a.jsonl")
    assert [row["parts"] for row in contents.rows] == [None, None]
    assert [json.loads(row["metadata"]) for row in contents.rows] == [
        {"parts": ["wheel", "seat"]},
        {"messages": []},
    ]
    with pytest.raises(BadInput, match="is a plain text"):
        list(Corpus.read(tmp_path).rows())


def test_an_id_is_that_of_what_is_said_and_by_whom(tmp_path: Path) -> None:
    said = [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}]
    swapped = [{"role": "assistant", "content": "A"}, {"role": "user", "content": "B"}]
    rows = [{"messages": said}, {"messages": said, "lang": "en"}, {"messages": swapped}]
    first, same, other = [row["id"] for row in read_all(_write(tmp_path / "a.jsonl", rows)).rows]
    assert first == same
    assert first != other


def test_broken_conversations_are_put_aside(tmp_path: Path) -> None:
    rows = [
        ALPACA,
        {"messages": [{"content": "A"}]},
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [{"role": "user", "content": "A"}], "chosen": "A", "rejected": "B"},
        {"question": "A"},
    ]
    contents = read_all(_write(tmp_path / "a.jsonl", rows))
    assert len(contents.rows) == 1
    assert [(entry.position, entry.reason) for entry in contents.quarantined] == [
        (2, "no-role"),
        (3, "empty-text"),
        (4, "several-layouts"),
        (5, "missing-text"),
    ]


@pytest.mark.parametrize("name", ["jsonl", "csv", "parquet", "arrow"])
def test_a_file_that_fits_two_layouts_asks_for_one(tmp_path: Path, name: str) -> None:
    row = {"instruction": "A", "output": "B", "prompt": "C", "completion": "D"}
    path = tmp_path / f"pool.{name}"
    if name == "jsonl":
        _write(path, [row])
    elif name == "csv":
        path.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    elif name == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), path)
    else:
        table = pa.Table.from_pylist([row])
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    with pytest.raises(BadInput, match=r"are those of 'alpaca' and 'prompt-completion'.*--layout NAME"):
        Corpus.read(path).count()
    _same(Corpus.read(path, layout="alpaca"), [row])
    (document,) = Corpus.read(path, layout="prompt-completion").to_arrow().to_pylist()
    assert document["text"] == "C\n\nD"


def test_a_named_layout_wins_over_a_text_column(tmp_path: Path) -> None:
    row = ALPACA | {"text": "### Instruction: Translate."}
    path = _write(tmp_path / "a.jsonl", [row])
    assert Corpus.read(path).to_arrow()["text"].to_pylist() == ["### Instruction: Translate."]
    corpus = Corpus.read(path, layout="alpaca")
    assert corpus.to_arrow()["text"].to_pylist() == ["Translate.\n\n東京"]
    _same(corpus, [row])


def test_a_named_layout_that_does_not_fit_stops(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.jsonl", [ALPACA])
    with pytest.raises(BadInput, match="not those of the layout 'messages'; there are: instruction, input"):
        Corpus.read(path, layout="messages").count()
    with pytest.raises(UnknownName, match="did you mean 'alpaca'"):
        Corpus.read(path, layout="alpacca")
    with pytest.raises(BadOption, match="name one of the two"):
        Corpus.read(path, layout="alpaca", text_column="output")
    assert Corpus.read(path, text_column="output").to_arrow()["parts"].null_count == 1


@pytest.mark.parametrize("name", ["jsonl", "parquet"])
def test_documents_that_were_written_are_read_with_their_parts(tmp_path: Path, name: str) -> None:
    rows = [CHAT, ALPACA, PAIR]
    table = Corpus.read(_write(tmp_path / "in.jsonl", rows)).to_arrow()
    written = tmp_path / f"out.{name}"
    if name == "parquet":
        pq.write_table(table.drop(["metadata", "doc", "path", "position"]), written)
    else:
        kept = table.select(["id", "text", "parts"]).to_pylist()
        written.write_bytes(b"\n".join(map(orjson.dumps, kept)))
    again = Corpus.read(written).to_arrow()
    assert again.schema.field("parts").type == PARTS
    assert again["parts"].to_pylist() == table["parts"].to_pylist()
    assert again["text"].to_pylist() == table["text"].to_pylist()
    assert again["metadata"].to_pylist() == ["{}"] * 3


def test_rows_in_another_layout(tmp_path: Path) -> None:
    corpus = Corpus.read(_write(tmp_path / "a.jsonl", [ALPACA]))
    assert list(corpus.rows("sharegpt")) == [
        {
            "conversations": [{"from": "human", "value": "Translate."}, {"from": "gpt", "value": "東京"}],
            "lang": "ja",
        }
    ]
    with pytest.raises(LossyConversion, match="no pair of answers"):
        list(corpus.rows("hh-rlhf"))
    with pytest.raises(UnknownName):
        next(corpus.rows("alpakka"))


def test_a_program_s_settings_are_no_conversation(tmp_path: Path) -> None:
    (tmp_path / "de.json").write_text('{"messages": {"greeting": "Hallo"}}')
    contents = read_all(tmp_path)
    assert contents.texts == ['{"messages": {"greeting": "Hallo"}}']


def test_a_split_file_is_read_as_a_whole_one(tmp_path: Path) -> None:
    rows = [ALPACA | {"output": f"東京 {number}" * 20, "n": number} for number in range(200)]
    path = _write(tmp_path / "a.jsonl", rows)
    whole, split = read_all(path), read_all(path, target_bytes=4096)
    assert split.rows == whole.rows
    assert len(split.batch_rows) > 1


def test_large_conversations_are_put_aside(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.jsonl", [ALPACA | {"output": "x" * 500}, ALPACA])
    contents = read_all(path, options=ReadOptions(max_document_bytes=450))
    assert contents.reasons == ["too-large"]
    assert contents.texts == [SEPARATOR.join(["Translate.", "東京"])]


@pytest.mark.parametrize(
    ("name", "documents"),
    [
        ("alpaca_chinese.jsonl.zst", 10021),
        ("alpaca_quality_labels.jsonl.zst", 21907),
        ("dolly_3k_chatgpt_filtered.jsonl.zst", 2996),
        ("gpteacher_codegen.jsonl.zst", 4535),
        ("gpteacher_roleplay.jsonl.zst", 1923),
        ("dialogues_sgd.jsonl.zst", 465),
        ("hh_rlhf/harmless-base__test.jsonl.gz", 2312),
    ],
)
def test_real_files_come_out_unchanged(shared: Path, name: str, documents: int) -> None:
    path = shared / "data" / "instruct" / name
    stored = path.read_bytes()
    content = gzip.decompress(stored) if name.endswith(".gz") else zstandard.decompress(stored, 1 << 28)
    rows = [json.loads(line) for line in content.splitlines() if line.strip()]
    assert len(rows) == documents
    _same(Corpus.read(path), rows)


TOOLS = {
    "messages": [
        {"role": "system", "content": "Call tools."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Wetter in 東京?"},
                {"type": "image_url", "image_url": {"url": "https://host.example/sky.png", "detail": "low"}},
                {"type": "text", "text": "Siehe Bild."},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "sky", "arguments": '{"at": "東京"}'},
                },
                {"id": "call_2", "type": "function", "function": {"name": "wind", "arguments": "{}"}},
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "name": "sky", "content": "blue"},
        {"role": "tool", "content": [{"type": "text", "text": "3 m/s"}], "tool_call_id": "call_2"},
        {"role": "assistant", "content": "Blauer Himmel.", "tool_calls": [], "refusal": None},
    ],
    "tools": [{"type": "function", "function": {"name": "sky", "parameters": {"type": "object"}}}],
    "parallel_tool_calls": True,
}


@pytest.mark.parametrize("name", ["jsonl", "json"])
def test_tools_and_pictures_of_a_chat_survive(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"chats.{name}"
    path.write_text(json.dumps(TOOLS) if name == "jsonl" else json.dumps([TOOLS], indent=2), "utf-8")
    corpus = Corpus.read(path)
    (document,) = corpus.to_arrow().to_pylist()
    assert document["text"] == "\n\n".join(
        ["Call tools.", "Wetter in 東京?", "Siehe Bild.", "blue", "3 m/s", "Blauer Himmel."]
    )
    parts = parts_of(document["parts"]) or []
    assert [(part.kind, part.role) for part in parts[2:6]] == [
        ("text", "user"),
        ("image", "user"),
        ("text", "user"),
        ("tool_call", "assistant"),
    ]
    assert parts[3].media is not None
    assert parts[3].media.uri == "https://host.example/sky.png"
    _same(corpus, [TOOLS])
    corpus.write(tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == orjson.dumps(TOOLS) + b"\n"
    with pytest.raises(LossyConversion, match="a part of kind 'image'"):
        list(corpus.rows("sharegpt"))


def test_a_chat_in_parquet_is_written_with_its_types(tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": "A", "name": None}], "n": 3, "tools": None},
        {"messages": [{"role": "user", "content": "東京", "name": "Z"}], "n": None, "tools": None},
    ]
    schema = pa.Table.from_pylist(rows).schema.set(1, pa.field("n", pa.int16()))
    pq.write_table(pa.Table.from_pylist(rows, schema), tmp_path / "chats.parquet")
    assert Corpus.read(tmp_path / "chats.parquet").write(tmp_path / "again.parquet") == 2
    again = pq.read_table(tmp_path / "again.parquet")
    assert again.schema.field("n").type == pa.int16()
    assert again.select(["messages", "n"]).to_pylist() == [
        {key: row[key] for key in ("messages", "n")} for row in rows
    ]
