"""Small programs that a model writes for each document, carried out within safe bounds."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import pyarrow as pa
from pydantic import Field

from cupel.contract import Asks, Column, Edit, Edited, NamesModel, Paper, Resources, Revise
from cupel.models.model import Request

__all__ = ["Bounds", "Call", "ProgramEdits", "carry_out", "chunks_of", "numbered", "parse", "program_request"]

INSTRUCTION = """\
You refine texts for training a language model. Below is a text with numbered lines. Write a program of calls, one per \
line and nothing else:
drop_doc() - the whole text is worth nothing: spam, an error message, lists of links
remove_lines(first, last) - these lines are noise: navigation, advertising, links, boilerplate
normalize("noise", "replacement") - replace these characters everywhere; "" removes them
keep_doc() - the text is good as it is

{text}"""

_CALLS = {"drop_doc": 0, "keep_doc": 0, "keep_chunk": 0, "keep_all": 0, "remove_lines": 2, "normalize": 2}
_CALL = re.compile(r"^\s*(?:[-*]\s*)?`?(?P<call>[a-z_]+\(.*\))`?;?\s*$")


class Call(NamedTuple):
    """One operation of a program: `drop_doc`, `keep_doc`, `remove_lines` or `normalize`."""

    name: str
    arguments: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.arguments))})"


@dataclass(frozen=True)
class Bounds:
    """Limits on what a program may do.

    Attributes
    ----------
    removed
        The share of a text's characters that it may remove, unless it drops the whole text.
    replacements
        The maximum number of replacements of one `normalize`.
    longest
        The maximum length, in characters, of both strings of a `normalize`.
    """

    removed: float = 0.8
    replacements: int = 200
    longest: int = 200


class ProgramEdits(Asks, Edit):
    """Edits that a model writes as a program: drop the document, remove lines, replace strings.

    ProX (Zhou et al. 2024) has a small model, tuned on the annotations of a large one, write a program for each
    document, and carries the programs out: `drop_doc()`, `remove_lines(first, last)`, `normalize(noise, replacement)`
    or `keep_doc()`. So the model decides on each text as an expert would, and never writes a word of it: what it may
    do is bounded by what these calls can do.

    Lines are shown with numbers from 0 (`[000]`), a text in chunks of whole lines of at most `max_characters`;
    `drop_doc()` drops the chunk that it is written for, and a document is dropped once all of its chunks are. A
    program is parsed, not executed: only these calls with literal arguments count. Other lines are skipped, as are
    calls that name missing lines or strings that do not occur. A program is refused as a whole, and the document
    stays unchanged, if it contains no call, or if it would remove more than `max_removed` of the text without
    dropping it. A document that is dropped has no text left; the ledger says so, and
    the column `program` says which calls were carried out.

    Examples
    --------
    >>> program = parse('remove_lines(0, 0)\\nnormalize("©", "")\\nimport os')
    >>> carry_out(program, "Home | About\\nCafé © means coffee.", Bounds())
    'Café  means coffee.'
    >>> carry_out(parse("drop_doc()"), "Buy now!", Bounds())
    ''
    """

    name = "program-edits"
    asks = "generate"
    papers = (
        Paper(
            title="Programming Every Example: Lifting Pre-training Data Quality like Experts at Scale",
            authors="Zhou et al.",
            year=2024,
            url="https://arxiv.org/abs/2409.17115",
            section="3",
        ),
    )
    cost = "A request per chunk of a document: the chunk in, some 20 tokens out."
    limits = (
        "A model that was not tuned for it writes poor programs: compare the report's count of refused ones. A line that "
        "is removed is removed whole. Texts without line breaks can only be dropped or normalized."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "program": Column(
            pa.large_string(), "code", "the calls that were carried out, one per line; none if refused"
        ),
        "program_removed_lines": Column(pa.int64(), "lines", "lines that programs removed"),
        "program_refused": Column(pa.int64(), "programs", "programs that were refused"),
    }

    class Options(NamesModel):
        """Who writes the programs, and what they may do."""

        max_characters: int = Field(
            6000, ge=1, description="Of a text that the model is shown at once, in whole lines."
        )
        max_tokens: int = Field(256, ge=1, description="Tokens of a program, at most.")
        max_removed: float = Field(
            0.8,
            gt=0,
            le=1,
            description="The share of a text that a program may take away without dropping it whole.",
        )

    options: Options

    def prepare(self, resources: Resources) -> Revise:
        """A function that asks the model."""
        ask = resources.asker(self.options.model, self.options.device)
        bounds = Bounds(self.options.max_removed)

        def edit(documents: pa.RecordBatch) -> Edited:
            texts = [text or "" for text in documents.column("text").to_pylist()]
            chunks = [chunks_of(text, self.options.max_characters) for text in texts]
            requests = [
                program_request(chunk, self.options.max_tokens) for parts in chunks for chunk in parts
            ]
            answers = iter(ask(requests))
            edited = [_edit(parts, [next(answers).text for _ in parts], bounds) for parts in chunks]
            columns = zip(*edited, strict=True) if edited else ((), (), (), ())
            new, programs, removed, refused = map(list, columns)
            return Edited(
                pa.array(new, pa.large_string()),
                {
                    "program": pa.array(programs, pa.large_string()),
                    "program_removed_lines": pa.array(removed, pa.int64()),
                    "program_refused": pa.array(refused, pa.int64()),
                },
            )

        return edit


def program_request(chunk: str, max_tokens: int) -> Request:
    """What a model is asked for a chunk of a text."""
    return Request.chat(INSTRUCTION.format(text=numbered(chunk)), max_tokens=max_tokens)


def numbered(text: str) -> str:
    r"""A text with a number before each line, as the model is shown it.

    >>> numbered("Home\nCafé")
    '[000] Home\n[001] Café'
    """
    return "\n".join(f"[{number:03}] {line}" for number, line in enumerate(text.split("\n")))


def chunks_of(text: str, max_characters: int) -> list[str]:
    r"""A text in chunks of whole lines, at most `max_characters` each; a longer line is a chunk by itself.

    >>> chunks_of("one\ntwo\nthree", 8)
    ['one\ntwo', 'three']
    """
    chunks: list[list[str]] = [[]]
    held = 0
    for line in text.split("\n"):
        if chunks[-1] and held + len(line) > max_characters:
            chunks.append([])
            held = 0
        chunks[-1].append(line)
        held += len(line) + 1
    return ["\n".join(lines) for lines in chunks]


def parse(answer: str) -> list[Call] | None:
    """The calls in an answer, skipping other lines; None if there are none.

    >>> parse("I would keep this one.") is None
    True
    """
    calls = [call for line in answer.splitlines() if (call := _call(line)) is not None]
    return calls or None


def _call(line: str) -> Call | None:
    match = _CALL.match(line)
    if match is None:
        return None
    try:
        node = ast.parse(match["call"], mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return None
    name, arguments = node.func.id, [*node.args, *(keyword.value for keyword in node.keywords)]
    values = tuple(each.value for each in arguments if isinstance(each, ast.Constant))
    kind = str if name == "normalize" else int
    if len(values) != len(arguments) or _CALLS.get(name) != len(values):
        return None
    if any(type(value) is not kind for value in values) or not all(map(_is_text, values)):
        return None
    return Call("keep_doc" if name.startswith("keep") else name, values)  # type: ignore[arg-type]


def _is_text(value: object) -> bool:
    """Whether a string can be written: half a surrogate pair cannot."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def carry_out(program: list[Call], text: str, bounds: Bounds) -> str | None:
    """The text after a program; None where the program goes beyond the bounds.

    Lines are those of the text as it was shown, whatever is removed before.
    """
    if any(call.name == "drop_doc" for call in program):
        return ""
    lines = text.split("\n")
    removed: set[int] = set()
    for call in program:
        if call.name == "remove_lines":
            first, last = call.arguments
            if isinstance(first, int) and isinstance(last, int) and 0 <= first <= last < len(lines):
                removed.update(range(first, last + 1))
    new = "\n".join(line for number, line in enumerate(lines) if number not in removed)
    for call in program:
        if call.name == "normalize":
            noise, replacement = map(str, call.arguments)
            fits = 0 < len(noise) <= bounds.longest and len(replacement) <= bounds.longest
            if fits and 0 < new.count(noise) <= bounds.replacements:
                new = new.replace(noise, replacement)
    if not new.strip() and text.strip():
        return None  # it removed everything without dropping the document
    return new if len(new) >= (1 - bounds.removed) * len(text) else None


def _edit(chunks: list[str], answers: list[str | None], bounds: Bounds) -> tuple[str, str | None, int, int]:
    """The new text, the calls carried out, how many lines were removed, and how many programs refused."""
    texts, calls, removed, refused = [], [], 0, 0
    for chunk, answer in zip(chunks, answers, strict=True):
        program = None if answer is None else parse(answer)
        new = None if program is None else carry_out(program, chunk, bounds)
        if program is None or new is None:
            texts.append(chunk)
            refused += 1
            continue
        calls += [str(call) for call in program]
        removed += chunk.count("\n") - new.count("\n") if new else chunk.count("\n") + 1
        if new or not chunk:  # a chunk that was dropped leaves no line behind
            texts.append(new)
    return "\n".join(texts), "\n".join(calls) if calls else None, removed, refused
