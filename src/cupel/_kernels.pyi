"""Typed stub of the Rust kernels. Arrow arrays come in and go out through the PyCapsule interface."""

from typing import Any, Protocol

class ArrowArray(Protocol):
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

__version__: str

# --- language

class LanguageModel:
    """A fastText supervised model; `ValueError` for bytes that are not one."""

    def __init__(self, model: bytes) -> None: ...
    @property
    def labels(self) -> list[str]: ...
    def identify(self, text: ArrowArray, *, max_bytes: int | None = None) -> ArrowArray: ...

# --- edits: a record batch of `text` and the edit's counts

def edit_c4_lines(
    text: ArrowArray,
    *,
    require_terminal_punctuation: bool = True,
    min_words_per_line: int = 3,
    max_word_length: int | None = 1000,
    remove_citations: bool = True,
    remove_javascript: bool = True,
    remove_policy: bool = True,
) -> ArrowArray: ...
def edit_refinedweb_lines(
    text: ArrowArray,
    *,
    max_uppercase_fraction: float,
    max_words_of_short_line: int,
    start: list[str],
    end: list[str],
    anywhere: list[str],
) -> ArrowArray: ...
def mask_pii(
    text: ArrowArray,
    *,
    email: str | None = None,
    ipv4: str | None = None,
    ipv6: str | None = None,
    phone: str | None = None,
) -> ArrowArray: ...
def clean_whitespace(
    text: ArrowArray,
    *,
    collapse_spaces: bool = True,
    keep_indentation: bool = True,
    strip_line_ends: bool = True,
    max_blank_lines: int | None = 1,
) -> ArrowArray: ...
def normalize_unicode(text: ArrowArray, form: str) -> ArrowArray: ...

class UnicodeScreen:
    """Finds texts that a repairer of Unicode may change; never passes over one."""

    def __init__(
        self, characters: str, *, mojibake: str | None = None, entities: bool = True, form: str | None = None
    ) -> None: ...
    def suspects(self, text: ArrowArray) -> Any: ...
