"""The line of progress: it fits, it can be seen, and it leaves out the least important first."""

from __future__ import annotations

import pytest

from cupel.cli._bar import DONE, LEFT, draw_line

FIELDS = ("1,234,567 documents", "3 min 20 s left", "kept 57.7 %", "12.3 MB/s", "4,479 documents/s")


@pytest.mark.parametrize("width", [6, 20, 40, 60, 79, 120, 200])
def test_it_fits_and_drops_the_last_fields_first(width: int) -> None:
    line = draw_line("pass 1 of 2", 0.4, FIELDS, width)
    assert line.cell_len <= width
    shown = [field in line.plain for field in FIELDS]
    assert shown == sorted(shown, reverse=True)


def test_at_80_and_at_60_columns() -> None:
    assert "3 min 20 s left" in draw_line("pass 1 of 2", 0.4, FIELDS, 79).plain
    assert "1,234,567 documents" in draw_line("pass 1 of 2", 0.4, FIELDS, 59).plain


def test_the_two_halves_differ_in_color_and_in_character() -> None:
    line = draw_line("p", 0.5, (), 40)
    assert line.plain.count("━") == line.plain.count("─") == 15
    assert {str(span.style) for span in line.spans} == {DONE, LEFT}
    assert "####----" in draw_line("p", 0.5, (), 16, ascii_only=True).plain
