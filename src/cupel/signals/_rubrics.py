"""Rubrics: what is rated, by which criteria, and how an answer is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cupel.contract import Column
from cupel.errors import BadInput, UnknownName

__all__ = ["Criterion", "Rubric", "built_in_rubrics", "is_plain", "load_rubric", "read_score"]

_NUMBER = r"(-?\d+(?:\.\d+)?)(?:\s*/\s*\d+)?"
_SCORE = re.compile(rf"score[^\w-]{{0,6}}{_NUMBER}", re.IGNORECASE)
_NAME = r"^[a-z][a-z0-9_]*$"

Value = float | str


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Criterion(_Part):
    """One thing that is rated: on a scale, or by a label.

    `question` says what a high value means; `comparison` asks which of two texts has more of it, for judgments of pairs.

    Examples
    --------
    >>> Criterion(name="topic_focus", question="Does it keep to its topic?", lowest=1, highest=5).scale
    '1 to 5'
    """

    name: str = Field(pattern=_NAME)
    question: str = Field(min_length=1)
    comparison: str = ""
    lowest: float = 0
    highest: float = 5
    labels: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _is_scale(self) -> Any:
        if not self.lowest < self.highest:
            raise ValueError(
                f"the scale of '{self.name}' goes from {self.lowest:g} to {self.highest:g}: expected lowest below highest"
            )
        if self.labels and len({_plain(label) for label in self.labels}) < max(len(self.labels), 2):
            raise ValueError(f"the labels of '{self.name}': expected two or more, all different")
        return self

    @property
    def scale(self) -> str:
        """What an answer may be, in words."""
        return "one of " + ", ".join(self.labels) if self.labels else f"{self.lowest:g} to {self.highest:g}"

    @property
    def compared(self) -> str:
        """The question which of two texts has more of it.

        >>> Criterion(name="topic_focus", question="It keeps to its topic.").compared
        'Which text has more topic focus? That is: It keeps to its topic.'
        """
        return (
            self.comparison or f"Which text has more {self.name.replace('_', ' ')}? That is: {self.question}"
        )

    @property
    def column(self) -> Column:
        """The column that holds it: points, or a label."""
        if self.labels:
            return Column(
                pa.large_string(), "label", self.question, f"values of {self.name.replace('_', ' ')}"
            )
        return Column(pa.float64(), "points", f"{self.scale}: {self.question}")

    def read(self, answer: str) -> Value | None:
        """What an answer says of this criterion: its last line of the form `name: value`; None where there is none.

        A number outside of the scale and a label that is none of the criterion's are none, too.
        """
        spelled = re.escape(self.name).replace("_", r"[\s_-]*")
        begins = rf"^[^\w\n]*(?:\d+[^\w\n]*)?{spelled}[*_`\"'\s]*[:=][ \t*_`\"']*"
        if not self.labels:
            numbers = re.findall(begins + _NUMBER, answer, re.IGNORECASE | re.MULTILINE)
            return _on_scale(numbers, self.lowest, self.highest)
        texts = re.findall(begins + r"(.*)$", answer, re.IGNORECASE | re.MULTILINE)
        said = _plain(re.sub(r"^\[\w\]", "", texts[-1].strip())) if texts else ""
        return next((label for label in self.labels if _plain(label) == said), None)


class Rubric(_Part):
    """What a judge is asked: a prompt, and one or more criteria.

    A rubric is a YAML file with these fields:

    ```yaml
    name: recipes
    prompt: Rate the text as a cooking recipe.
    criteria:
      - {name: clarity, question: "Could a beginner follow it?", lowest: 1, highest: 5}
      - {name: cuisine, question: "Where it comes from.", labels: [Café, 和食, Other]}
    ```

    Examples
    --------
    >>> rubric = load_rubric("qurating")
    >>> rubric.read("writing style: 7\\n**Required expertise**: 12\\nfacts_and_trivia = 3/10")
    {'writing_style': 7.0, 'required_expertise': None, 'facts_and_trivia': 3.0, 'educational_value': None}
    >>> print(rubric.question("Café in 東京").splitlines()[-1])
    educational_value: N
    """

    name: str = Field(min_length=1)
    prompt: str = Field(min_length=1)
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    title: str = ""
    paper: Mapping[str, Any] = {}

    @model_validator(mode="after")
    def _are_different(self) -> Any:
        names = [criterion.name for criterion in self.criteria]
        if again := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two criteria are called '{again}'")
        return self

    @property
    def is_single(self) -> bool:
        """Whether it asks for one number: the answer then gives a reason and a score."""
        return len(self.criteria) == 1 and not self.criteria[0].labels

    def question(self, text: str) -> str:
        """The whole question to a model about a text.

        The form of the answer stands after the text, where a text that asks for a good score does not come last.
        """
        if self.is_single:
            return (
                f"{self.prompt}\nThe text:\n\n{text}\n\n"
                'Say in at most 60 words why, and end with a line of this form: "Score: N".'
            )
        listed = "\n".join(f"- {each.name} ({each.scale}): {each.question}" for each in self.criteria)
        form = "\n".join(f"{each.name}: {'LABEL' if each.labels else 'N'}" for each in self.criteria)
        return (
            f"{self.prompt}\nThe criteria:\n{listed}\n\nThe text:\n\n{text}\n\n"
            f"Answer with one line for each criterion, in this form, and with nothing else:\n{form}"
        )

    def read(self, answer: str) -> dict[str, Value | None]:
        """What an answer says of each criterion; None where it says nothing that can be used."""
        values = {criterion.name: criterion.read(answer) for criterion in self.criteria}
        if self.is_single:
            only = self.criteria[0]
            score = read_score(answer, only.lowest, only.highest)
            values[only.name] = score if score is not None else values[only.name]
        return values

    @cached_property
    def points(self) -> tuple[Criterion, ...]:
        """The criteria on a scale."""
        return tuple(criterion for criterion in self.criteria if not criterion.labels)


def read_score(text: str, lowest: float, highest: float) -> float | None:
    """The last score that an answer names; None without one, or where it is outside of the scale.

    >>> read_score("It explains osmosis well.\\n\\n**Score: 4**", 0, 5)
    4.0
    """
    return _on_scale(_SCORE.findall(text), lowest, highest)


def is_plain(rubric: str) -> bool:
    """Whether a rubric is a text file without criteria of its own: it asks for one score.

    >>> is_plain("rubric.txt"), is_plain("dataman"), is_plain("own.yaml")
    (True, False, False)
    """
    return rubric not in built_in_rubrics() and Path(rubric).suffix not in (".yaml", ".yml")


@cache
def built_in_rubrics() -> Mapping[str, str]:
    """The rubrics that come with Cupel, as text, by name."""
    folder = files("cupel.signals") / "rubrics"
    return {
        entry.name.removesuffix(".yaml"): entry.read_text("utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".yaml")
    }


def load_rubric(rubric: str, where: str = "", lowest: float = 0, highest: float = 5) -> Rubric:
    """The rubric of this name, or in this file.

    Parameters
    ----------
    rubric
        A built-in rubric, a YAML file, or a text file that says what is to be rated.
    where
        What names the rubric, for messages.
    lowest, highest
        The scale of a text file.

    Raises
    ------
    UnknownName
        No rubric has this name, and there is no such file.
    BadInput
        The file cannot be read, or is no rubric.

    Examples
    --------
    >>> len(load_rubric("dataman").criteria), load_rubric("educational-value").is_single
    (15, True)
    """
    place = f"{where}{': ' if where else ''}"
    built_in = built_in_rubrics()
    if rubric in built_in:
        return _parse(built_in[rubric], f"{place}rubric '{rubric}'")
    if not Path(rubric).suffix and not Path(rubric).exists():
        raise UnknownName("rubric", rubric, built_in, where=where)
    try:
        text = Path(rubric).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{place}rubric {rubric} cannot be read: {error}") from None
    if not is_plain(rubric):
        return _parse(text, f"{place}rubric {rubric}")
    if not text.strip():
        raise BadInput(f"{place}rubric {rubric} is empty; expected what is to be rated, and how")
    scale = Criterion(
        name="score", question=f"what {Path(rubric).name} asks for", lowest=lowest, highest=highest
    )
    return Rubric(name=Path(rubric).stem, prompt=text, criteria=(scale,))


def _parse(text: str, place: str) -> Rubric:
    try:
        return Rubric.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise BadInput(f"{place} is not YAML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise BadInput(
            f"{place}: {field}: {first['msg'].lower()}; expected name, prompt and criteria, each with name, question "
            "and lowest and highest, or labels"
        ) from None


def _on_scale(numbers: list[str], lowest: float, highest: float) -> float | None:
    number = float(numbers[-1]) if numbers else None
    return number if number is not None and lowest <= number <= highest else None


def _plain(label: str) -> str:
    return re.sub(r"[\W_]+", " ", label).strip().casefold()
