"""Methods above the recipe, carried out: their findings are kept in the Store and written to a folder."""

from cupel.examination.annotate import annotation
from cupel.examination.carry_out import examine

__all__ = ["annotation", "examine"]
