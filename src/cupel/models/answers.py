"""Questions to a model, many at once: answered from the cache where they were before, within a budget."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from cupel.errors import BadOption, Stopped
from cupel.models.answer_cache import AnswerCache, request_key
from cupel.models.budget import Budget, Meter, Usage
from cupel.models.model import Answer, Model, Request
from cupel.store import Key

__all__ = ["Asker", "answers_key"]

IN_FLIGHT = 16


def answers_key(model: Model, device: str = "cpu") -> Key:
    """The key of a model's answers in a Store; `Store.place` gives the folder for an `Asker`.

    However the model is named, its answers are the same; computed elsewhere than on the CPU, they may not be.
    """
    where = {} if device == "cpu" or model.remote else {"device": device}
    return Key("answers", inputs={"model": model.digest} | where)


class Asker:
    """Asks a model that generates. One per process and run; threads share it.

    Parameters
    ----------
    model
        One with the ability `generate`.
    cache
        The folder of its answers; made where it is missing. None: nothing is kept.
    budget
        What all requests may cost; cached answers cost nothing. Askers that share a `Meter` share its budget.
    in_flight
        Requests that are asked at once. By default 16 of a server, and one for each core of a local model.

    Raises
    ------
    BadOption
        The model generates nothing, or `in_flight` is below 1.
    Damaged
        The cache is damaged.

    Examples
    --------
    >>> import tempfile
    >>> class Shouting(Model):
    ...     reference, digest, abilities = "shouting", "1e10", ("generate",)
    ...     def generate(self, requests):
    ...         return [Answer(request.text.upper(), tokens_in=1, tokens_out=1) for request in requests]
    >>> with Asker(Shouting(), Path(tempfile.mkdtemp())) as asker:
    ...     first = asker.ask([Request(text="café"), Request(text="東京"), Request(text="café")])
    ...     again = asker.ask([Request(text="café")])
    >>> [answer.text for answer in first], again[0].cached
    (['CAFÉ', '東京', 'CAFÉ'], True)
    >>> asker.usage(first + again)
    Usage(requests=4, cached=2, refused=0, estimated=0, tokens_in=2, tokens_out=2, money=0.0)
    """

    def __init__(
        self,
        model: Model,
        cache: Path | None,
        budget: Budget | Meter | None = None,
        in_flight: int | None = None,
    ) -> None:
        if "generate" not in model.abilities:
            model.generate([])  # says what it can do
        if in_flight is None:
            in_flight = IN_FLIGHT if model.remote else os.cpu_count() or 1
        if in_flight < 1:
            raise BadOption(f"in_flight {in_flight}: expected 1 or more")
        self.model = model
        self._cache = AnswerCache(cache) if cache is not None else None
        self._meter = budget if isinstance(budget, Meter) else Meter(budget or Budget())
        self._workers = ThreadPoolExecutor(in_flight, thread_name_prefix="cupel-ask")
        self._lock = threading.Lock()
        self._asked: dict[str, Future[Answer]] = {}
        self._failure: BaseException | None = None

    def ask(self, requests: Sequence[Request]) -> list[Answer]:
        """The answer to each request, in order.

        Equal requests are asked once. Refused ones are not kept, so that a later run asks them again.

        Raises
        ------
        BudgetSpent
            The next request could exceed the budget. Those in flight are finished and kept.
        BadInput, RunFailed
            What the model raises: no key, no server, no finite numbers. After that, nothing more is asked.
        """
        keys = [request_key(self.model.digest, request) for request in requests]
        answers = self._cache.get(list(dict.fromkeys(keys))) if self._cache is not None else {}
        waiting: dict[str, Future[Answer]] = {}
        own: set[str] = set()
        try:
            for key, request in zip(keys, requests, strict=True):
                if key not in answers and key not in waiting:
                    waiting[key], is_own = self._submit(key, request)
                    own |= {key} if is_own else set()
            for key, future in waiting.items():
                answer = future.result()
                # Another thread asked, and pays.
                answers[key] = answer if key in own else replace(answer, cached=True)
        except Exception as error:
            running = [waiting[key] for key in own if not waiting[key].cancel()]
            wait(running)
            if isinstance(error, CancelledError) and self._failure is not None:
                raise self._failure from None
            raise
        ordered = []
        for key in keys:
            ordered.append(answers[key])
            answers[key] = replace(answers[key], cached=True)
        return ordered

    def usage(self, answers: Sequence[Answer]) -> Usage:
        """What answers took, at the budget's prices."""
        return Usage.of(answers, self._meter.budget)

    def close(self) -> None:
        """Finish what is in flight and close the cache; whoever still waits for an answer is told that it was stopped."""
        with self._lock:
            self._failure = self._failure or Stopped("stopped; the same command resumes")
        self._workers.shutdown(cancel_futures=True)
        if self._cache is not None:
            self._cache.close()

    def __enter__(self) -> Asker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(self, key: str, request: Request) -> tuple[Future[Answer], bool]:
        """The future of a request, and whether it is asked for the first time; another thread may be waiting for it."""
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if key in self._asked:
                return self._asked[key], False
            future = self._workers.submit(self._carry_out, key, request)
            self._asked[key] = future
        future.add_done_callback(lambda _: self._forget(key))
        return future, True

    def _carry_out(self, key: str, request: Request) -> Answer:
        if self._failure is not None:
            raise self._failure
        try:
            reserved = self._meter.reserve(request)
            spent = (0, 0)
            try:
                (answer,) = self.model.generate([request])
                spent = (answer.tokens_in, answer.tokens_out)
            finally:
                self._meter.settle(reserved, *spent)
            return (
                self._cache.put(key, answer)
                if self._cache is not None and answer.text is not None
                else answer
            )
        except BaseException as error:
            self._failure = self._failure or error
            raise

    def _forget(self, key: str) -> None:
        with self._lock:
            self._asked.pop(key, None)
