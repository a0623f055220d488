"""Model requests of a run: one asker per model, one budget for all, and the usage of each unit of work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cupel.contract import Asks
from cupel.models.answers import Asker, answers_key
from cupel.models.budget import Budget, Meter, Usage
from cupel.models.load import load_model
from cupel.models.model import Answer, Request
from cupel.models.reference import parse_reference
from cupel.store import Store

__all__ = ["Asking", "asks_remotely", "stop_asking", "used"]

_ALONE = threading.Lock()
_askers: dict[tuple[Path, str, str], Asker] = {}
_meters: dict[Path, Meter] = {}
_usage: ContextVar[list[Usage] | None] = ContextVar("usage", default=None)


@dataclass(frozen=True)
class Asking:
    """How models are asked in a run.

    Attributes
    ----------
    budget
        Spending limit of one call on models; cached answers cost nothing.
    in_flight
        Concurrent requests. By default 16 for a server, and one per core for a local model.
    """

    budget: Budget = field(default_factory=Budget)
    in_flight: int | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Asking:
        return cls(Budget(**record["budget"]), record["in_flight"])

    def asker(
        self, run: Path, cache: Path
    ) -> Callable[[str, str], Callable[[Sequence[Request]], list[Answer]]]:
        """What gives for the reference of a model, and where it computes, the function that asks it.

        Parameters
        ----------
        run
            The run's folder.
        cache
            Of the Store that keeps the answers.
        """

        def ask_of(reference: str, device: str) -> Callable[[Sequence[Request]], list[Answer]]:
            def ask(requests: Sequence[Request]) -> list[Answer]:
                asker = self._asker(run, cache, reference, device)
                answers = asker.ask(requests)
                used_here = _usage.get()
                if used_here is not None:
                    used_here.append(asker.usage(answers))
                return answers

            return ask

        return ask_of

    def _asker(self, run: Path, cache: Path, reference: str, device: str) -> Asker:
        with _ALONE:
            if (run, reference, device) not in _askers:
                model = load_model(reference, "generate", device=device)
                folder = Store.of(cache).place(answers_key(model, device))
                meter = _meters.setdefault(run, Meter(self.budget))
                _askers[run, reference, device] = Asker(model, folder, meter, self.in_flight)
            return _askers[run, reference, device]


def stop_asking(run: Path) -> None:
    """Stop sending requests for a run in this process; requests in flight are finished and kept."""
    with _ALONE:
        own = [_askers.pop(key) for key in list(_askers) if key[0] == run]
        _meters.pop(run, None)
    for asker in own:
        asker.close()


def asks_remotely(method: Asks) -> bool:
    """Whether a method asks a server. One process does that for the whole run, so limits hold across the run."""
    return parse_reference(method.options.model).scheme == "openai"


@contextmanager
def used() -> Iterator[list[Usage]]:
    """Collect the usage of this thread within the context."""
    usages: list[Usage] = []
    token = _usage.set(usages)
    try:
        yield usages
    finally:
        _usage.reset(token)
