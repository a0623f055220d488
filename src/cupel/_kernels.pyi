"""Typed stub of the Rust kernels. Arrow arrays come in and go out through the PyCapsule interface."""

from typing import Protocol

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
