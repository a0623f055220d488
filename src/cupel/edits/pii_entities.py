"""Personal data by named entities, with Microsoft Presidio."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
from pydantic import Field, field_validator

from cupel.contract import Column, Edit, Edited, Method, Paper, Resources, Revise
from cupel.errors import BadOption, MissingExtra, UnknownName

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

__all__ = ["PiiEntities"]

NEED_A_MODEL = ("PERSON", "LOCATION", "ORGANIZATION", "NRP")
"""Entities that only a model of named entities recognizes."""
PATTERNS = ("CREDIT_CARD", "CRYPTO", "EMAIL_ADDRESS", "IBAN_CODE", "IP_ADDRESS", "PHONE_NUMBER", "US_SSN")
MAX_CHARACTERS = 50_000
"""Of a text that Presidio reads at once; spaCy refuses texts of a million."""


class PiiEntities(Edit):
    """Personal data masked by named entities: names of people and places, card and account numbers.

    What `pii` cannot find by its form alone, names above all, needs a model of named entities. This edit runs Microsoft
    Presidio: its recognizers by pattern and checksum (card numbers, IBANs, social security numbers, telephone numbers),
    and, where `model` names one, a spaCy model for people, places, organizations and groups. Each entity is replaced by its
    kind, such as `<PERSON>`. Dolma masks by patterns only; StarCoder trained a model of its own for names in code.

    | entities | need |
    | --- | --- |
    | `CREDIT_CARD`, `CRYPTO`, `EMAIL_ADDRESS`, `IBAN_CODE`, `IP_ADDRESS`, `PHONE_NUMBER`, `US_SSN` (the default) | nothing |
    | `PERSON`, `LOCATION` (the default, too, if there is a model), `ORGANIZATION`, `NRP` (groups) | a model |
    | all others that Presidio recognizes in `language`, such as `MEDICAL_LICENSE`, `UK_NHS`, `URL` | nothing |

    A spaCy model is a Python package (`en_core_web_sm`, which `python -m spacy download en_core_web_sm` installs) or a
    folder; none is downloaded here. Texts are read in pieces of at most 50,000 characters, cut at white space, and each by
    itself, so a document's result depends on no other. Of entities that overlap, Presidio keeps the one that contains
    the other or scores higher.

    The extra `pii` installs Presidio.

    Examples
    --------
    >>> PiiEntities.from_options({"entities": ["PERSON"]})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
      ...
    cupel.errors.BadOption: pii-entities: PERSON needs a model of named entities: name one with 'model', ...
    """

    name = "pii-entities"
    papers = (
        Paper(
            "Dolma: an Open Corpus of Three Trillion Tokens for Language Model Pretraining Research",
            "Soldaini et al.",
            2024,
            "https://arxiv.org/abs/2402.00159",
            section="5.3",
        ),
        Paper(
            "Presidio: Data Protection and De-identification SDK",
            "Microsoft",
            2018,
            "https://microsoft.github.io/presidio/",
        ),
    )
    cost = "Presidio's: some 100 kB of text per second and core with a small model. Put it last, after all rules."
    limits = (
        "Small models miss names and take other words for them, more so outside of news and English. Names of authors and "
        "public figures go with all others. Presidio's expressions can be slow on hostile text, and give up after a minute."
    )
    files = ("model",)
    columns: ClassVar[Mapping[str, Column]] = {
        "pii_entity_count": Column(pa.int64(), "entities", "entities masked"),
        "pii_entity_kinds": Column(pa.large_string(), "kinds", "their kinds, each once, sorted, with commas"),
    }

    class Options(Method.Options):
        """Which entities, how they are recognized, and what replaces them."""

        entities: tuple[str, ...] = Field(
            (),
            description="Presidio's names of entities; by default those of personal data that have a form of their own, and "
            "with a model `PERSON` and `LOCATION`",
        )
        language: str = Field("en", pattern=r"^[a-z]{2}$", description="the language of the texts, ISO 639-1")
        model: str | None = Field(
            None, description="a spaCy model with named entities: an installed package or a folder"
        )
        min_score: float = Field(
            0.4, ge=0, le=1, description="least score of an entity; Presidio's for a name by a model is 0.85"
        )
        replacement: str = Field(
            "<{entity}>", description="replaces an entity; `{entity}` stands for its kind: `[{entity}]`"
        )

        @field_validator("entities", mode="before")
        @classmethod
        def _one_or_many(cls, value: object) -> object:
            return (value,) if isinstance(value, str) else value

    options: Options

    def __init__(self, options: Method.Options | None = None) -> None:
        super().__init__(options)
        needing = [entity for entity in self.options.entities if entity in NEED_A_MODEL]
        if needing and self.options.model is None:
            raise BadOption(
                f"{self.name}: {', '.join(needing)} {'needs' if len(needing) == 1 else 'need'} a model of named entities: "
                "name one with 'model', such as en_core_web_sm, or leave these entities out"
            )

    @property
    def entities(self) -> tuple[str, ...]:
        """The entities to mask."""
        if self.options.entities:
            return self.options.entities
        return (*PATTERNS, "PERSON", "LOCATION") if self.options.model else PATTERNS

    def prepare(self, resources: Resources) -> Revise:
        """A function that masks; Presidio and the model are loaded here.

        Raises
        ------
        MissingExtra
            Presidio is not installed.
        BadOption
            The model is not installed, or has no named entities.
        UnknownName
            An entity that is recognized in no text of this language.
        """
        try:
            from presidio_anonymizer import AnonymizerEngine
            from presidio_anonymizer.entities import OperatorConfig
        except ImportError:
            raise MissingExtra(self.name, "pii") from None
        model = self.options.model or ""
        analyzer = _analyzer(model, self.options.language, self.file_digests.get(model, ""))
        known = analyzer.get_supported_entities(self.options.language)
        for entity in self.entities:
            if entity not in known:
                raise UnknownName(
                    "entity", entity, known, where=f"{self.name}, language '{self.options.language}'"
                )
        anonymizer = AnonymizerEngine()
        operators = {}
        for entity in self.entities:
            new = self.options.replacement.replace("{entity}", entity)
            # Presidio takes an empty replacement for none.
            operators[entity] = (
                OperatorConfig("replace", {"new_value": new}) if new else OperatorConfig("redact")
            )

        def mask(text: str) -> tuple[str, list[str]]:
            new, kinds = [], []
            for piece in pieces(text, MAX_CHARACTERS):
                results = analyzer.analyze(
                    piece,
                    language=self.options.language,
                    entities=list(self.entities),
                    score_threshold=self.options.min_score,
                )
                spans: list[Any] = [*results]  # of the analyzer's class, which the anonymizer takes
                masked = anonymizer.anonymize(piece, spans, operators) if spans else None
                new.append(masked.text if masked else piece)
                kinds += [item.entity_type for item in masked.items] if masked else []
            return "".join(new), kinds

        def edit(documents: pa.RecordBatch) -> Edited:
            texts, counts, kinds = [], [], []
            for text in documents.column("text").to_pylist():
                new, entities = mask(text) if text else (text, [])
                texts.append(new)
                counts.append(len(entities))
                kinds.append(", ".join(sorted(set(entities))) or None)
            return Edited(
                pa.array(texts, pa.large_string()),
                {
                    "pii_entity_count": pa.array(counts, pa.int64()),
                    "pii_entity_kinds": pa.array(kinds, pa.large_string()),
                },
            )

        return edit


def pieces(text: str, max_characters: int) -> Iterator[str]:
    r"""A text in pieces, cut after the last white space that fits, or anywhere in a longer word.

    >>> list(pieces("Café Müller\nin 東京", 8)), "".join(pieces("a b", 2))
    (['Café ', 'Müller\n', 'in 東京'], 'a b')
    """
    start = 0
    while len(text) - start > max_characters:
        window = text[start : start + max_characters]
        cut = len(window)
        while cut and not window[cut - 1].isspace():
            cut -= 1
        yield window[: cut or max_characters]
        start += cut or max_characters
    yield text[start:]


@cache
def _analyzer(model: str, language: str, digest: str) -> AnalyzerEngine:
    """Presidio with a spaCy model, or none; loaded once per process, with nothing read from the network."""
    try:
        import spacy
        import tldextract
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ImportError:
        raise MissingExtra("pii-entities", "pii") from None
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    # Domains of e-mail addresses are looked up in the list that the package brings, not in today's.
    offline: Any = tldextract.tldextract
    offline.TLD_EXTRACTOR = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())

    class Loaded(SpacyNlpEngine):
        """spaCy as it is; Presidio's own engine downloads what is missing."""

        def __init__(self, pipeline: spacy.Language) -> None:
            super().__init__()
            self.nlp: Any = {language: pipeline}

    registry = RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language])
    return AnalyzerEngine(
        registry=registry, nlp_engine=Loaded(_pipeline(model, language)), supported_languages=[language]
    )


def _pipeline(model: str, language: str) -> Any:
    """The spaCy model; words alone where none is named."""
    import spacy

    if not model:
        try:
            return spacy.blank(language)
        except ImportError:
            raise BadOption(
                f"pii-entities: option 'language' is '{language}', which spaCy does not know"
            ) from None
    if not (spacy.util.is_package(model) or Path(model).is_dir()):
        raise BadOption(
            f"pii-entities: option 'model' is '{model}', which is neither an installed package nor a folder; "
            f"`python -m spacy download {model}` installs spaCy's own models"
        )
    pipeline = spacy.load(model)
    if "ner" not in pipeline.pipe_names:
        raise BadOption(
            f"pii-entities: the model '{model}' has no named entities; it has {', '.join(pipeline.pipe_names)}"
        )
    if pipeline.lang != language:
        raise BadOption(
            f"pii-entities: the model '{model}' reads '{pipeline.lang}', and 'language' is '{language}'"
        )
    return pipeline
