"""A server that speaks OpenAI's protocol (`/chat/completions`, `/completions`): vLLM, llama.cpp, Ollama, OpenAI itself."""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from cupel.connections import connections_to
from cupel.errors import BadInput, RunFailed
from cupel.models.model import Answer, Model, Request

__all__ = ["Endpoint", "Patience"]

KEY_VARIABLE = "OPENAI_API_KEY"
_PASSING = frozenset((408, 409, 425, 429, 500, 502, 503, 504, 529))
"""Statuses of a server that may answer a little later."""
_MAX_BYTES = 64 << 20
_CONNECTIONS = 256
BYTES_PER_TOKEN = 4
"""For estimates, where a server does not count."""


@dataclass(frozen=True)
class Patience:
    """How long an answer is waited for, and how often it is asked for anew.

    Attributes
    ----------
    tries
        At most, of one request.
    seconds
        To connect, and between two pieces of an answer.
    first_pause, max_pause
        Seconds before the second try, doubled before each further one, and at most. What is waited is between half
        of it and all, drawn at random, so that clients do not come back all at once.
    max_asked_pause
        Seconds waited at most where the server asks for a pause (Retry-After).
    """

    tries: int = 8
    seconds: float = 600.0
    first_pause: float = 1.0
    max_pause: float = 60.0
    max_asked_pause: float = 600.0


class Endpoint(Model):
    """A model behind a server. Its digest is that of the address and the name: what the server runs cannot be seen.

    The key is read from `OPENAI_API_KEY`, sent to this server only, and stands in no message or file. Redirects are
    not followed.

    Parameters
    ----------
    reference
        As it was written, for messages.
    base
        The address up to `/v1`.
    name
        The model's name at the server.
    patience
        Time limits and repeats.
    pause
        How a number of seconds is waited.
    """

    abilities = ("generate",)
    remote = True

    def __init__(
        self,
        reference: str,
        base: str,
        name: str,
        patience: Patience = Patience(),
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self.reference = reference
        self.base = base.rstrip("/")
        self.name = name
        self.digest = hashlib.sha256(f"openai\0{self.base}\0{name}".encode()).hexdigest()
        self._patience = patience
        self._pause = pause

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """An answer to each request, one after another; `cupel.models.answers.Asker` has many in flight.

        A request that the server calls bad, an answer without text, and one that stays malformed are refused.

        Raises
        ------
        BadInput
            The server wants a key or another one, or has no such model.
        RunFailed
            It cannot be reached, is overloaded, or fails, in all tries.
        """
        return [self._ask(request) for request in requests]

    def _ask(self, request: Request) -> Answer:
        url, body = self._request(request)
        # Its own numbers for each request, whatever the order of threads.
        jitter = random.Random(body)
        patience = self._patience
        wasted = 0
        for number in range(1, patience.tries + 1):
            try:
                status, headers, content = self._post(url, body)
            except _Cut as cut:
                fault, asked = str(cut), None
            else:
                if status == 200:
                    answer = _parse(content, request)
                    if answer is not None:
                        return _with_wasted(answer, wasted)
                    fault, asked = "malformed", None
                    wasted += _estimate(request)
                elif status in _PASSING:
                    fault, asked = f"the server answers {status}: {_said(content)}", _retry_after(headers)
                else:
                    return self._final(status, content)
            if number < patience.tries:
                longest = min(patience.first_pause * 2 ** (number - 1), patience.max_pause)
                drawn = longest * (0.5 + jitter.random() / 2)
                self._pause(drawn if asked is None else min(asked, patience.max_asked_pause))
        if fault == "malformed":
            refused = f"the server's answer was malformed in {patience.tries} tries"
            return Answer(None, refused, wasted, 0, estimated=True)
        raise RunFailed(
            f"model '{self.reference}': no answer in {patience.tries} tries: {fault}; start the same command again "
            "when the server is well: what was answered is kept"
        )

    def _request(self, request: Request) -> tuple[str, bytes]:
        fields: dict[str, Any] = {
            "model": self.name,
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
        }
        if request.temperature:
            fields["seed"] = request.seed
        if request.text:
            return f"{self.base}/completions", json.dumps({**fields, "prompt": request.text}).encode()
        messages = [{"role": message.role, "content": message.content} for message in request.messages]
        return f"{self.base}/chat/completions", json.dumps({**fields, "messages": messages}).encode()

    def _post(self, url: str, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        import urllib3

        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "cupel"}
        key = _key()
        if key:
            if not key.isascii() or not key.isprintable():
                raise BadInput(f"{KEY_VARIABLE}: expected a key of printable ASCII characters")
            headers["Authorization"] = f"Bearer {key}"
        seconds = self._patience.seconds
        try:
            response = connections_to(url, _CONNECTIONS).request(
                "POST",
                url,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(connect=seconds, read=seconds),
                preload_content=False,
                redirect=False,
                retries=False,
            )
            with response:
                content = response.read(_MAX_BYTES + 1)
                if len(content) > _MAX_BYTES:
                    return response.status, response.headers, b""  # no answer is so long
                response.release_conn()
                return response.status, response.headers, content
        except urllib3.exceptions.NewConnectionError:  # to urllib3 a kind of timeout
            raise _Cut("its address cannot be connected to") from None
        except urllib3.exceptions.TimeoutError:
            raise _Cut(f"nothing came for {seconds:g} seconds") from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _Cut(f"the connection failed ({type(error).__name__})") from None

    def _final(self, status: int, content: bytes) -> Answer:
        """What a status means that no repeat will change."""
        place = f"model '{self.reference}': the server answers {status}"
        if status in (401, 403):
            advice = f"check the key in {KEY_VARIABLE}" if _key() else f"set {KEY_VARIABLE} to a key for it"
            raise BadInput(f"{place}; {advice}: {_said(content)}")
        if status in (404, 405):
            raise BadInput(
                f"{place}; check the address ({self.base}, often ending in /v1) and the name of the model "
                f"('{self.name}'): {_said(content)}"
            )
        if 300 <= status < 400:
            raise BadInput(f"{place}, a redirect, which is not followed; give the address that it leads to")
        return Answer(None, f"the server answers {status}: {_said(content)}")


class _Cut(Exception):
    """An exchange that ended before there was an answer."""


def _parse(content: bytes, request: Request) -> Answer | None:
    """The answer in a reply; None where the reply is malformed."""
    try:
        reply = json.loads(content)
        choice = reply["choices"][0]
        if request.text:
            text, refused = choice["text"], None
        else:
            text, refused = choice["message"].get("content"), choice["message"].get("refusal")
        finish = choice.get("finish_reason")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    if text is not None and not isinstance(text, str):
        return None
    usage = reply.get("usage") if isinstance(reply, dict) else None
    tokens_in, tokens_out = (_count(usage, name) for name in ("prompt_tokens", "completion_tokens"))
    counted = tokens_in is not None and tokens_out is not None
    if tokens_in is None or tokens_out is None:
        tokens_in, tokens_out = _estimate(request), _tokens(text or "")
    if text is None or refused or finish == "content_filter":
        said = refused if isinstance(refused, str) and refused else f"finish_reason {finish}"
        return Answer(None, f"the model gave no text: {said}", tokens_in, tokens_out, not counted)
    # Half of a surrogate pair can be written in JSON and in no file.
    whole = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return Answer(whole, "", tokens_in, tokens_out, not counted)


def _count(usage: Any, name: str) -> int | None:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if type(count) is int and 0 <= count < 1 << 40 else None


def _with_wasted(answer: Answer, tokens: int) -> Answer:
    """An answer that counts the tokens of tries that came to nothing, too."""
    if not tokens:
        return answer
    return Answer(answer.text, answer.refused, answer.tokens_in + tokens, answer.tokens_out, estimated=True)


def _key() -> str:
    return os.environ.get(KEY_VARIABLE, "").strip()


def _estimate(request: Request) -> int:
    return sum(
        _tokens(content) for content in (request.text, *(message.content for message in request.messages))
    )


def _tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait (RFC 9110, 10.2.3): a number, or a date."""
    value = headers.get("Retry-After", "").strip()
    try:
        until = (
            float(value) if value[:1].isdigit() else parsedate_to_datetime(value).timestamp() - time.time()
        )
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, until)


def _said(content: bytes) -> str:
    """The message in a reply that is an error, or its beginning."""
    text = content[:2000].decode("utf-8", "replace")
    try:
        error = json.loads(content)["error"]
        text = str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, LookupError, TypeError, RecursionError):
        pass
    key = _key()
    said = " ".join((text.replace(key, "…") if key else text).split())
    return said[:300] or "without a message"
