"""Layouts: how rows hold conversations and pages. Each is a class in a module of this package.

`read_row` turns a row into parts and its other fields, `write_row` turns these into the same row again, and
`convert` writes a row in another layout if that loses nothing.
"""

from cupel.corpus.layouts.catalog import all_layouts, find_layout, fitting_layouts, layout_of_row
from cupel.corpus.layouts.convert import convert, frame_of, read_row, write_as, write_row
from cupel.corpus.layouts.layout import Layout

__all__ = [
    "Layout",
    "all_layouts",
    "convert",
    "find_layout",
    "fitting_layouts",
    "frame_of",
    "layout_of_row",
    "read_row",
    "write_as",
    "write_row",
]
