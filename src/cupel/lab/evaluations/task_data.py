"""Local task files in: minimal pairs and multiple choice, whatever their layout and packing."""

from __future__ import annotations

import csv
import io
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from cupel.corpus.formats import stem
from cupel.corpus.remote import open_raw
from cupel.corpus.streams import ByteStream, StreamFault
from cupel.errors import BadInput
from cupel.store import seeded_rank

__all__ = ["LocalTask", "Question", "choose", "read_tasks"]

Kind = Literal["pairs", "choice", "contexts"]

LAYOUTS = (
    "sentence_good and sentence_bad (BLiMP); query, choices and gold (llm-foundry); "
    "ctx (or ctx_a and ctx_b), endings and label (HellaSwag); "
    "question, choices and answerKey (ARC); context_options, continuation and gold (Winogrande)"
)
MAX_BYTES = 1 << 30
"""Of one file, decompressed."""
_CHOICE_LABEL = re.compile(r"\s*\(([A-E1-5])\)\s+")
DATA_ENDINGS = (".jsonl", ".json", ".csv", ".parquet")


@dataclass(frozen=True)
class Question:
    """One item: alternatives `contexts[k] + endings[k]`, of which `gold` is right."""

    name: str
    contexts: tuple[str, ...]
    endings: tuple[str, ...]
    gold: int


@dataclass(frozen=True)
class LocalTask:
    """Questions of one kind: sentence pairs, endings of one text, or one ending of several texts."""

    name: str
    kind: Kind
    questions: tuple[Question, ...]


def read_tasks(path: Path) -> tuple[LocalTask, ...]:
    """The tasks of a file, a folder or a tar archive, compressed or not.

    Files of sentence pairs are one task together, as BLiMP's paradigms are, named by the folder or archive;
    every other file is a task of its own. A question's name is `file/id`, with the row's number where the file
    has no ids of its own.

    Raises
    ------
    BadInput
        A file that cannot be read, or whose columns are not known.
    """
    by_file: dict[str, list[tuple[Kind, Question]]] = {}
    for file, rows in _files(path):
        group = stem(file).removesuffix(".json")
        if group in by_file:
            raise BadInput(
                f"{path}: two files are called '{group}'; their questions would have the same names"
            )
        by_file[group] = _questions(group, rows)
        if not by_file[group]:
            raise BadInput(f"{path}: {file} holds no question")
    if not by_file:
        raise BadInput(f"{path}: no {', '.join(DATA_ENDINGS)} file in it")
    pairs = [question for questions in by_file.values() for kind, question in questions if kind == "pairs"]
    tasks = [LocalTask(stem(path.name), "pairs", tuple(pairs))] if pairs else []
    for group, questions in by_file.items():
        kinds = {kind for kind, _ in questions}
        if len(kinds) > 1:
            raise BadInput(f"{path}: {group} mixes layouts: {', '.join(sorted(kinds))}")
        kind = questions[0][0]
        if kind != "pairs":
            tasks.append(LocalTask(group, kind, tuple(question for _, question in questions)))
    return tuple(tasks)


def choose(names: Sequence[str], limit: int | None, seed: int) -> list[int]:
    """Places of `limit` items, ascending: by a seeded hash of their names, the same number of each file.

    What stands before the last `/` of a name is its file.

    Examples
    --------
    >>> names = [f"{file}/{row}" for file in "ab" for row in range(100)]
    >>> chosen = choose(names, 10, seed=1)
    >>> [sum(names[place].startswith(file) for place in chosen) for file in "ab"]
    [5, 5]
    """
    if limit is None or limit >= len(names):
        return list(range(len(names)))
    ranks = [seeded_rank(name, seed) for name in names]
    turns: dict[str, int] = {}
    ordered = []
    for place in sorted(range(len(names)), key=lambda place: (ranks[place], place)):
        file = names[place].rpartition("/")[0]
        ordered.append((turns.get(file, 0), ranks[place], place))
        turns[file] = turns.get(file, 0) + 1
    return sorted(place for _, _, place in sorted(ordered)[:limit])


def _questions(group: str, rows: Iterator[tuple[str, Mapping[str, Any]]]) -> list[tuple[Kind, Question]]:
    parsed = [(row, *_question(where, row)) for where, row in rows]
    names = [_own_name(row) for row, *_ in parsed]
    if None in names or len(set(names)) < len(names):
        names = [str(number) for number in range(1, len(names) + 1)]
    return [
        (kind, Question(f"{group}/{name}", contexts, endings, gold))
        for name, (_, kind, contexts, endings, gold) in zip(names, parsed, strict=True)
    ]


def _own_name(row: Mapping[str, Any]) -> str | None:
    identity = next((row[name] for name in ("pairID", "id", "ind") if row.get(name) is not None), None)
    return None if identity is None else str(identity)


def _question(where: str, row: Mapping[str, Any]) -> tuple[Kind, tuple[str, ...], tuple[str, ...], int]:
    """Kind, contexts, endings, and which is right."""
    if "sentence_good" in row and "sentence_bad" in row:
        good, bad = _text(where, row, "sentence_good"), _text(where, row, "sentence_bad")
        return "pairs", ("", ""), (good.strip(), bad.strip()), 0
    if "context_options" in row and "continuation" in row:
        contexts = _texts(where, row["context_options"], "context_options")
        ending = " " + _text(where, row, "continuation").strip()
        return "contexts", contexts, (ending,) * len(contexts), _gold(where, row, len(contexts), ())
    if "endings" in row and ("ctx" in row or "ctx_a" in row):
        return _hellaswag(where, row)
    asked = next((name for name in ("query", "question") if name in row), None)
    question = row[asked] if asked else None
    offered = row.get("choices")
    if isinstance(question, Mapping):  # ARC as published: the choices stand in the question
        offered = question.get("choices", offered)
        question = question.get("stem")
    elif isinstance(question, str) and offered is None and any(name.lower() == "answerkey" for name in row):
        question, offered = _split_choices(question)  # ARC's CSV files: "(A) ... (B) ..." after the question
    if asked is None or offered is None:
        raise BadInput(
            f"{where}: columns not known: {', '.join(map(str, row)) or 'none'}; expected one of: {LAYOUTS}"
        )
    labels: tuple[str, ...] = ()
    if isinstance(offered, Mapping):  # ARC as it stands in the hub
        labels, offered = _labels(offered.get("label")), offered.get("text")
    elif isinstance(offered, list) and offered and all(isinstance(choice, Mapping) for choice in offered):
        labels = _labels([choice.get("label", "") for choice in offered])
        offered = [choice.get("text") for choice in offered]
    if not isinstance(question, str):
        raise BadInput(f"{where}: {asked}: expected text")
    text = question if asked == "query" else f"Question: {question.strip()}\nAnswer:"
    return _choice(where, text, _texts(where, offered, "choices"), row, labels)


def _choice(
    where: str, text: str, choices: tuple[str, ...], row: Mapping[str, Any], labels: Sequence[str]
) -> tuple[Kind, tuple[str, ...], tuple[str, ...], int]:
    """A multiple-choice question; every ending is one space, or what ends the text, and a trimmed choice."""
    space = "" if not text or text[-1].isspace() else " "
    endings = tuple(space + choice for choice in choices)
    return "choice", (text,) * len(choices), endings, _gold(where, row, len(choices), labels)


def _hellaswag(where: str, row: Mapping[str, Any]) -> tuple[Kind, tuple[str, ...], tuple[str, ...], int]:
    """HellaSwag as published, with the text cleaned as lm-evaluation-harness does."""
    if isinstance(row.get("ctx_a"), str):
        context = f"{row['ctx_a']} {(row.get('ctx_b') or '').capitalize()}"
    else:
        context = _text(where, row, "ctx")
    label = row.get("activity_label")
    text = _without_brackets(f"{label}: {context}" if label else context)
    endings = _texts(where, row["endings"], "endings")
    cleaned = _texts(where, [_without_brackets(ending) for ending in endings], "endings")
    return _choice(where, text, cleaned, row, ())


def _without_brackets(text: str) -> str:
    """Without the marks of WikiHow: `[title]` ends a sentence, others are left out."""
    text = re.sub(r"\[.*?\]", "", text.strip().replace(" [title]", ". "))
    return text.replace("  ", " ").strip()


def _split_choices(question: str) -> tuple[str, list[dict[str, str]] | None]:
    """Question and labeled choices of a text that ends with `(A) ... (B) ...`."""
    stem, *pieces = _CHOICE_LABEL.split(question)
    if len(pieces) < 4:
        return question, None
    labels, texts = pieces[::2], pieces[1::2]
    return stem, [{"label": label, "text": text} for label, text in zip(labels, texts, strict=True)]


def _labels(value: Any) -> tuple[str, ...]:
    return tuple(str(label).strip() for label in value) if isinstance(value, list) else ()


def _text(where: str, row: Mapping[str, Any], name: str) -> str:
    value = row[name]
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{where}: {name}: expected text")
    return value


def _texts(where: str, value: Any, name: str) -> tuple[str, ...]:
    """Texts without the white space around them, which would change their likelihood."""
    if not isinstance(value, list) or len(value) < 2 or not all(isinstance(text, str) for text in value):
        raise BadInput(f"{where}: {name}: expected a list of two or more texts")
    texts = tuple(text.strip() for text in value)
    if "" in texts:
        raise BadInput(
            f"{where}: {name}: number {texts.index('') + 1} of {len(texts)} is blank; a blank alternative "
            "cannot be scored: fill it in or leave the item out"
        )
    return texts


def _gold(where: str, row: Mapping[str, Any], choices: int, labels: Sequence[str]) -> int:
    """Which alternative is right: a label of the choices, a letter, or a number.

    Numbers count from 0, those of an `answerKey` from 1, as ARC has them.
    """
    columns = {str(name).lower(): name for name in reversed(list(row))}
    column = next((name for name in ("gold", "answerkey", "label", "answer") if name in columns), None)
    if column is None:
        raise BadInput(
            f"{where}: no column says which choice is right; expected gold, answerKey, label or answer"
        )
    name = columns[column]
    value = row[name]
    first = 1 if column == "answerkey" else 0
    place: int | None = None
    if not isinstance(value, bool) and isinstance(value, (str, int)):
        text = str(value).strip()
        if text in labels:
            place = labels.index(text)
        elif text.isdecimal():
            place = int(text) - first
        elif len(text) == 1 and text.isascii() and text.isalpha():
            place = ord(text.upper()) - ord("A")
    if place is None or not 0 <= place < choices:
        raise BadInput(
            f"{where}: {name} is {value!r}; expected {first} to {choices - 1 + first}, a letter, or the label of a choice"
        )
    return place


def _files(path: Path) -> Iterator[tuple[str, Iterator[tuple[str, Mapping[str, Any]]]]]:
    """Name and rows of each data file of a folder, an archive, or of the one file."""
    if path.is_dir():
        for file in sorted(file for file in path.rglob("*") if file.is_file()):
            if _ending(file.name) in DATA_ENDINGS:
                yield file.name, _rows(str(file), file.name, _read(file))
    elif _ending(path.name) == ".tar":
        try:
            with tarfile.open(fileobj=io.BytesIO(_read(path))) as archive:
                for member in sorted(archive.getmembers(), key=lambda member: member.name):
                    content = archive.extractfile(member) if member.isreg() else None
                    if content is not None and _ending(member.name) in DATA_ENDINGS:
                        name = Path(member.name).name
                        yield name, _rows(f"{path}: {member.name}", name, content.read())
        except tarfile.TarError as error:
            raise BadInput(f"{path}: broken archive: {error}") from None
    else:
        yield path.name, _rows(str(path), path.name, _read(path))


def _ending(name: str) -> str:
    """The last ending that names no compression."""
    lower = name.lower()
    for packed in (".zst", ".gz", ".xz", ".bz2"):
        lower = lower.removesuffix(packed)
    return ".tar" if lower.endswith(".tgz") else Path(lower).suffix


def _read(path: Path) -> bytes:
    try:
        with ByteStream(open_raw(str(path)), name=str(path)) as stream:
            data = stream.read(MAX_BYTES + 1)
    except StreamFault as fault:
        raise BadInput(f"{path}: {fault.reason}: {fault.detail}") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error}") from None
    if len(data) > MAX_BYTES:
        raise BadInput(f"{path}: more than {MAX_BYTES} bytes are no task file")
    return data


def _rows(where: str, name: str, data: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Where each row is (for messages), and its fields."""
    import pyarrow as pa

    ending = _ending(name)
    try:
        if ending == ".parquet":
            import pyarrow.parquet as pq

            rows: list[Any] = pq.read_table(io.BytesIO(data)).to_pylist()
        elif ending == ".csv":
            rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
        elif ending == ".json" and data.lstrip()[:1] == b"[":
            rows = orjson.loads(data)
        else:
            rows = [orjson.loads(line) for line in data.splitlines() if line.strip()]
    except (ValueError, csv.Error, pa.ArrowException, OSError) as error:
        raise BadInput(f"{where}: not a {ending or 'JSON lines'} file: {error}") from None
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise BadInput(f"{where}, row {number}: expected an object, found {type(row).__name__}")
        yield f"{where}, row {number}", row
