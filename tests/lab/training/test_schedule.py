import pytest

from cupel.lab.training.schedule import learning_rate_factor


def _course(kind: str, **changed: float) -> list[float]:
    settings = {"warmup": 0.1, "decay": 0.2, "floor": 0.0, **changed}
    return [learning_rate_factor(kind, step, 100, **settings) for step in range(100)]  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["wsd", "cosine", "constant"])
def test_it_rises_to_the_peak(kind: str) -> None:
    course = _course(kind)
    assert course[0] == pytest.approx(0.1)
    assert course[9] == 1.0
    assert max(course) == 1.0


def test_wsd_is_stable_and_falls_as_one_minus_the_root() -> None:
    course = _course("wsd")
    assert set(course[10:80]) == {1.0}
    assert course[85] == pytest.approx(1 - (5 / 20) ** 0.5)
    assert 0 < course[99] < 0.03


def test_cosine_ends_at_the_floor() -> None:
    course = _course("cosine", floor=0.1)
    assert course[55] == pytest.approx(0.55)
    assert course[99] == pytest.approx(0.1, abs=1e-3)
