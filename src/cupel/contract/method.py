"""Base of all methods: a name, a card, options."""

from __future__ import annotations

import hashlib
import inspect
from abc import ABC
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self, get_args, get_origin

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from cupel.contract.paper import Paper
from cupel.contract.taxonomy import check_taxonomy
from cupel.errors import BadOption, UnknownName

__all__ = ["Column", "Method", "Options", "Paper"]


WRITTEN_IN = ("recipe", "command", "scale")
"""Where methods are named: in a recipe, on the command line after their kind's command, or in a scale."""


@dataclass(frozen=True)
class Column:
    """One typed value per document: its Arrow type, unit and meaning.

    Text of the unit `label` names the group of a document, and reports count documents by it;
    `plural` is the plural noun for these groups.
    """

    type: pa.DataType
    unit: str
    meaning: str
    plural: str = ""

    @property
    def is_label(self) -> bool:
        """Whether it names the group of a document."""
        return self.unit == "label" and (pa.types.is_string(self.type) or pa.types.is_large_string(self.type))


class Options(BaseModel):
    """Base of every method's options: frozen, unknown names are rejected, and a single value stands for a list of one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _lists_of_one(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        several = {name for name, field in cls.model_fields.items() if _is_list(field.annotation)}
        return {
            name: (value,) if name in several and isinstance(value, str | int | float) else value
            for name, value in values.items()
        }


class Method(ABC):
    """What all methods share: a name, a card, options.

    The docstring of a method is its documentation page; its first line is the title.
    """

    kind: ClassVar[str] = ""
    """The name of the kind in messages, declared by the class that defines the kind."""
    heading: ClassVar[str] = ""
    """The heading of the kind in lists: what its methods are and do."""
    room: ClassVar[str | None] = None
    """The package that holds the kind's methods, one module each; None: entry points bring them."""
    name: ClassVar[str]
    """Kebab-case, unique over all kinds; used in recipes and on the command line."""
    papers: ClassVar[tuple[Paper, ...]] = ()
    utility: ClassVar[str | None] = None
    """What it looks at: one of `UTILITIES` of `cupel.contract.taxonomy`; None if it chooses no data."""
    mechanism: ClassVar[str | None] = None
    """How it uses that: one of `MECHANISMS`."""
    stages: ClassVar[tuple[str, ...]] = ()
    """The stages of training whose data it is for: of `STAGES`."""
    cost: ClassVar[str] = ""
    """What it costs, with a unit, as measured by `make bench`."""
    limits: ClassVar[str] = ""
    """When not to use it, and what it gets wrong."""
    columns: ClassVar[Mapping[str, Column]] = {}
    """The columns that it adds to documents; rules compare them."""
    written_in: ClassVar[str] = "recipe"
    """Where a user names it: one of `WRITTEN_IN`."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Which document columns it reads (`text`, `url`, `source`, `metadata`); `turns` or `images` where it makes sense of
    documents with these alone."""
    shorthand: ClassVar[str | None] = None
    """The option that a recipe may give in place of a mapping of options: `where: "word_count > 50"`."""
    files: ClassVar[tuple[str, ...]] = ()
    """Options that may name files or folders; the result depends on their content, not on their names."""

    class Options(Options):
        """This method has no options."""

    options: Options

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # A kind may leave a part to its methods.
        check_taxonomy(cls.__name__, cls.utility, cls.mechanism, cls.stages, whole="name" in vars(cls))

    def __init__(self, options: Options | None = None) -> None:
        self.options = options if options is not None else self.Options()

    @classmethod
    def from_options(cls, options: Mapping[str, Any], where: str = "") -> Self:
        """The method with these options, checked.

        Raises
        ------
        UnknownName
            An option that this method does not have.
        BadOption
            A value of the wrong type or out of range.
        """
        known = cls.Options.model_fields
        place = f"{where}{': ' if where else ''}{cls.name}"
        for name in options:
            if name not in known:
                raise UnknownName("option", name, known, where=place)
        try:
            return cls(cls.Options.model_validate(dict(options)))
        except ValidationError as error:
            first = error.errors()[0]
            option = ".".join(str(part) for part in first["loc"])
            if not option:
                # Incompatible options; the message names them.
                raise BadOption(f"{place}: {first['ctx']['error']}") from None
            raise BadOption(
                f"{place}: option '{option}' is {first['input']!r}: {first['msg'].lower()}"
            ) from None

    @cached_property
    def file_digests(self) -> dict[str, str]:
        """A hash of the content of every file that the options name, by its path; folders with all below them."""
        digests = {}
        for path in self.paths():
            # An empty name is not a path, and does not mean the working folder.
            if path and (digest := _content_digest(Path(path))) is not None:
                digests[path] = digest
        return digests

    def paths(self) -> Iterator[str]:
        """Paths named by the options in `files`; names that do not exist as a file or folder are not paths."""
        for option in self.files:
            named = getattr(self.options, option)
            yield from (named,) if isinstance(named, str) else named or ()

    @property
    def fields(self) -> Mapping[str, str]:
        """Fields of documents without which it makes no sense, by their names with dots.

        With each, what to write where no document has it because the name means something else; empty: there is
        nothing else that it could mean.
        """
        return {}

    def check_ready(self) -> None:  # noqa: B027, most methods need nothing
        """Refuse to begin a run where something that it needs cannot be had; called before anything is read."""

    def notice(self) -> str:
        """A notice shown once to users of this method with these options; empty if there is none."""
        return ""

    @classmethod
    def title(cls) -> str:
        """The first line of the docstring, without its full stop."""
        return (inspect.getdoc(cls) or cls.name).splitlines()[0].rstrip(".")


def _is_list(annotation: Any) -> bool:
    """Whether a type is that of tuples of any length, or of these and null."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    if get_origin(annotation) is not tuple:
        return len(parts) == 1 and get_origin(parts[0]) is tuple and _is_list(parts[0])
    return Ellipsis in parts


def _content_digest(path: Path) -> str | None:
    """BLAKE2b of a file, or of the names and contents of all files below a folder; None if nothing exists."""
    if not path.exists():
        return None
    content = hashlib.blake2b(digest_size=16)
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            content.update(file.relative_to(path).as_posix().encode() + b"\x00")
            with file.open("rb") as data:
                content.update(hashlib.file_digest(data, "blake2b").digest())
    return content.hexdigest()
