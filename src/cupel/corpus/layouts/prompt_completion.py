"""A prompt and its completion."""

from __future__ import annotations

from cupel.corpus.layouts.prompt import Prompt

__all__ = ["PromptCompletion"]


class PromptCompletion(Prompt):
    """`prompt` and `completion`: two texts (of the user and of the assistant), or two lists of `messages`."""

    name = "prompt-completion"
    required = ("prompt", "completion")
    answer = "completion"
