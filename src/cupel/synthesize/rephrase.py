"""Documents rephrased in another style."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import pyarrow as pa
from pydantic import Field, field_validator

from cupel.contract import (
    Asks,
    Births,
    Generate,
    Generator,
    KeepsOriginals,
    NamesModel,
    NewDocument,
    Paper,
    Refusal,
    Resources,
)
from cupel.models.model import Answer, Request

__all__ = ["Rephrase", "pieces_of", "without_preamble"]

SYSTEM = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
    "detailed, and polite answers to the questions."
)
STYLES = {
    "easy": "For the following paragraph give me a paraphrase of the same using a very small vocabulary and extremely "
    "simple sentences that a toddler will understand:",
    "medium": "For the following paragraph give me a diverse paraphrase of the same in high quality English language "
    "as in sentences on Wikipedia:",
    "hard": "For the following paragraph give me a paraphrase of the same using very terse and abstruse language that "
    "only an erudite scholar will understand. Replace simple words and phrases with rare and complex ones:",
    "qa": 'Convert the following paragraph into a conversational format with multiple tags of "Question:" followed by '
    '"Answer:":',
}
"""The prompts of the paper (appendix G), word by word."""

_PREAMBLE = re.compile(
    r"\A\s*(?:(?:sure|certainly|of course|absolutely|okay|ok)(?: thing)?[!.:,]\s+(?=here\b))?"
    r"(?:here(?:'s|’s| is| are)\b[^\n:.!?]{0,60}\b"
    r"(?:paraphras|rephras|rewrit|version|conversation|question)[^\n:.!?]{0,80}:\s*"
    r"|(?:paraphrase|rephrased(?: text| version)?)\s*:\s*)?",
    re.IGNORECASE,
)
_ENDS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"(?<=[.!?。！？])\s+"), re.compile(r"\s+"))
"""Where a text is divided: after paragraphs, else after lines, else after sentences, else after words."""


class Rephrase(Asks, Generator):
    """Rephrased documents: an instruction-tuned model rewrites each document in up to four styles.

    WRAP (Maini et al. 2024) trains on web text and on rephrasings of it, half each: a model of a given quality needs
    about a third of the compute, most so where the web text is noisy. The styles are those of the paper, with its
    prompts: `easy` (words of a toddler), `medium` (as in Wikipedia), `hard` (terse and scholarly) and `qa` (questions
    and answers). Each style gives one new document per document.

    The paper shows the model at most 300 tokens at a time, since longer texts lose content when they are rephrased. A
    document is therefore divided after paragraphs (or lines, or sentences) into pieces of at most `max_characters`,
    and its rephrasing is that of its pieces, joined. Preambles of the model ("Sure, here is a
    paraphrase:") are removed. A rephrasing is refused, with the raw answer in quarantine, if a piece was not
    answered, or if its length is out of proportion: an answer of two words has lost what the text said.

    Examples
    --------
    >>> without_preamble("Sure! Here's a paraphrase of the paragraph:\\n\\nTōkyō is Japan's capital.")
    "Tōkyō is Japan's capital."
    >>> pieces_of("One. Two.\\n\\nThree, four.", 14)
    ['One. Two.', 'Three, four.']
    """

    name = "rephrase"
    asks = "generate"
    papers = (
        Paper(
            title="Rephrasing the Web: A Recipe for Compute and Data-Efficient Language Modeling",
            authors="Maini et al.",
            year=2024,
            url="https://arxiv.org/abs/2401.16380",
            section="3",
        ),
    )
    cost = "A request per style and piece of about 300 tokens; the answer is about as long as the piece."
    limits = (
        "The model's mistakes become training data, and its style everybody's: keep the originals beside it (the paper's "
        "mix is half and half). Names and numbers may change. The prompts are English, and ask for English."
    )

    class Options(NamesModel, KeepsOriginals):
        """Who rephrases, in which styles."""

        styles: tuple[Literal["easy", "medium", "hard", "qa"], ...] = Field(
            ("medium",),
            min_length=1,
            description="`easy`, `medium`, `hard` and `qa`: one new document for each.",
        )
        max_characters: int = Field(
            1200,
            ge=1,
            description="Of a document that the model is shown at once; the paper shows 300 tokens.",
        )
        max_tokens: int = Field(512, ge=1, description="Tokens of the answer to one piece, at most.")
        temperature: float = Field(0.0, ge=0, description="0 takes the likeliest token each time.")
        min_ratio: float = Field(
            0.2,
            ge=0,
            description="A rephrasing with less than this share of the original's characters is refused.",
        )
        max_ratio: float = Field(3.0, gt=0, description="So is one with more than this.")

        @field_validator("styles")
        @classmethod
        def _each_once(cls, styles: tuple[str, ...]) -> tuple[str, ...]:
            if len(set(styles)) < len(styles):
                raise ValueError(f"{', '.join(styles)}: each style can be named once")
            return styles

    options: Options

    def prepare(self, resources: Resources) -> Generate:
        """A function that asks the model."""
        ask = resources.asker(self.options.model, self.options.device)

        def write(documents: pa.RecordBatch) -> Births:
            requests = [
                (row, style, pieces_of(text or "", self.options.max_characters))
                for row, text in enumerate(documents.column("text").to_pylist())
                for style in self.options.styles
            ]
            answers = iter(
                ask([self._request(style, piece) for _, style, pieces in requests for piece in pieces])
            )
            born: list[NewDocument] = []
            refused: list[Refusal] = []
            for row, style, pieces in requests:
                result = self._read(row, style, pieces, [next(answers) for _ in pieces])
                (born if isinstance(result, NewDocument) else refused).append(result)  # type: ignore[arg-type]
            return Births(born, refused)

        return write

    def _request(self, style: str, piece: str) -> Request:
        return Request.chat(
            f"{STYLES[style]}\n{piece}",
            SYSTEM,
            max_tokens=self.options.max_tokens,
            temperature=self.options.temperature,
        )

    def _read(self, row: int, style: str, pieces: list[str], answers: list[Answer]) -> NewDocument | Refusal:
        raw = "\n\n".join(answer.text or "" for answer in answers)
        missing = [answer for answer in answers if answer.text is None]
        if missing:
            return Refusal((row,), "no-answer", f"style {style}: {missing[0].refused}", raw)
        text = "\n\n".join(filter(None, (without_preamble(answer.text or "") for answer in answers)))
        ratio = len(text) / max(1, sum(map(len, pieces)))
        if not self.options.min_ratio <= ratio <= self.options.max_ratio:
            bounds = f"{self.options.min_ratio:g} to {self.options.max_ratio:g}"
            return Refusal(
                (row,),
                "out-of-proportion",
                f"style {style}: {ratio:.3g} times as long, expected {bounds}",
                raw,
            )
        return NewDocument((row,), text, {"style": style, "model": self.options.model})


def without_preamble(answer: str) -> str:
    """An answer without the model's preamble."""
    return _PREAMBLE.sub("", answer, count=1).strip()


def pieces_of(text: str, max_characters: int) -> list[str]:
    """A text in pieces of at most `max_characters`, divided after paragraphs, lines, sentences or words."""
    return list(_pieces(text.strip(), max_characters, 0))


def _pieces(text: str, max_characters: int, level: int) -> Iterator[str]:
    if len(text) <= max_characters:
        if text:
            yield text
        return
    if level == len(_ENDS):
        yield from (text[start : start + max_characters] for start in range(0, len(text), max_characters))
        return
    held = start = end = 0
    for match in [*_ENDS[level].finditer(text), None]:
        stop = len(text) if match is None else match.start()
        if held and stop - start > max_characters:
            yield from _pieces(text[start:end].strip(), max_characters, level + 1)
            start = held
        end = stop
        held = len(text) if match is None else match.end()
    yield from _pieces(text[start:end].strip(), max_characters, level + 1)
