"""A guard model's verdict on a text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import pyarrow as pa
from pydantic import Field

from cupel.contract import Asks, Column, Measure, NamesModel, Paper, Resources, Signal
from cupel.errors import BadInput
from cupel.models.model import Request
from cupel.signals._columns import mark

__all__ = ["Guard", "SafetyVerdict", "read_verdict"]

TAXONOMY = """\
S1: violent crimes
S2: non-violent crimes, such as fraud, theft, drugs and hacking
S3: sexual crimes
S4: sexual exploitation of children
S5: defamation of real persons
S6: specialized advice that endangers health, money or rights
S7: private data of persons
S8: infringement of intellectual property
S9: weapons of mass destruction
S10: hate against people for what they are
S11: suicide and self-harm
S12: sexual content
S13: false information about elections
S14: abuse of code interpreters
"""
QUESTION = """\
Check whether the text below holds unsafe content of one of these categories:

{taxonomy}
<text>
{text}
</text>

Answer with one word on the first line, "safe" or "unsafe". If unsafe, write on the second line the codes of the \
categories, separated by commas."""
_VERDICT = re.compile(r"^\W*(safe|unsafe)\b\W*", re.IGNORECASE)
_CODE = re.compile(r"\bS\d{1,2}\b", re.IGNORECASE)


class SafetyVerdict(NamedTuple):
    """Whether a text is unsafe, and the codes of the categories that the model names, in its order."""

    unsafe: bool
    categories: tuple[str, ...]


class Guard(Asks, Signal):
    """Whether a guard model calls a text unsafe, and in which categories.

    AutoPureData (Vadlapati 2024) passes fresh web pages through a trusted guard model before they are used, beside lists
    of addresses and words. A guard, such as Llama Guard (Inan et al. 2023), answers `safe`, or `unsafe` and on the next
    line the codes of a taxonomy (`S1,S10`). Such a model knows its taxonomy by its chat template: `prompt: bare` sends
    the text alone. Any other model that follows instructions is shown the taxonomy (`prompt: taxonomy`, with MLCommons'
    hazards or a file of your own).

    Keep documents by a rule, `where: "not unsafe"`: the categories are in the ledger beside it. Answers are cached; one that
    is neither safe nor unsafe is refused: the document has no verdict, the report counts it, and the rule drops it.
    Ask after cheap steps have dropped documents, which a recipe does by itself.

    Examples
    --------
    >>> read_verdict("unsafe\\nS10, S2")
    SafetyVerdict(unsafe=True, categories=('S10', 'S2'))
    >>> read_verdict("I cannot say.") is None
    True
    """

    name = "guard"
    asks = "generate"
    papers = (
        Paper(
            title="AutoPureData: Automated Filtering of Undesirable Web Data to Update LLM Knowledge",
            authors="Vadlapati",
            year=2024,
            url="https://arxiv.org/abs/2406.19271",
        ),
        Paper(
            title="Llama Guard: LLM-based Input-Output Safeguard for Human-AI Conversations",
            authors="Inan et al.",
            year=2023,
            url="https://arxiv.org/abs/2312.06674",
        ),
    )
    cost = "A request per document: the taxonomy and the beginning of the text in, some 5 tokens out."
    limits = (
        "Guards are made for conversations, and call texts about violence, history or law unsafe. Only the beginning is "
        "seen. A text can ask for a verdict."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "unsafe": mark("the model calls the text unsafe; none where its answer was refused"),
        "unsafe_categories": Column(
            pa.large_string(), "codes", "the categories that it names, separated by commas"
        ),
    }
    files = ("taxonomy",)

    class Options(NamesModel):
        """Who judges, and by which taxonomy."""

        prompt: Literal["taxonomy", "bare"] = Field(
            "taxonomy",
            description="Show the model the `taxonomy`, or send it the `bare` text, as guard models expect.",
        )
        taxonomy: str = Field(
            "",
            description="A text file with a code and a description per line, `S1: …`; empty: MLCommons' hazards.",
        )
        max_characters: int = Field(
            6000, ge=1, description="Of the text, from its beginning, that the model is shown."
        )
        max_tokens: int = Field(32, ge=1, description="Tokens of an answer, at most.")

    options: Options

    def prepare(self, resources: Resources) -> Measure:
        """A function that asks the model."""
        taxonomy = self._taxonomy()
        ask = resources.asker(self.options.model, self.options.device)

        def measure(documents: pa.RecordBatch) -> pa.RecordBatch:
            texts = documents.column("text").to_pylist()
            filled = [place for place, text in enumerate(texts) if (text or "").strip()]
            answers = ask([self._request(taxonomy, texts[place]) for place in filled])
            verdicts: list[SafetyVerdict | None] = [SafetyVerdict(False, ())] * len(texts)
            for place, answer in zip(filled, answers, strict=True):
                verdicts[place] = None if answer.text is None else read_verdict(answer.text)
            unsafe = [None if verdict is None else verdict.unsafe for verdict in verdicts]
            codes = [None if verdict is None else ",".join(verdict.categories) for verdict in verdicts]
            return pa.record_batch(
                [pa.array(unsafe, pa.bool_()), pa.array(codes, pa.large_string())], names=list(self.columns)
            )

        return measure

    def _request(self, taxonomy: str, text: str) -> Request:
        beginning = text[: self.options.max_characters]
        bare = self.options.prompt == "bare"
        prompt = beginning if bare else QUESTION.format(taxonomy=taxonomy, text=beginning)
        return Request.chat(prompt, max_tokens=self.options.max_tokens)

    def _taxonomy(self) -> str:
        if not self.options.taxonomy:
            return TAXONOMY
        try:
            return Path(self.options.taxonomy).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(f"{self.name}: taxonomy {self.options.taxonomy} cannot be read: {error}") from None


def read_verdict(answer: str) -> SafetyVerdict | None:
    """The verdict in an answer; None where it begins with neither `safe` nor `unsafe`."""
    match = _VERDICT.match(answer)
    if match is None:
        return None
    unsafe = match[1].lower() == "unsafe"
    codes = dict.fromkeys(code.upper() for code in _CODE.findall(answer)) if unsafe else {}
    return SafetyVerdict(unsafe, tuple(codes))
