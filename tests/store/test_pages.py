"""A page that is not whole says so."""

from pathlib import Path

import pytest

from cupel.store import page_fault, seal_page


@pytest.mark.parametrize("document", ["", "<p>Café 東京</p>", "<p>a</p>\n", "<!-- blake2b-128 0 -->"])
def test_a_page_says_whether_it_is_whole(document: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(seal_page(document))
    assert page_fault(page) is None
    whole = page.read_bytes()
    for at in range(len(whole)):
        page.write_bytes(whole[:at])
        assert page_fault(page) == "differs from what was written"
        page.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert page_fault(page) == "differs from what was written"
    page.unlink()
    assert page_fault(page) == "cannot be read: No such file or directory"
