"""The step that turns HTML into text: with one extractor, or the best of several."""

from __future__ import annotations

from pydantic import Field, field_validator

from cupel.contract import Extraction, Extractor, Method, find_method

__all__ = ["Extract"]


class Extract(Extraction):
    """Extract the main text of web pages.

    With one extractor, its text is the document. With several, the **union**: each page is
    extracted by all of them, every candidate goes through the rules and edits up to the next
    deduplication, and the page is kept if any candidate passes; among those that pass, the
    longest text wins (on a tie, the extractor named first). Documents that are not HTML pass unchanged.
    A page whose extraction takes longer than `seconds`, or crashes the extractor, goes to
    quarantine; the run continues.

    Recipes without this step extract HTML with resiliparse.
    """

    name = "extract"
    limits = (
        "The union keeps more pages, and more boilerplate, than its best member; of two texts that pass, it "
        "takes the longer one, not the cleaner. Pages that scripts fill in the browser have no text."
    )
    cost = "resiliparse: tens of MB of HTML/s per core; trafilatura: a tenth of that; the union: their sum"

    class Options(Method.Options):
        extractors: tuple[str, ...] = Field(("resiliparse",), description="in order of preference")
        seconds: float = Field(10.0, gt=0, description="time limit per page")

        @field_validator("extractors", mode="before")
        @classmethod
        def _one_or_many(cls, value: object) -> object:
            return (value,) if isinstance(value, str) else value

        @field_validator("extractors")
        @classmethod
        def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
            if not value:
                raise ValueError("expected at least one extractor")
            for name in value:
                if not issubclass(find_method(name, Extraction), Extractor):
                    raise ValueError(f"'{name}' cannot be one of the extractors")
            return value

    options: Options

    @property
    def seconds(self) -> float:
        """The time limit per page."""
        return self.options.seconds

    def extractors(self) -> tuple[Extractor, ...]:
        """Those that the options name."""
        return tuple(find_method(name, Extractor)() for name in self.options.extractors)
