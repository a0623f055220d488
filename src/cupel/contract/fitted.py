"""Fitted methods: they learn before use, and store what they learned as an artifact."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from cupel.contract.method import Method
from cupel.contract.own_methods import code_digests
from cupel.contract.view import Documents, Resources
from cupel.errors import BadInput
from cupel.findings import Section
from cupel.store import Key, digest_file, make_folder

__all__ = ["ABOUT", "Fitted", "Learned", "Learns", "is_whole", "learn", "read_about"]

ABOUT = "about.json"
"""The file of an artifact that says what it is; what `Learned.about` holds, and which method learned it."""


@dataclass(frozen=True)
class Learned:
    """Description of an artifact.

    Attributes
    ----------
    about
        Training data and quality, as JSON values.
    findings
        The same as sections of a report.
    """

    about: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Section, ...] = ()


class Learns(Method.Options):
    """The source of the artifact."""

    artifact: str | None = Field(
        None,
        description="Folder of what `cupel fit` made; without it the run fits the method itself.",
    )


class Fitted(Method):
    """A method that learns before it is used. Its options derive from `Learns`.

    A run fits it once, before the first pass that uses it, on the documents remaining at that point, or uses an
    artifact made by `cupel fit`.
    """

    version: ClassVar[int] = 1
    """Increases whenever the same options and documents would give another artifact."""
    learns: ClassVar[str] = "model"
    """The artifact's kind in the Store, lower case."""
    learner: ClassVar[str] = ""
    """Methods with the same learner share artifacts; by default each method has its own."""
    applied: ClassVar[frozenset[str]] = frozenset()
    """Options that affect only use, not what is learned."""
    unfitted: ClassVar[str] = ""
    """For a method that learns only with certain options: those options."""
    files: ClassVar[tuple[str, ...]] = ("artifact",)

    options: Learns

    @property
    def is_fitted(self) -> bool:
        """Whether it learns with these options; if not, it is used like any other method."""
        return True

    @property
    def reads_corpus(self) -> bool:
        """Whether it learns from the documents of the run, and not only from files that its options name."""
        return True

    @abstractmethod
    def fit(self, documents: Documents, folder: Path, resources: Resources) -> Learned:
        """Learn, and write what was learned into an empty folder.

        The same documents and options give the same bytes, whatever the number of threads.

        Parameters
        ----------
        documents
            `NO_DOCUMENTS` where the method does not read the corpus.

        Raises
        ------
        BadInput
            There is too little to learn from.
        """

    @property
    def given(self) -> Path | None:
        """The artifact that the options name.

        Raises
        ------
        BadInput
            It does not exist, or belongs to another method.
        """
        if self.options.artifact is None:
            return None
        folder = Path(self.options.artifact)
        about = read_about(folder)
        if about.get("learner") != (self.learner or self.name):
            raise BadInput(
                f"{self.name}: {folder} holds what '{about.get('learner')}' learned; expected an artifact of "
                f"{self.name}, as `cupel fit {self.name}` makes one"
            )
        return folder

    def learned(self, resources: Resources) -> Path:
        """The folder of what it learned: that of the run, or what the options name.

        Raises
        ------
        BadInput
            Nothing was learned yet.
        """
        folder = resources.artifact or self.given
        if folder is None:
            raise BadInput(
                f"{self.name}: nothing was learned yet; `cupel fit {self.name} --output FOLDER` makes an artifact, to be "
                "named as 'artifact'"
            )
        return folder

    def key(self, documents: Documents) -> Key:
        """The key of what it learns from these documents."""
        options = self.options.model_dump(mode="json", exclude={"artifact", *self.applied})
        inputs = self.file_digests | code_digests(type(self))
        if self.reads_corpus:
            inputs["documents"] = documents.digest
        return Key(self.learns, self.learner or self.name, self.version, options, inputs)


def learn(method: Fitted, documents: Documents, folder: Path, resources: Resources) -> None:
    """Fit a method: fill a new folder, `about.json` last, which lists all other files."""
    make_folder(folder)
    learned = method.fit(documents, folder, resources)
    key = asdict(method.key(documents))
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    about = {
        "learner": key.pop("name"),
        **key,
        "files": {path.relative_to(folder).as_posix(): digest_file(path) for path in files},
        "about": dict(learned.about),
        "findings": [section.model_dump(mode="json") for section in learned.findings],
    }
    text = json.dumps(about, indent=1, sort_keys=True, ensure_ascii=False)
    (folder / ABOUT).write_text(text + "\n", "utf-8")


def is_whole(folder: Path) -> bool:
    """Whether the folder holds an artifact with every file intact."""
    try:
        files = read_about(folder)["files"]
        return all(digest_file(folder / name) == digest for name, digest in files.items())
    except (BadInput, OSError, KeyError):
        return False


def read_about(folder: Path) -> dict[str, Any]:
    """The description of an artifact.

    Raises
    ------
    BadInput
        There is none.
    """
    try:
        return dict(json.loads((folder / ABOUT).read_bytes()))
    except FileNotFoundError:
        what = f"has no {ABOUT}" if folder.is_dir() else "is not there"
        raise BadInput(f"artifact {folder} {what}; `cupel fit` makes artifacts") from None
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"artifact {folder}: {ABOUT} cannot be read: {error}") from None
