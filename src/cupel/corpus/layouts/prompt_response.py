"""A prompt and its response."""

from __future__ import annotations

from cupel.corpus.layouts.prompt import Prompt

__all__ = ["PromptResponse"]


class PromptResponse(Prompt):
    """`prompt` and `response`, like `prompt-completion`."""

    name = "prompt-response"
    required = ("prompt", "response")
    answer = "response"
