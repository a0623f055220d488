"""Endpoints: a real server on this machine that fails as a script says."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from cupel.errors import BadInput, RunFailed
from cupel.models.endpoint import Endpoint, Patience
from cupel.models.load import load_model
from cupel.models.model import Answer, Message, Request
from tests.models.server import Fault, Server

HELLO = Request.chat("hello 東京", system="Be brief.")
ANSWER = Answer("HELLO 東京!", "", 2, 2)


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture
def endpoint(server: Server, pauses: list[float]) -> Endpoint:
    return Endpoint(f"openai:{server.base}#m", server.base, "m", Patience(tries=4), pauses.append)


def test_a_chat_is_answered(server: Server) -> None:
    model = load_model(f"openai:{server.base}#org/m", "generate")
    assert model.generate([HELLO]) == [ANSWER]
    (body,) = server.bodies
    assert body == {
        "model": "org/m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hello 東京"},
        ],
        "max_tokens": 256,
        "temperature": 0.0,
    }
    assert server.keys == [None]


def test_a_text_is_continued_and_a_seed_sent_where_something_is_drawn(
    server: Server, endpoint: Endpoint
) -> None:
    request = Request(text="go on", max_tokens=7, temperature=0.5, seed=3)
    assert endpoint.generate([request])[0].text == "GO ON!"
    assert server.bodies == [
        {"model": "m", "prompt": "go on", "max_tokens": 7, "temperature": 0.5, "seed": 3}
    ]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429),
        Fault(status=500),
        Fault(status=503, body=b"<html>busy</html>"),
        Fault(cut=True),
        Fault(body=b'{"choices": ['),
        Fault(body=b"{}"),
        Fault(body=b'{"choices": [{"message": {"content": 7}}]}'),
        Fault(body=b"[" * 100_000),
        Fault(body=b"\xff\xfe"),
    ],
)
def test_a_fault_that_passes_is_tried_again(
    server: Server, endpoint: Endpoint, pauses: list[float], fault: Fault
) -> None:
    server.faults = [fault, fault]
    (answer,) = endpoint.generate([HELLO])
    assert (answer.text, answer.refused) == (ANSWER.text, "")
    assert len(server.bodies) == 3
    assert 0.5 <= pauses[0] <= 1 <= pauses[1] <= 2


def test_the_pause_that_the_server_asks_for_is_kept(
    server: Server, endpoint: Endpoint, pauses: list[float]
) -> None:
    asked = ["7", "0.25", formatdate(time.time() - 100, usegmt=True)]
    server.faults = [Fault(status=429, headers={"Retry-After": value}) for value in asked]
    assert endpoint.generate([HELLO]) == [ANSWER]
    assert pauses == [7, 0.25, 0]
    pauses.clear()
    later = [formatdate(time.time() + 3000, usegmt=True), "1e9", "soon"]
    server.faults = [Fault(status=503, headers={"Retry-After": value}) for value in later]
    assert endpoint.generate([HELLO]) == [ANSWER]
    assert pauses[:2] == [600, 600]
    assert pauses[2] <= 4


def test_jitter_is_the_same_for_the_same_request(
    server: Server, endpoint: Endpoint, pauses: list[float]
) -> None:
    for request in (HELLO, HELLO, Request.chat("other")):
        server.faults = [Fault(status=500)] * 3
        endpoint.generate([request])
    assert pauses[:3] == pauses[3:6]
    assert pauses[:3] != pauses[6:]


def test_a_slow_answer_is_given_up_and_asked_for_anew(server: Server, pauses: list[float]) -> None:
    # On a slow computer more than the first answer may be late.
    endpoint = Endpoint("slow", server.base, "m", Patience(tries=1000, seconds=0.3), pauses.append)
    server.faults = [Fault(hold=True)]
    assert endpoint.generate([HELLO]) == [ANSWER]
    assert len(server.bodies) >= 2
    patient = Endpoint("slow", server.base, "m", Patience(tries=2, seconds=0.05), pauses.append)
    server.faults = [Fault(hold=True)] * 2
    with pytest.raises(RunFailed, match=r"no answer in 2 tries: nothing came for 0\.05 seconds"):
        patient.generate([HELLO])


def test_an_answer_that_stays_malformed_is_refused_and_counted(server: Server, endpoint: Endpoint) -> None:
    server.faults = [Fault(body=b"not json")] * 4
    (answer,) = endpoint.generate([Request.chat("x" * 40)])
    assert answer == Answer(None, "the server's answer was malformed in 4 tries", 40, 0, estimated=True)
    server.faults = [Fault(body=b"not json")]
    (answer,) = endpoint.generate([HELLO])
    assert (answer.text, answer.estimated) == (ANSWER.text, True)
    assert answer.tokens_in > ANSWER.tokens_in


def test_a_server_that_does_not_recover_stops_the_run(server: Server, endpoint: Endpoint) -> None:
    server.faults = [Fault(status=500)] * 4
    with pytest.raises(
        RunFailed, match="no answer in 4 tries: the server answers 500: scripted; start the same"
    ):
        endpoint.generate([HELLO])
    nobody = Endpoint("none", "http://127.0.0.1:9/v1", "m", Patience(tries=2), lambda seconds: None)
    with pytest.raises(RunFailed, match="no answer in 2 tries: its address cannot be connected to"):
        nobody.generate([HELLO])


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "set OPENAI_API_KEY to a key for it: scripted"),
        (403, "set OPENAI_API_KEY"),
        (
            404,
            r"check the address \(http.*/v1, often ending in /v1\) and the name of the model \('m'\): scripted",
        ),
        (301, "a redirect, which is not followed"),
    ],
)
def test_what_no_repeat_will_change_stops_at_once(
    server: Server, endpoint: Endpoint, status: int, message: str
) -> None:
    server.faults = [Fault(status=status, headers={"Location": "http://127.0.0.1:9/"})]
    with pytest.raises(BadInput, match=f"the server answers {status}.*{message}"):
        endpoint.generate([HELLO])
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("fault", "refused"),
    [
        (Fault(status=400), "the server answers 400: scripted"),
        (Fault(status=413, body=b""), "the server answers 413: without a message"),
        (
            Fault(body=b'{"choices": [{"message": {"content": null}, "finish_reason": "tool_calls"}]}'),
            "the model gave no text: finish_reason tool_calls",
        ),
        (
            Fault(body=b'{"choices": [{"message": {"content": null, "refusal": "I cannot."}}]}'),
            "the model gave no text: I cannot.",
        ),
        (
            Fault(body=b'{"choices": [{"message": {"content": "a"}, "finish_reason": "content_filter"}]}'),
            "the model gave no text: finish_reason content_filter",
        ),
    ],
)
def test_a_single_bad_request_is_refused(
    server: Server, endpoint: Endpoint, fault: Fault, refused: str
) -> None:
    server.faults = [fault]
    first, second = endpoint.generate([HELLO, HELLO])
    assert (first.text, first.refused) == (None, refused)
    assert second == ANSWER


def test_the_key_is_sent_and_never_shown(
    server: Server, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", " sk-s3cret\n")
    body = b'{"error": {"message": "wrong key: sk-s3cret"}}'
    server.faults = [Fault(status=401, body=body)]
    with pytest.raises(BadInput, match="check the key in OPENAI_API_KEY: wrong key: …") as raised:
        endpoint.generate([HELLO])
    assert server.keys == ["Bearer sk-s3cret"]
    assert "s3cret" not in str(raised.value) + repr(endpoint.__dict__)
    monkeypatch.setenv("OPENAI_API_KEY", "schlüssel")
    with pytest.raises(BadInput, match="expected a key of printable ASCII characters"):
        endpoint.generate([HELLO])


def test_tokens_are_estimated_where_the_server_does_not_count(server: Server, endpoint: Endpoint) -> None:
    server.counts = False
    (answer,) = endpoint.generate([Request((Message("user", "Café" * 4),))])
    assert (answer.tokens_in, answer.tokens_out, answer.estimated) == (5, 6, True)  # 20 and 21 bytes
    server.faults = [
        Fault(body=b'{"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": -1}}')
    ]
    assert endpoint.generate([HELLO])[0].estimated


def test_half_a_surrogate_pair_does_not_reach_a_file(server: Server, endpoint: Endpoint) -> None:
    server.faults = [Fault(body=b'{"choices": [{"message": {"content": "a\\ud83d"}}]}')]
    text = endpoint.generate([HELLO])[0].text or ""
    assert text.startswith("a\ufffd")
    text.encode()


def test_the_digest_is_of_address_and_name(server: Server) -> None:
    digests = {Endpoint("x", base, name).digest for base in ("http://a/v1", "http://b/v1") for name in "mn"}
    assert len(digests) == 4
    assert Endpoint("y", "http://a/v1/", "m").digest in digests
