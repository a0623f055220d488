"""Whether `decontaminate` finds the items of every layout that lm-evaluation-harness's tasks have.

For each distinct set of templates (`harness_layouts.py`), a few rows are made up: the fields that the templates
read, with sentences of common words in them, beside the fields that say something about a row. Each item is
rendered as the task renders it, with its right answer, and planted in the middle of a document. Beside them stand clean
documents: the same templates filled with other sentences, passages without their question, and plain prose.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2
from decontamination import searched
from harness_layouts import ENVIRONMENT, Function, Layout, Shape, is_field, layouts, leaves
from pool import print_table, save

from cupel.errors import BadInput
from cupel.findings import Table

ROWS_A_SET = 6
MIN_WORDS = 10
"""A document must hold as many words of an item (the option `min_words`), or a whole question with its answer."""
OTHER_ROWS = 3
CHOICES = 4
VOCABULARY = """
able account across action afternoon age agree air allow animal answer apple arm arrive art autumn baby back bag
balance ball bank basket beach bear beautiful bed begin bell below bicycle bird blue board boat body bone book bottle
bottom box branch brave bread break bridge bright bring brother brown brush build burn bus busy butter button buy cake
calm camera candle captain card careful carry castle cat catch center chair change cheap child choose circle city
class clean clear climb clock cloth cloud coast coat coffee cold collect color common cook copper corner cotton count
country cover cow cup curtain cut dance dark daughter day deep desert desk dinner doctor dog door double dream dress
drink drive dry dust early east easy edge egg empty end engine evening expect eye face fair fall family farm father
field fight fill find finger finish fire fish flag flat floor flower fly follow foot forest forget fork fresh friend
frog fruit garden gate gentle give glass gold grain grass green ground group grow guest guitar hair half hand happy
harbor hat hear heart heavy help hide high hill hold
"""
CHARACTERS = "山川田空海風雨雪花草木林森石金銀銅鉄火水土日月星年春夏秋冬朝昼夜東西南北上下左右中大小高低長短"
WORDS = VOCABULARY.split()
READ = re.compile(
    r"passage|article|context|story|document|paragraph|report|transcript|abstract|full_text|conversation"
    r"|dialog(ue)?|narrative|background|body|page|content|source_text|judicial|fact$|pre_text|post_text",
    re.IGNORECASE,
)
ASKED = re.compile(
    r"quest|query|problem|goal|pregunta|domanda|frage|stem|prompt|swali|galdera|ask", re.IGNORECASE
)
OFFERED = re.compile(
    r"choice|option|opcion|^sol|ending|^answer.|^[a-j]$|^op[a-e1-5]$|^ans\d|distractor|candidate|incorrect|mc_"
    r"|target_scores|alternative|quiz|classes|^label",
    re.IGNORECASE,
)
LISTS = re.compile(r"(choices|options|endings|candidates|alternatives)$", re.IGNORECASE)
RIGHT = re.compile(
    r"^(answer|answers|target|targets|gold|label|output|response|respuesta|solution|completion)$",
    re.IGNORECASE,
)
READ_BY_FILTERS = re.compile(
    r".*(category|subject|language|bias_type|subtask_name|^id|domain|answer|candidates|choices?\d?|options|domain|group|\[\])$"
)
"""What functions read to choose rows, or to count choices; the templates read the texts."""
ABOUT = {
    "id": "{hash}",
    "idx": 0,
    "subject": "high school geography",
    "language": "en",
    "split": "test",
    "url": "https://example.org/set/1-a",
}


@dataclass
class Writer:
    """Makes up rows: sentences of common words, or of characters where the templates are Chinese or Japanese."""

    rng: random.Random
    unspaced: bool = False

    def words(self, count: int) -> str:
        if self.unspaced:
            return "".join(self.rng.choice(CHARACTERS) for _ in range(2 * count))
        return " ".join(self.rng.choice(WORDS) for _ in range(count))

    def sentence(self, count: int, end: str = ".") -> str:
        return self.words(count).capitalize() + ({".": "。", "?": "？"}[end] if self.unspaced else end)

    def prose(self, count: int) -> str:
        return " ".join(self.sentence(self.rng.randint(8, 16)) for _ in range(count // 12 + 1))

    def text(self, name: str) -> str:
        """A text such as a field of this name holds."""
        if OFFERED.search(name):
            return self.words(self.rng.randint(3, 8))
        if READ.search(name):
            return self.prose(80)
        if RIGHT.match(name):
            return self.words(self.rng.randint(2, 5))
        return self.sentence(self.rng.randint(6, 18), "?" if ASKED.search(name) else ".")

    def row(self, shape: Shape, number: int) -> dict[str, Any]:
        about = {name: value for name, value in ABOUT.items() if name not in shape.fields}
        if "id" in about:
            about["id"] = f"{self.rng.getrandbits(64):016x}"
        if "idx" in about:
            about["idx"] = number
        made: dict[int, Any] = {}
        fields = {name: self.value(name, inner, made) for name, inner in shape.fields.items()}
        for name, inner in shape.fields.items():
            if inner.labels is not None and id(inner.labels) in made:
                fields[name] = self.rng.choice(made[id(inner.labels)])
        return about | fields

    def value(self, name: str, shape: Shape, made: dict[int, Any]) -> Any:
        if shape.fields and {"text", "label"} <= shape.fields.keys() and shape.fields["label"].items:
            shape.fields["text"].item()
        if LISTS.search(name) and not shape.fields and shape.items is None and shape.use == "":
            shape.item().use = "text"  # a function does not say that a field is a list
        if shape.fields:
            value: Any = {inner: self.value(inner, field, made) for inner, field in shape.fields.items()}
        elif shape.items is not None and name == "label":
            value = list("ABCDEFGHIJ"[: max(shape.size, CHOICES)])
        elif shape.items is not None and name == "labels":
            value = [1, *[0] * (max(shape.size, CHOICES) - 1)]
        elif shape.items is not None:
            value = [self.value(name.rstrip("s"), shape.items, made) for _ in range(max(shape.size, CHOICES))]
        elif shape.use in ("index", "one-based"):
            letters = (
                shape.values
                and all(len(value) < 4 for value in shape.values)
                and name.lower().startswith("answer")
            )
            size = shape.size or len(shape.values) or 2
            place = self.rng.randrange(size)
            value = shape.values[place] if letters else place + (shape.use == "one-based")
        elif shape.values:
            value = self.rng.choice(shape.values)
        elif shape.use == "number":
            value = self.rng.randrange(1000)
        elif "number" in name or name.startswith("is_"):
            value = self.rng.randrange(2 if name.startswith("is_") else 1000)
        else:
            value = self.prose(30) if shape.use == "long text" else self.text(name)
        made[id(shape)] = value
        return value


# -- items as the tasks show them --------------------------------------------------------------


def rendered(layout: Layout, row: Mapping[str, Any]) -> str | None:
    """The text of a row's item and its right answer; None where the row does not fit the templates."""
    if any(isinstance(part, Function) for part in (layout.text, layout.choice, layout.target)):
        return listed(layout.fields, row)
    try:
        text, choices, target = (filled(part, row) for part in (layout.text, layout.choice, layout.target))
    except (jinja2.UndefinedError, TypeError, ValueError, KeyError, IndexError, AttributeError):
        return None
    if isinstance(choices, str):
        try:
            choices = ast.literal_eval(choices)
        except (ValueError, SyntaxError):
            return None
    if isinstance(choices, dict):
        choices = list(choices.values())
    if choices and not isinstance(target, str):
        target = int(target) if isinstance(target, int | bool) else target
    if choices and str(target).strip().isdecimal() and int(str(target)) < len(choices):
        target = choices[int(str(target))]
    if isinstance(target, list | tuple):
        target = target[0] if target else ""
    if not isinstance(text, str):
        text = "\n".join(map(str, text)) if isinstance(text, list) else str(text)
    return f"{text}\n{target}"


def filled(template: Any, row: Mapping[str, Any]) -> Any:
    if isinstance(template, str):
        return row[template] if is_field(template) else ENVIRONMENT.from_string(template).render(**row)
    return template


def listed(shape: Shape, row: Mapping[str, Any]) -> str:
    """The texts of the fields that a function reads, in the order in which it reads them."""
    return "\n".join(text for name in shape.fields if name in row for text in texts_within(row[name]))


def texts_within(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from texts_within(inner)
    elif isinstance(value, list):
        for letter, inner in zip("ABCDEFGHIJKLMNOP", value, strict=False):
            yield from (f"{letter}. {text}" for text in texts_within(inner))
    elif isinstance(value, str) and len(value) > 2:
        yield value


def passages(layout: Layout, row: Mapping[str, Any]) -> list[str]:
    """Texts that something is asked about: they may stand in clean documents."""
    texts = {
        name: value for name, value in row.items() if isinstance(value, str) and name in layout.fields.fields
    }
    asked = any(ASKED.search(name) for name in texts)
    return [text for name, text in texts.items() if asked and READ.search(name) and not ASKED.search(name)]


# -- kinds -------------------------------------------------------------------------------------


def kind_of(layout: Layout, fields: Shape) -> str:
    """What a layout is called in the table."""
    names = fields.fields
    texts = [
        name
        for name, shape in names.items()
        if shape.items is None and not shape.fields and shape.use in ("", "text")
    ]
    if layout.functions and any(
        isinstance(part, Function) for part in (layout.text, layout.choice, layout.target)
    ):
        return "function"
    if any(name in ("messages", "conversation", "conversations") for name in names):
        return "chat"
    if "target_scores" in names:
        return "target scores"
    if any(
        shape.fields and shape.fields.keys() & {"text", "label", "labels", "choices"}
        for shape in names.values()
    ):
        return "choices in a mapping"
    if any(shape.fields for shape in names.values()):
        return "nested mapping"
    offered = [name for name in texts if OFFERED.search(name)]
    if len(offered) > 1:
        return "choices in fields of their own"
    reads = [name for name in texts if READ.search(name)]
    if any(shape.items is not None for shape in names.values()):
        return "passage, question and list" if reads else "question and list"
    if reads and len(texts) > 1:
        return "passage and question"
    if isinstance(layout.choice, list) and len(texts) > 1:
        return "two texts and a label"
    if isinstance(layout.choice, list):
        return "text and a label"
    return "several texts" if len(texts) > 2 else "text and answer" if len(texts) == 2 else "one text"


# -- measuring ---------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What became of the items of one layout."""

    task: str
    kind: str
    names: tuple[str, ...]
    planted: int = 0
    detected: int = 0
    said: int = 0
    """Items that the report says cannot be found."""
    clean: int = 0
    dropped: int = 0
    short: int = 0
    """Items of which the task shows fewer than ten words."""
    fault: str = ""
    row: Any = None
    text: str = ""

    @property
    def missed(self) -> int:
        """Items that were neither found nor said to be too short."""
        return max(0, self.planted - self.detected - max(self.said, self.short))


def measure(layout: Layout, folder: Path, *, raw: bool = False) -> Outcome:
    """Plant the items of one layout, and look for them.

    Parameters
    ----------
    raw
        Take the rows as they are published, before a function of the task prepares them.
    """
    templates = f"{layout.text} {layout.choice} {layout.target}"
    writer = Writer(random.Random(f"{layout.task}{raw}"), bool(re.search(r"[\u3040-\u9fff]", templates)))
    fields = layout.raw if raw and layout.raw is not None else layout.fields
    if raw and not any(
        shape.use != "index" and not READ_BY_FILTERS.fullmatch(path[-1]) for path, shape in leaves(fields)
    ):
        return Outcome(layout.task, "", (), fault="the function reads no text")
    outcome = Outcome(
        layout.task, "function (rows as published)" if raw else kind_of(layout, fields), tuple(fields.fields)
    )
    rows = [writer.row(fields, number) for number in range(ROWS_A_SET)]
    others = [writer.row(fields, number) for number in range(OTHER_ROWS)]

    def shown(row: Mapping[str, Any]) -> str | None:
        return listed(fields, row) if raw else rendered(layout, row)

    items = [shown(row) for row in rows]
    if any(item is None or len(item.split()) + len(item) // 8 < 3 for item in items):
        outcome.fault = "no rows could be made up"
        return outcome
    documents = [planted(item or "", writer) for item in items]
    clean = [planted(item, writer) for item in map(shown, others) if item]
    clean += [planted(text, writer) for row in rows for text in passages(layout, row)]
    clean += [writer.prose(200) for _ in range(4)]
    try:
        clusters = searched(rows, [*documents, *clean], {}, folder)
    except BadInput as error:
        outcome.fault = str(error)
        outcome.row = rows[0]
        outcome.planted = len(items)
        return outcome
    flagged = set(clusters.members["doc"].to_pylist())
    outcome.planted, outcome.clean = len(items), len(clean)
    outcome.detected = sum(number in flagged for number in range(len(items)))
    outcome.dropped = sum(number >= len(items) for number in flagged)
    hidden = [number for number in range(len(items)) if number not in flagged]
    outcome.short = sum(words_shown(rows[number], items[number] or "") < MIN_WORDS for number in hidden)
    for block in clusters.findings[0].blocks:
        if isinstance(block, Table) and block.columns[0] == "evaluation set":
            outcome.said = int(block.rows[0][-1])
    outcome.row, outcome.text = rows[0], items[0] or ""
    return outcome


def words_shown(row: Mapping[str, Any], item: str) -> int:
    """How many words of a row's texts stand in its item, each text once."""
    shown = [
        text for text in (re.sub(r"^[A-P]\. ", "", text) for text in set(texts_within(row))) if text in item
    ]
    whole = [text for text in shown if not any(text != other and text in other for other in shown)]
    return sum(len(text.split()) + len(re.findall(r"[\u3040-\u9fff]", text)) // 2 for text in whole)


def planted(text: str, writer: Writer) -> str:
    return f"{writer.prose(80)}\n{text}\n{writer.prose(80)}"


def walk(folder: Path, every: int = 1) -> list[Outcome]:
    """The outcome of each layout of the tasks below `folder`, or of each `every`-th."""
    outcomes = []
    with tempfile.TemporaryDirectory() as name:
        for layout in layouts(folder)[::every]:
            if layout.fields.fields:
                outcomes.append(measure(layout, Path(name)))
            if layout.raw is not None and layout.raw.fields:
                outcomes.append(measure(layout, Path(name), raw=True))
    return outcomes


def tasks_folder() -> Path | None:
    """Where the tasks of lm-evaluation-harness lie, if it is installed."""
    spec = find_spec("lm_eval")
    return Path(spec.origin).parent / "tasks" if spec is not None and spec.origin is not None else None


def summary(outcomes: Sequence[Outcome]) -> list[list[object]]:
    by_kind: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if not outcome.fault or outcome.planted:
            by_kind[outcome.kind].append(outcome)
            by_kind["all"].append(outcome)
    rows = []
    for kind, some in sorted(by_kind.items(), key=lambda entry: (entry[0] == "all", entry[0])):
        sums = [
            sum(getattr(outcome, name) for outcome in some)
            for name in ("planted", "detected", "said", "short", "missed", "clean", "dropped")
        ]
        rows.append([kind, len(some), *sums])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only every so-manyth layout")
    parser.add_argument("--show", type=int, default=40, help="layouts listed at most")
    arguments = parser.parse_args()
    folder = tasks_folder()
    if folder is None:
        raise SystemExit("needs the extra tasks")
    outcomes = walk(folder, arguments.every)
    head = [
        "layout",
        "layouts",
        "items planted",
        "found",
        "said to be too short",
        "not found, too short",
        "missed",
        "clean documents",
        "dropped",
    ]
    print_table("decontamination, by layout of lm-evaluation-harness", head, summary(outcomes))
    bad = [entry for entry in outcomes if entry.missed or entry.dropped]
    print_table(
        "layouts with items that were missed, or clean documents dropped",
        ["task", "layout", "fields", "found", "said", "dropped", "fault"],
        [
            [
                entry.task,
                entry.kind,
                ", ".join(entry.names[:9]),
                entry.detected,
                entry.said,
                entry.dropped,
                entry.fault[:90],
            ]
            for entry in bad[: arguments.show]
        ],
        f"{len(bad)} of {len(outcomes)}",
    )
    print(
        "\nnot tried:",
        Counter(entry.fault for entry in outcomes if entry.fault and not entry.planted).most_common(5),
    )
    save(
        "contamination_layouts",
        {"kinds": summary(outcomes), "missed": [json.dumps(entry.__dict__, default=str) for entry in bad]},
    )


if __name__ == "__main__":
    main()
