"""Methods that ask a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field

from cupel.contract.method import Method
from cupel.contract.options import Computes
from cupel.models.reference import check_reference

__all__ = ["Asks", "NamesModel"]


class NamesModel(Computes):
    """The model to ask, and the device it runs on."""

    model: str = Field(
        description="`hf:org/name@revision`, a folder, `gguf:FILE`, `trial:FOLDER`, `ngram:FOLDER` or "
        "`openai:http://host/v1#name`; which of them can answer depends on what is asked.",
    )


class Asks(Method):
    """A method that asks a model. Its options derive from `NamesModel`."""

    asks: ClassVar[str]
    """What the model must be able to give: one of `cupel.models.reference.ABILITIES`."""

    options: NamesModel

    @property
    def models(self) -> tuple[str, ...]:
        """References of all models that it asks on its device. Signals that read the likelihoods of the same models of the
        same texts are measured together, so that each model is run once."""
        return (self.options.model,)

    @classmethod
    def from_options(cls, options: Mapping[str, Any], where: str = "") -> Self:
        """The method with these options. Models are checked as far as possible without loading them.

        Raises
        ------
        UnknownName, BadOption
            As for every method; no such model, or it cannot give what the method asks for.
        """
        method = super().from_options(options, where)
        for model in method.models:
            check_reference(model, cls.asks, f"{where}{': ' if where else ''}{cls.name}")
        return method
