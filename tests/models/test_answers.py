"""Asking: from the cache, in order, at most so many at once, within a budget, and on after a kill."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cupel.errors import BadOption, BudgetSpent, Damaged, RunFailed
from cupel.models.answer_cache import AnswerCache, request_key
from cupel.models.answers import Asker, answers_key
from cupel.models.budget import Budget, Meter, Usage, max_tokens_in
from cupel.models.endpoint import Endpoint, Patience
from cupel.models.model import Answer, Model, Request
from cupel.store import Store
from tests.models.server import Fault, Server, shout


def requests(count: int, start: int = 0) -> list[Request]:
    return [Request.chat(f"number {place}") for place in range(start, start + count)]


@pytest.fixture
def endpoint(server: Server) -> Endpoint:
    return Endpoint("server", server.base, "m", Patience(tries=3), lambda seconds: None)


def test_answers_come_in_order_and_are_asked_once(server: Server, endpoint: Endpoint, tmp_path: Path) -> None:
    asked = [*requests(20), requests(1)[0]]
    with Asker(endpoint, tmp_path) as asker:
        answers = asker.ask(asked)
        assert [answer.text for answer in answers] == [
            shout(request.messages[0].content) for request in asked
        ]
        assert [answer.cached for answer in answers] == [False] * 20 + [True]
        assert asker.usage(answers) == Usage(requests=21, cached=1, tokens_in=40, tokens_out=40)
        assert asker.ask([]) == []
    assert len(server.bodies) == 20
    with Asker(endpoint, tmp_path) as asker:
        again = asker.ask([*requests(1, 20), *asked])
        assert [answer.cached for answer in again] == [False] + [True] * 21
        assert [answer.text for answer in again[1:]] == [answer.text for answer in answers]
    assert len(server.bodies) == 21


def test_another_model_or_request_has_another_answer(server: Server, tmp_path: Path) -> None:
    for name in ("m", "n"):
        with Asker(Endpoint(name, server.base, name), tmp_path) as asker:
            asker.ask(
                [
                    Request.chat("a"),
                    Request.chat("a", seed=1),
                    Request.chat("a", max_tokens=9),
                    Request(text="a"),
                ]
            )
    assert len(server.bodies) == 8


def test_no_more_than_in_flight_are_asked_at_once(server: Server, endpoint: Endpoint, tmp_path: Path) -> None:
    server.gate = threading.Event()
    with Asker(endpoint, tmp_path, in_flight=3) as asker, ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(asker.ask, requests(6, 6 * number)) for number in range(4)]
        while len(server.bodies) < 3:
            pass
        server.gate.set()
        texts = [answer.text for call in calls for answer in call.result()]
    assert texts == [shout(f"number {place}") for place in range(24)]
    assert server.most_at_once == 3


def test_threads_that_ask_the_same_pay_once(server: Server, endpoint: Endpoint, tmp_path: Path) -> None:
    server.gate = threading.Event()
    with Asker(endpoint, tmp_path) as asker, ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(asker.ask, requests(2)) for _ in range(4)]
        while len(server.bodies) < 2:
            pass
        server.gate.set()
        usage = sum((asker.usage(call.result()) for call in calls), Usage())
    assert len(server.bodies) == 2
    assert (usage.requests, usage.cached, usage.tokens_in) == (8, 6, 4)


def test_a_refused_answer_is_given_back_and_not_kept(
    server: Server, endpoint: Endpoint, tmp_path: Path
) -> None:
    server.faults = [Fault(status=400)]
    with Asker(endpoint, tmp_path, in_flight=1) as asker:
        first, second = asker.ask(requests(2))
        assert (first.text, first.refused) == (None, "the server answers 400: scripted")
        assert second.text == "NUMBER 1!"
        assert asker.usage([first, second]).refused == 1
        assert [answer.text for answer in asker.ask(requests(2))] == ["NUMBER 0!", "NUMBER 1!"]
    assert len(server.bodies) == 3


def test_a_server_that_fails_stops_all_and_what_was_answered_is_kept(
    server: Server, endpoint: Endpoint, tmp_path: Path
) -> None:
    server.faults = [None, None, *[Fault(status=500)] * 3]
    with Asker(endpoint, tmp_path, in_flight=1) as asker:
        with pytest.raises(RunFailed, match="no answer in 3 tries"):
            asker.ask(requests(50))
        assert len(server.bodies) == 5
        with pytest.raises(RunFailed, match="no answer in 3 tries"):
            asker.ask(requests(1, 70))
    assert len(server.bodies) == 5
    with Asker(endpoint, tmp_path) as asker:
        assert [answer.cached for answer in asker.ask(requests(4))] == [True, True, False, False]


# -- budget ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_flight", [1, 4])
def test_a_budget_is_not_exceeded_and_a_larger_one_resumes(
    server: Server, endpoint: Endpoint, tmp_path: Path, in_flight: int
) -> None:
    asked = [Request.chat(f"number {place:02}", max_tokens=10) for place in range(100)]
    each = max_tokens_in(asked[0]) + 10
    budget = Budget(max_tokens=each + 4 * 20)
    with Asker(endpoint, tmp_path, budget, in_flight) as asker, pytest.raises(BudgetSpent) as raised:
        asker.ask(asked)
    assert f"of {budget.max_tokens:,} tokens are spent and the next request can take" in str(raised.value)
    done = len(server.bodies)
    assert done == 21  # each took 4 tokens; the next could take more than is left
    assert 4 * done <= budget.max_tokens
    with Asker(endpoint, tmp_path, Budget(max_tokens=10_000)) as asker:
        answers = asker.ask(asked)
    assert sum(answer.cached for answer in answers) == done
    assert len(server.bodies) == 100


def test_money_is_counted_by_the_prices(server: Server, endpoint: Endpoint, tmp_path: Path) -> None:
    budget = Budget(max_money=1.0, price_in=1e6 / 4, price_out=1e6 / 2)  # 1.5 for 2 tokens in and 2 out
    with Asker(endpoint, tmp_path / "a", budget) as asker, pytest.raises(BudgetSpent, match="of 1 is spent"):
        asker.ask(requests(1))
    assert not server.bodies
    priced = Budget(max_money=1e9, price_in=1e6 / 4, price_out=1e6 / 2)
    with Asker(endpoint, tmp_path / "b", priced) as asker:
        assert asker.usage(asker.ask(requests(2))).money == pytest.approx(3.0)
        assert asker.usage(asker.ask(requests(2))).money == 0


@pytest.mark.parametrize(
    "options", [{"max_tokens": -1}, {"max_money": float("nan"), "price_in": 1}, {"max_money": 3}]
)
def test_a_budget_that_cannot_be_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(BadOption, match="budget: max_"):
        Budget(**options)  # type: ignore[arg-type]


def test_a_reservation_waits_for_others_to_settle() -> None:
    request = Request(text="abcd", max_tokens=10)
    each = max_tokens_in(request) + 10
    meter = Meter(Budget(max_tokens=each + 5))
    first = meter.reserve(request)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(meter.reserve, request)
        meter.settle(first, 2, 3)
        assert second.result() == first
        meter.settle(first, 1, 0)
        with pytest.raises(BudgetSpent, match="6 of"):
            meter.reserve(request)


# -- the cache on disk -----------------------------------------------------------------------------------


KILLED = """
import os, signal, sys
from pathlib import Path
from cupel.models.answers import Asker
from cupel.models.model import Answer, Model, Request

class Dying(Model):
    reference, digest, abilities = "dying", "1e10", ("generate",)
    def generate(self, requests):
        if requests[0].text == "7":
            os.kill(os.getpid(), signal.SIGKILL)
        return [Answer(f"answer {requests[0].text}", tokens_in=1, tokens_out=1)]

Asker(Dying(), Path(sys.argv[1]), in_flight=1).ask([Request(text=str(place)) for place in range(20)])
"""


class Counting(Model):
    """Says what it is asked."""

    reference, digest, abilities = "dying", "1e10", ("generate",)

    def __init__(self) -> None:
        self.texts: list[str] = []

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        self.texts += [request.text for request in requests]
        return [Answer(f"answer {request.text}", tokens_in=1, tokens_out=1) for request in requests]


def test_a_kill_loses_no_answer(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    model = Counting()
    with Asker(model, tmp_path, in_flight=1) as asker:
        answers = asker.ask([Request(text=str(place)) for place in range(20)])
    assert [answer.text for answer in answers] == [f"answer {place}" for place in range(20)]
    assert model.texts == [str(place) for place in range(7, 20)]


@pytest.mark.parametrize("lost", [1, 100, 4096])
def test_a_log_that_was_cut_short_loses_its_last_answers_only(tmp_path: Path, lost: int) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    log = tmp_path / "answers.sqlite-wal"
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - lost)
    keys = [request_key("1e10", Request(text=str(place))) for place in range(20)]
    cache = AnswerCache(tmp_path)
    answers = cache.get(keys)
    cache.close()
    assert [answers[key].text for key in keys[:6]] == [f"answer {place}" for place in range(6)]
    assert len(answers) == 6


WRITING = """
import sys
from pathlib import Path
from cupel.models.answer_cache import AnswerCache
from cupel.models.model import Answer
cache = AnswerCache(Path(sys.argv[1]))
for number in range(300):
    cache.put(f"{number}", Answer(f"of {sys.argv[2]}", tokens_in=1))
    cache.put(f"{sys.argv[2]}-{number}", Answer("own"))
cache.close()
"""


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", WRITING, str(tmp_path), name]) for name in "ab"]
    assert [process.wait() for process in processes] == [0, 0]
    cache = AnswerCache(tmp_path)
    shared = cache.get([f"{number}" for number in range(300)])
    own = cache.get([f"{name}-{number}" for name in "ab" for number in range(300)])
    assert {answer.text for answer in shared.values()} <= {"of a", "of b"}
    assert (len(shared), len(own)) == (300, 600)
    first = shared["0"].text
    assert cache.put("0", Answer("late", tokens_in=5)) == Answer(first, tokens_in=5)
    assert cache.get(["0"])["0"].text == first
    cache.close()


def test_a_damaged_answer_is_asked_for_again(tmp_path: Path) -> None:
    model = Counting()
    with Asker(model, tmp_path) as asker:
        asker.ask([Request(text="a"), Request(text="b")])
    key = request_key("1e10", Request(text="a"))
    with sqlite3.connect(tmp_path / "answers.sqlite") as connection:
        connection.execute(
            "UPDATE answers SET answer = replace(answer, 'answer a', 'answer b') WHERE key = ?", (key,)
        )
    connection.close()
    for expected in (False, True):
        with Asker(model, tmp_path) as asker:
            answers = asker.ask([Request(text="a"), Request(text="b")])
        assert [answer.text for answer in answers] == ["answer a", "answer b"]
        assert [answer.cached for answer in answers] == [expected, True]


def test_a_file_that_is_no_cache_is_said(tmp_path: Path) -> None:
    (tmp_path / "answers.sqlite").write_bytes(b"something else" * 1000)
    with pytest.raises(
        Damaged, match=r"answers\.sqlite: is damaged: .*; move it away; its answers are then asked"
    ):
        AnswerCache(tmp_path)
    (tmp_path / "answers.sqlite").unlink()
    cache = AnswerCache(tmp_path)
    cache._connection.execute("PRAGMA user_version = 9")
    cache.close()
    with pytest.raises(Damaged, match="has format 9; expected 1"):
        AnswerCache(tmp_path)


def test_answers_lie_in_the_store(tmp_path: Path) -> None:
    store, model = Store(tmp_path), Counting()
    with Asker(model, store.place(answers_key(model))) as asker:
        asker.ask([Request(text="a")])
    (artifact,) = store.artifacts()
    assert (artifact.kind, artifact.in_use) == ("answers", True)
    assert artifact.key is not None
    assert artifact.key["inputs"] == {"model": "1e10"}


def test_a_model_that_generates_nothing_is_refused(tmp_path: Path) -> None:
    class Labeling(Counting):
        abilities = ("classify",)

        generate = Model.generate

    with pytest.raises(
        BadOption, match="it can be asked for classify, not for generate; models that can: a folder"
    ):
        Asker(Labeling(), tmp_path)
    with pytest.raises(BadOption, match="in_flight 0"):
        Asker(Counting(), tmp_path, in_flight=0)


@pytest.mark.slow
def test_a_real_model_behind_a_server(server: Server, smollm2: Path, tmp_path: Path) -> None:
    from cupel.models.load import load_model

    local = load_model(f"gguf:{smollm2}", "generate")
    server.reply = lambda prompt: local.generate([Request.chat(prompt, max_tokens=24)])[0].text or ""
    asked = [
        Request.chat(f"What is the capital of {name}?", max_tokens=24)
        for name in ("France", "Japan", "Germany")
    ]
    with Asker(load_model(f"openai:{server.base}#smollm2", "generate"), tmp_path / "a") as asker:
        served = [answer.text for answer in asker.ask(asked)]
    with Asker(local, tmp_path / "b") as asker:
        assert [answer.text for answer in asker.ask(asked)] == served
    for text, city in zip(served, ("Paris", "Tokyo", "Berlin"), strict=True):
        assert city in (text or "")
