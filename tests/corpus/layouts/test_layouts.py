"""Every layout: a row in and out again is the same JSON, and what cannot be read says why."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupel.corpus.layouts import (
    all_layouts,
    convert,
    find_layout,
    fitting_layouts,
    layout_of_row,
    read_row,
    write_row,
)
from cupel.corpus.layouts.turns import turns_of
from cupel.corpus.parts import PARTS, Part, parts_of, text_of
from cupel.corpus.records import BadRow
from cupel.errors import BadInput, LossyConversion, UnknownName

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    ["", "Café", "東京", "a\r\nb", "\n\nHuman: x", "\n\nAssistant:", " \n\n", "<image>"]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
OTHERS = st.dictionaries(
    st.sampled_from(["id", "source", "tools", "score", "x", "metadata"]), VALUES, max_size=4
)
ITEMS = st.lists(
    st.one_of(
        TEXTS,
        TEXTS.map(lambda text: {"type": "text", "text": text}),
        st.builds(lambda text, value: {"cache": value, "text": text, "type": "input_text"}, TEXTS, VALUES),
        st.just({"type": "image_url", "image_url": {"url": "https://host.example/a.png", "detail": "low"}}),
        st.just({"type": "image"}),
        st.just({"type": "tool_result", "content": [{"type": "text", "text": "5"}]}),
    ),
    max_size=3,
)
CALLS = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]


@st.composite
def _shuffled(draw: st.DrawFn, fields: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    items = list(draw(fields).items())
    return dict(draw(st.permutations(items)))


def _turns(
    role: str, content: str, roles: list[str], contents: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    fields = st.fixed_dictionaries({role: st.sampled_from(roles) | TEXTS.filter(bool), content: contents})
    more = st.dictionaries(st.sampled_from(["name", "weight", "loss", "item", "turn"]), VALUES, max_size=2)
    plain = st.builds(lambda turn, others: turn | others, fields, more)
    calling = st.builds(
        lambda content, order: dict(order({role: roles[0], "tool_calls": CALLS} | content).items()),
        st.sampled_from([{}, {content: None}, {content: []}]),
        st.sampled_from([dict, lambda turn: dict(reversed(turn.items()))]),
    )
    return st.lists(_shuffled(plain) | plain | fields | calling, min_size=1, max_size=5)


MESSAGES = _turns("role", "content", ["user", "assistant", "system", "tool", "human"], TEXTS | ITEMS)
SHAREGPT = _turns("from", "value", ["human", "gpt", "user", "chatgpt", "system"], TEXTS)
MARKER = st.sampled_from(["\n\nHuman: ", "\n\nAssistant: ", "\n\nHuman:", "\n\nAssistant:"])
TRANSCRIPTS = st.lists(st.tuples(MARKER, TEXTS), min_size=1, max_size=4).map(
    lambda turns: "".join(marker + text for marker, text in turns)
)


def _rows(
    required: dict[str, Any], optional: dict[str, Any] | None = None
) -> st.SearchStrategy[dict[str, Any]]:
    own = st.fixed_dictionaries(required, optional=optional or {})
    return _shuffled(st.builds(lambda own, others: others | own, own, OTHERS))


def _either(
    strategy: st.SearchStrategy[Any], other: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    both = st.one_of(
        *(st.fixed_dictionaries({"chosen": each, "rejected": each}) for each in (strategy, other))
    )
    prompts = st.sampled_from([None, "text"]).flatmap(
        lambda kind: (
            st.just({}) if kind is None else st.fixed_dictionaries({"prompt": TEXTS | MESSAGES | TRANSCRIPTS})
        )
    )
    return _shuffled(st.builds(lambda pair, prompt, others: others | pair | prompt, both, prompts, OTHERS))


ADDRESSES = st.sampled_from(["https://host.example/a.png", "b/東京.jpg", ""])
PLACES = st.lists(
    st.tuples(st.none(), TEXTS | st.none())
    | st.tuples(ADDRESSES | ADDRESSES.map(lambda address: {"alt": "A", "path": address}), st.none()),
    min_size=1,
    max_size=5,
)
PAGES = _shuffled(
    st.builds(
        lambda places, others: (
            others | {"images": [image for image, _ in places], "texts": [text for _, text in places]}
        ),
        PLACES,
        OTHERS,
    )
)
IMAGE_INFOS = st.lists(
    st.fixed_dictionaries(
        {"raw_url": ADDRESSES.filter(bool)},
        optional={"matched_text_index": st.integers(-1, 4) | st.none(), "matched_sim": st.floats(0, 1)},
    ),
    max_size=4,
)

ROWS = {
    "messages": _rows({"messages": MESSAGES}),
    "sharegpt": _rows({"conversations": SHAREGPT | MESSAGES}, {"system": TEXTS | st.none()}),
    "alpaca": _rows({"instruction": TEXTS, "output": TEXTS}, {"input": TEXTS | st.none(), "system": VALUES}),
    "dolly": _rows(
        {"instruction": TEXTS, "response": TEXTS}, {"context": TEXTS | st.none(), "system": TEXTS}
    ),
    "prompt-completion": _rows({"prompt": TEXTS | MESSAGES, "completion": TEXTS | MESSAGES}),
    "prompt-response": _rows({"prompt": TEXTS | MESSAGES, "response": TEXTS | MESSAGES}),
    "hh-rlhf": _rows({"chosen": TRANSCRIPTS, "rejected": TRANSCRIPTS}),
    "chosen-rejected": _either(TEXTS, MESSAGES),
    "obelics": PAGES,
    "user-assistant": _rows(
        {
            "texts": st.lists(
                _shuffled(
                    st.fixed_dictionaries({"user": TEXTS, "assistant": TEXTS}, optional={"source": VALUES})
                ),
                min_size=1,
                max_size=3,
            )
        }
    ),
    "mmc4": _rows({"text_list": st.lists(TEXTS, min_size=1, max_size=3), "image_info": IMAGE_INFOS}),
}


def test_every_layout_is_generated() -> None:
    assert set(ROWS) == set(all_layouts()) - {"image-text"}  # which has media, and those are in tables


def _as_stored(parts: list[Part]) -> list[Part]:
    """The parts after a stay in an Arrow column."""
    stored = parts_of(pa.array([parts], PARTS).to_pylist()[0])
    assert stored is not None
    return stored


@pytest.mark.parametrize("name", ROWS)
@given(data=st.data())
def test_a_row_comes_out_as_it_went_in(name: str, data: st.DataObject) -> None:
    row = data.draw(ROWS[name])
    before = json.dumps(row)
    parts, others = read_row(row, find_layout(name))
    again = write_row(_as_stored(parts), others)
    assert json.dumps(again) == before  # to the order of the keys
    assert json.dumps(row) == before


@pytest.mark.parametrize("name", ROWS)
@given(data=st.data())
def test_a_conversion_that_succeeds_loses_nothing(name: str, data: st.DataObject) -> None:
    row = data.draw(ROWS[name])
    to = data.draw(st.sampled_from(sorted(all_layouts())))
    try:
        other = convert(row, to, layout=name)
    except LossyConversion:
        return
    before, others = read_row(row, find_layout(name))
    after, others_after = read_row(other, find_layout(to))
    assert _said(before) == _said(after)
    assert others == {
        name: others_after[name] for name in others
    }  # a page's images may bring a field `metadata`


def _said(parts: list[Part]) -> dict[str, list[Any]]:
    """What each branch says, by whom, and with which fields; an empty text that continues a turn says nothing.

    Turns that differ in the spelling of their mark alone are common to both branches once they are converted.
    """
    return {
        branch: [
            (
                turn.role,
                dict(turn.fields),
                [
                    (part.kind, part.text, part.media)
                    for part in turn.parts
                    if part.text != "" or not part.details.get("continues")
                ],
            )
            for turn in turns_of(parts[1:])
            if turn.branch in (None, branch)
        ]
        for branch in ("chosen", "rejected")
    }


NAMES = sorted({name for layout in all_layouts().values() for name in (*layout.required, *layout.optional)})
ODD_TURNS = st.lists(
    st.dictionaries(st.sampled_from(["role", "content", "from", "value", "type", "text"]), VALUES | ITEMS),
    max_size=3,
)


@given(row=st.dictionaries(st.sampled_from(NAMES), VALUES | ODD_TURNS | TRANSCRIPTS))
def test_any_row_is_put_aside_or_comes_out_as_it_went_in(row: dict[str, Any]) -> None:
    for layout in fitting_layouts(row):
        try:
            parts, others = read_row(row, layout)
        except BadRow:
            continue
        assert json.dumps(write_row(_as_stored(parts), others)) == json.dumps(row)
        text_of(parts)


def test_layouts_are_found_by_fields_and_shape() -> None:
    turns = [{"role": "user", "content": "東京?"}]
    rows = {
        "messages": {"messages": turns},
        "sharegpt": {"conversations": [{"from": "human", "value": "A"}]},
        "alpaca": {"instruction": "A", "input": "", "output": "B"},
        "dolly": {"instruction": "A", "context": "", "response": "B"},
        "prompt-completion": {"prompt": "A", "completion": "B"},
        "prompt-response": {"prompt": "A", "response": "B"},
        "hh-rlhf": {"chosen": "\n\nHuman: A", "rejected": "\n\nHuman: B"},
        "obelics": {"texts": ["A", None], "images": [None, "a.png"]},
        "mmc4": {"text_list": ["A"], "image_info": []},
        "user-assistant": {"texts": [{"user": "A", "assistant": "B"}], "images": []},
        "chosen-rejected": {"chosen": turns, "rejected": turns},
    }
    for name, row in rows.items():
        layout = layout_of_row(row, fitting_layouts(row))
        assert layout is not None
        assert layout.name == name
    assert layout_of_row({"question": "A", "answer": "B"}, fitting_layouts(["question", "answer"])) is None


def test_two_layouts_in_one_row_are_not_guessed() -> None:
    row = {"messages": [], "chosen": "A", "rejected": "B"}
    with pytest.raises(BadRow, match="fit several layouts: chosen-rejected, messages") as error:
        layout_of_row(row, fitting_layouts(row))
    assert error.value.reason == "several-layouts"


@pytest.mark.parametrize(
    ("row", "reason", "detail"),
    [
        ({"messages": "A"}, "not-a-turn", "'messages' is str, not a list of turns"),
        ({"messages": None}, "not-a-turn", "'messages' is null, not a list of turns"),
        ({"messages": []}, "no-turns", "'messages' is an empty list"),
        ({"messages": ["A"]}, "not-a-turn", "'messages[0]' is str, not an object"),
        ({"messages": [{"content": "A"}]}, "no-role", "'messages[0]' has no 'role'; it has content"),
        ({"messages": [{"role": 1, "content": "A"}]}, "no-role", "no text as 'role'"),
        ({"messages": [{"role": "user", "content": 5}]}, "not-text", "is int, neither text nor a list"),
        (
            {"messages": [{"role": "user", "content": {"a": 1}}]},
            "not-text",
            "is dict, neither text nor a list",
        ),
        (
            {"messages": [{"role": "user", "content": None}]},
            "not-a-turn",
            "has no 'content' and nothing else",
        ),
        ({"messages": [{"role": "user", "content": [5]}]}, "not-text", "content[0] is int"),
        ({"messages": [{"role": "user", "content": [{"text": "A"}]}]}, "not-a-turn", "no text as 'type'"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "not-text",
            "text is null, not text",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}
                ]
            },
            "inline-media",
            "holds the medium itself",
        ),
        ({"conversations": [{"value": "A"}]}, "no-role", "has no 'from'"),
        ({"texts": ["A"], "images": []}, "not-interleaved", "'texts' has 1 places and 'images' 0"),
        ({"texts": ["A"], "images": ["a.png"]}, "not-interleaved", "place 0 has both a text and an image"),
        ({"texts": [], "images": []}, "no-parts", "are empty lists"),
        ({"texts": [None], "images": ["data:,x"]}, "inline-media", "'images[0]' holds the image itself"),
        ({"texts": [None], "images": [{"alt": "A"}]}, "not-interleaved", "neither 'url' nor 'path'"),
        ({"texts": [{"user": "A", "assistant": None}]}, "not-text", "'texts[0].assistant' is null"),
        ({"text_list": "A", "image_info": []}, "not-interleaved", "'text_list' is no list of texts"),
        ({"text_list": ["A"], "image_info": [5]}, "not-interleaved", "'image_info' is no list of objects"),
        (
            {"text_list": ["A"], "image_info": [{}]},
            "not-interleaved",
            "'image_info[0]' has neither 'raw_url'",
        ),
        ({"instruction": "A", "output": None}, "not-text", "'output' is null, not text"),
        ({"instruction": "A", "input": 5, "output": "B"}, "not-text", "'input' is int, not text"),
        (
            {"prompt": None, "completion": "A"},
            "not-text",
            "'prompt' is null, neither text nor a list of turns",
        ),
        ({"chosen": "A", "rejected": None}, "not-text", "'chosen' and 'rejected' are"),
        (
            {"chosen": "A", "rejected": [{"role": "user", "content": "A"}]},
            "not-text",
            "not two texts or two lists",
        ),
    ],
)
def test_what_is_broken_says_why(row: dict[str, Any], reason: str, detail: str) -> None:
    layout = layout_of_row(row, fitting_layouts(row))
    assert layout is not None
    with pytest.raises(BadRow) as error:
        read_row(row, layout)
    assert error.value.reason == reason
    assert detail in error.value.detail


def test_values_nested_too_deep_are_put_aside() -> None:
    deep: Any = "A"
    for _ in range(300):
        deep = [deep]
    with pytest.raises(BadRow) as error:
        read_row({"messages": [{"role": "user", "content": "A", "x": deep}]}, find_layout("messages"))
    assert error.value.reason == "too-nested"


def test_what_both_branches_begin_with_stands_once() -> None:
    row = {"chosen": "\n\nHuman: A\n\nAssistant: B", "rejected": "\n\nHuman: A\n\nAssistant: C"}
    parts, _ = read_row(row, find_layout("hh-rlhf"))
    said = [(turn.role, turn.branch, turn.parts[0].text) for turn in turns_of(parts[1:])]
    assert said == [("user", None, "A"), ("assistant", "chosen", "B"), ("assistant", "rejected", "C")]
    assert text_of(parts) == "A\n\nB\n\nC"


def test_images_of_a_page_stand_before_the_text_they_match() -> None:
    infos = [
        {"image_name": "1.png", "matched_text_index": 1},
        {"image_name": "2.png", "matched_text_index": 0},
        {"image_name": "3.png", "matched_text_index": 1},
        {"image_name": "4.png", "matched_text_index": None},
    ]
    parts, _ = read_row({"text_list": ["A", "B"], "image_info": infos}, find_layout("mmc4"))
    said = [part.text or (part.media and part.media.uri) for part in parts[1:]]
    assert said == ["2.png", "A", "1.png", "3.png", "B", "4.png"]
    del parts[2]  # an edit took the first text away
    row = write_row(parts, {})
    assert row["text_list"] == ["B"]
    assert [info["matched_text_index"] for info in row["image_info"]] == [0, 0, 0, None]


def test_tool_calls_stay_with_their_turn() -> None:
    row = {"messages": [{"role": "assistant", "content": None, "tool_calls": CALLS}]}
    parts, _ = read_row(row, find_layout("messages"))
    assert parts[1].kind == "tool_call"
    assert parts[1].details["turn"]["tool_calls"] == CALLS


@pytest.mark.parametrize(
    ("row", "to", "converted"),
    [
        (
            {"instruction": "A", "input": "B", "output": "C", "id": 7},
            "messages",
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}],
                    },
                    {"role": "assistant", "content": "C"},
                ],
                "id": 7,
            },
        ),
        (
            {
                "conversations": [{"from": "human", "value": "A"}, {"from": "gpt", "value": "B"}],
                "system": "S",
            },
            "alpaca",
            {"instruction": "A", "input": "", "output": "B", "system": "S"},
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "A"},
                    {"role": "assistant", "content": "B", "name": "Z"},
                ]
            },
            "prompt-completion",
            {
                "prompt": [{"role": "user", "content": "A"}],
                "completion": [{"role": "assistant", "content": "B", "name": "Z"}],
            },
        ),
        (
            {"chosen": "\n\nHuman: A\n\nAssistant: B", "rejected": "\n\nHuman: A\n\nAssistant: C"},
            "chosen-rejected",
            {
                "chosen": [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}],
                "rejected": [{"role": "user", "content": "A"}, {"role": "assistant", "content": "C"}],
            },
        ),
        (
            {"texts": [None, "A", None], "images": ["x/a.png", None, "b.png"], "n": 1},
            "mmc4",
            {
                "text_list": ["A"],
                "image_info": [
                    {"image_name": "a.png", "raw_url": "x/a.png", "matched_text_index": 0},
                    {"image_name": "b.png", "raw_url": "b.png"},
                ],
                "n": 1,
            },
        ),
        (
            {
                "text_list": ["A", "B"],
                "image_info": [{"raw_url": "b.png", "matched_text_index": 1, "sim": 0.5}],
            },
            "obelics",
            {
                "images": [None, "b.png", None],
                "texts": ["A", None, "B"],
                "metadata": '[null,{"raw_url":"b.png","matched_text_index":1,"sim":0.5},null]',
            },
        ),
        (
            {"messages": [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}]},
            "user-assistant",
            {"texts": [{"user": "A", "assistant": "B"}]},
        ),
        ({"prompt": "A", "response": "B"}, "dolly", {"instruction": "A", "context": "", "response": "B"}),
    ],
)
def test_conversions(row: dict[str, Any], to: str, converted: dict[str, Any]) -> None:
    assert convert(row, to) == converted


@pytest.mark.parametrize(
    ("row", "to", "loss"),
    [
        ({"chosen": "\n\nHuman: A", "rejected": "\n\nHuman: B"}, "messages", "two answers to choose from"),
        ({"prompt": "A", "completion": "B"}, "hh-rlhf", "no pair of answers"),
        ({"messages": [{"role": "user", "content": "A"}]}, "alpaca", "more or less than one exchange"),
        ({"messages": [{"role": "user", "content": "A"}]}, "prompt-completion", "no answer of the assistant"),
        (
            {
                "messages": [
                    {"role": "user", "content": "A"},
                    {"role": "assistant", "content": "B", "name": "Z"},
                ]
            },
            "alpaca",
            "the field 'name' of a turn",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image"}]},
                    {"role": "assistant", "content": "B"},
                ]
            },
            "sharegpt",
            "a part of kind 'image'",
        ),
        (
            {"prompt": "A", "completion": "B", "messages_": 1, "output": "C"},
            "alpaca",
            "another field of the name",
        ),
    ],
)
def test_what_a_layout_cannot_hold_is_named(row: dict[str, Any], to: str, loss: str) -> None:
    with pytest.raises(LossyConversion, match=f"the layout '{to}' cannot hold a row that has .*{loss}"):
        convert(row, to)


def test_errors_of_conversions() -> None:
    with pytest.raises(UnknownName, match="did you mean 'messages'"):
        convert({"prompt": "A", "completion": "B"}, "message")
    with pytest.raises(BadInput, match="fields question, answer is in no layout"):
        convert({"question": "A", "answer": "B"}, "messages")
    with pytest.raises(BadInput, match="cannot be converted: 'messages' is an empty list"):
        convert({"messages": []}, "sharegpt")
    with pytest.raises(BadInput, match="must be of kind 'layout'"):
        write_row([Part("text", "user", "A")], {})
