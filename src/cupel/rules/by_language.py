"""Thresholds that depend on the language of the document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field

from cupel.contract import Condition, Method, Paper, Rule, Rules
from cupel.contract.rules import Threshold, written
from cupel.errors import BadOption
from cupel.rules._file import read_rule_set
from cupel.rules._language_table import LanguageTable, read_table

__all__ = ["ByLanguage", "language_rules"]

LANGUAGE = "language"


@cache
def language_rules() -> Mapping[str, Rule]:
    """The rules that a table may set, by name: those of `language`, `gopher-quality`, `gopher-repetition` and `fineweb`.

    >>> language_rules()["min_stop_words"].signal
    'language_stop_word_count'
    """
    rules: dict[str, Rule] = {}
    for name in ("language", "gopher-quality", "gopher-repetition", "fineweb"):
        for rule in read_rule_set(Path(__file__).with_name(f"{name}.yaml")).rules:
            if rule.name == "min_stop_words":
                rule = replace(rule, signal="language_stop_word_count")
            elif rule.name in rules:
                rule = replace(rule, name=rule.name.replace("duplicate_line", "duplicate_nonblank_line"))
            if isinstance(rule.threshold, int | float):
                rules[rule.name] = rule
    return rules


@dataclass(frozen=True)
class ListedLanguage(Condition):
    """The document's language has a row in the table."""

    languages: tuple[str, ...]
    name: str = "listed_language"
    why: str = "The table has no thresholds for other languages."
    source: str = "the table"

    def __str__(self) -> str:
        return f"language in {written(self.languages)}"

    @property
    def threshold(self) -> Threshold:  # type: ignore[override]
        return self.languages

    @property
    def signals(self) -> tuple[str, ...]:
        return (LANGUAGE,)

    def fails(self, documents: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        listed = pc.is_in(documents.column(LANGUAGE), value_set=pa.array(self.languages, pa.large_string()))
        fails: npt.NDArray[np.bool_] = pc.invert(listed).to_numpy(zero_copy_only=False)
        return fails

    def values(self, documents: pa.RecordBatch) -> list[Any]:
        values: list[Any] = documents.column(LANGUAGE).to_pylist()
        return values


@dataclass(frozen=True)
class LanguageRule(Condition):
    """A rule whose threshold is that of the document's language.

    Attributes
    ----------
    rule
        The rule whose signal and test it has.
    thresholds
        By language; None where the rule is off.
    others
        The threshold of all languages that `thresholds` does not list, and of documents without one.

    Examples
    --------
    >>> longest = language_rules()["max_mean_word_length"]
    >>> rule = LanguageRule(longest, {"de": 14.0, "ja": None}, 10.0)
    >>> columns = {"language": ["de", "en", "ja", None], "mean_word_length": [12.0, 12.0, 99.0, 12.0]}
    >>> documents = pa.record_batch(columns)
    >>> rule.fails(documents).tolist()
    [False, True, False, True]
    >>> rule.limits(documents)[:2]
    ['mean_word_length ≤ 14 (de)', 'mean_word_length ≤ 10 (en)']
    """

    rule: Rule
    thresholds: Mapping[str, float | None]
    others: float | None

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.rule.name

    @property
    def why(self) -> str:  # type: ignore[override]
        return self.rule.why

    @property
    def source(self) -> str:  # type: ignore[override]
        return "the table, by language"

    def __str__(self) -> str:
        values = sorted({value for value in (*self.thresholds.values(), self.others) if value is not None})
        bounds = values if len(values) < 2 else (values[0], values[-1])
        sign = str(self.rule).split()[1]
        return f"{self.rule.signal} {sign} {' to '.join(map(written, bounds))}, by language"

    @property
    def threshold(self) -> Threshold:  # type: ignore[override]
        return str(self)

    @property
    def signals(self) -> tuple[str, ...]:
        return (LANGUAGE, self.rule.signal)

    def _of(self, language: str | None) -> float | None:
        return self.others if language is None else self.thresholds.get(language, self.others)

    def fails(self, documents: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        languages = documents.column(LANGUAGE).dictionary_encode()
        column = documents.column(self.rule.signal)
        places = languages.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        fails = np.zeros(documents.num_rows, np.bool_)
        for place, language in [*enumerate(languages.dictionary.to_pylist()), (-1, None)]:
            rows = np.flatnonzero(places == place)
            threshold = self._of(language)
            if threshold is not None and len(rows):
                fails[rows] = replace(self.rule, threshold=threshold).failed(column.take(pa.array(rows)))
        return fails

    def values(self, documents: pa.RecordBatch) -> list[Any]:
        return self.rule.values(documents)

    def limits(self, documents: pa.RecordBatch) -> list[str]:
        return [
            f"{replace(self.rule, threshold=self._of(language))} ({language or 'no language'})"
            for language in documents.column(LANGUAGE).to_pylist()
        ]


def _table(value: Any) -> Any:
    return read_table(value, language_rules())


class ByLanguage(Rules):
    """Thresholds by language.

    English thresholds drop clean text of other languages: words of German are longer, those of Chinese are one or two
    characters, none has English stop words. This method applies to each document the thresholds of its own language, as
    `language-id` gives it, from a table: a file, a table of this package by name (`multilingual`), or the table itself.

    ```yaml
    steps:
      - by-language:
          table:
            all: {min_confidence: 0.65, min_stop_words: 2, max_mean_word_length: 10}
            languages:
              en: {}
              de: {max_mean_word_length: 14}
              ja: {min_stop_words: 1, max_mean_word_length: null}
            others: drop
    ```

    A row has the thresholds of `all`, unless it sets others; null switches a rule off. `others` is a row for languages
    without one, or `drop`, the default: then they are dropped by the rule `listed_language`, and so is text in no
    language.
    The rules that a table may name are those of `language` (`min_confidence`), `gopher-quality`, `gopher-repetition`
    and `fineweb`, under their names there, with two differences: `min_stop_words` counts the stop words of the
    document's language (`language-stop-words`), and FineWeb's duplicate lines are
    `max_duplicate_nonblank_line_character_fraction`. A rule that no row names is off.

    The ledger's limit says which language's threshold a document did not meet: `mean_word_length ≤ 14 (de)`. The recipe
    that a run writes holds the whole table, so it replays without the file.

    FineWeb2 works like this: documents are divided by language, and each language has a file of thresholds, derived
    from the distribution of each signal on its Wikipedia and on web text.

    **Words.** Signals cut Chinese, Japanese, Thai, Lao, Khmer and Burmese into characters, since there is no dictionary:
    the mean word length is near 1, there are several times as many words as a reader would count, and an n-gram is a
    few characters. Thresholds for these languages must be chosen for characters; FineWeb2's, which go with a tokenizer
    for each language, do not fit.
    """

    name = "by-language"
    shorthand = "table"
    papers = (
        Paper(
            "FineWeb2: One Pipeline to Scale Them All -- Adapting Pre-Training Data Processing to Every Language",
            "Penedo et al.",
            2025,
            "https://arxiv.org/abs/2506.20920",
            section="4.3, and the configurations published with it",
        ),
        Paper(
            "IndicLLMSuite: A Blueprint for Creating Pre-training and Fine-Tuning Datasets for Indian Languages",
            "Khan et al.",
            2024,
            "https://arxiv.org/abs/2403.06350",
            section="3.1",
        ),
    )
    cost = "under 1 % of a refining pass: the signals are measured already"
    limits = (
        "As good as the label: text in a language that the identifier does not know gets the thresholds of the nearest "
        "one, unless `min_confidence` stops it. Text in two languages is judged by one of them."
    )

    class Options(Method.Options):
        """The table of thresholds."""

        table: Annotated[
            LanguageTable, BeforeValidator(_table, json_schema_input_type=str | dict[str, Any])
        ] = Field(
            description="Thresholds by language: a YAML file, the name of a built-in table (`multilingual`), or the "
            "table itself."
        )

    options: Options

    def __init__(self, options: Options | None = None) -> None:
        if options is None:
            raise BadOption("by-language: needs a table of thresholds, such as `table: multilingual`")
        self.options = options
        table = options.table
        rules: list[Condition] = []
        if table.others == "drop":
            if not table.languages:
                raise BadOption(
                    "by-language: the table lists no languages, so every document would be dropped"
                )
            rules.append(ListedLanguage(tuple(table.languages)))
        for name, rule in language_rules().items():
            thresholds, others = table.thresholds(name)
            if any(value is not None for value in (*thresholds.values(), others)):
                rules.append(LanguageRule(rule, thresholds, others))
        if not rules:
            raise BadOption("by-language: every rule of the table is off, so this step would do nothing")
        self.rules = tuple(rules)
