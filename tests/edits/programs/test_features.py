"""Features of lines: what their names say, and the same whatever else is in a batch."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from cupel.edits.programs.features import line_features, page_features, with_neighbors
from cupel.signals.text_lines import cut

ANY = st.lists(st.text(alphabet=st.sampled_from("ab C1.,|\n é東🤰\r"), max_size=40), max_size=6)


def test_features_are_what_their_names_say() -> None:
    text = "Home | About\nThe Café, which opened in 1924, serves the best cakes.\nHome | About\nhttps://a.org x x x"
    lines = cut(pa.array([text]))
    features = line_features(lines, lines.texts())
    assert features["characters"].tolist() == [12, 54, 12, 19]
    assert features["words"].tolist() == [3, 10, 3, 4]
    assert features["capitalized words"].tolist() == [2 / 3, 0.2, 2 / 3, 0]
    assert features["terminal mark"].tolist() == [0, 1, 0, 0]
    assert features["prose"].tolist() == [0, 1, 0, 0]
    assert features["commas"].tolist() == [0, 2, 0, 0]
    assert features["digits"].round(6).tolist() == [0, round(4 / 54, 6), 0, 0]
    assert features["repeats"].tolist() == [1, 0, 1, 0]
    assert features["distinct words"].tolist() == [1, 1, 1, 0.5]
    assert features["addresses"].tolist() == [0, 0, 0, 0.5]  # the scheme and the domain
    assert features["from the start"].tolist() == [0, 1, 2, 3]
    assert features["characters after"].tolist() == [54, 12, 19, -1]
    assert features["prose within 1"].round(6).tolist() == [0.5, round(1 / 3, 6), round(1 / 3, 6), 0]


@given(ANY)
def test_a_text_is_measured_alone_as_among_others(texts: list[str]) -> None:
    def measured(column: list[str]) -> dict[str, np.ndarray]:
        lines = cut(pa.array(column, pa.large_string()))
        features = line_features(lines, lines.texts())
        scores = with_neighbors(lines, "s", features["marks"])
        pages = page_features(lines, features["marks"], features)
        return {**features, **scores, **{f"page {name}": values for name, values in pages.items()}}

    together = measured(texts)
    alone = [measured([text]) for text in texts]
    for name, values in together.items():
        expected = np.concatenate([part[name] for part in alone]) if alone else np.zeros(0)
        np.testing.assert_array_equal(values, expected, err_msg=name)
