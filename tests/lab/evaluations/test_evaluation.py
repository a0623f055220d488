from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from cupel.errors import BadInput
from cupel.lab.evaluations.evaluation import Evaluation, EvaluationContext, evaluate
from cupel.lab.evaluations.held_out import HeldOut
from cupel.verdict.measures import Measure
from tests.models import tiny

torch = pytest.importorskip("torch")

DOCUMENTS = pa.table({"id": ["a"], "text": ["the river"], "domain": ["x"]})


class EndOfText:
    """How likely an empty text is."""

    name = "end-of-text"
    version = 1

    def measure(self, model: Any, tokenizer: Any, context: EvaluationContext) -> Sequence[Measure]:
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([[tokenizer.eos_token_id]])).logits[0, -1]
        value = float(torch.softmax(logits, -1)[tokenizer.eos_token_id])
        return [Measure("probability", "end", "higher", ("end",), np.array([value]), np.ones(1))]


def test_ours_and_a_users_evaluation_score_a_trial(tmp_path: Path) -> None:
    for evaluation in (HeldOut(DOCUMENTS), EndOfText()):
        assert isinstance(evaluation, Evaluation)
    measures = evaluate(tiny.save(tmp_path), [HeldOut(DOCUMENTS), EndOfText()])
    assert [measure.name for measure in measures] == ["bits_per_byte x", "probability end"]
    (direct,) = HeldOut(DOCUMENTS).measure(tiny.model(), tiny.tokenizer(), EvaluationContext())
    assert measures[0].value == pytest.approx(direct.value, rel=1e-6)


def test_half_precision_changes_little(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path)
    (full,) = evaluate(folder, [HeldOut(DOCUMENTS)])
    (half,) = evaluate(folder, [HeldOut(DOCUMENTS)], EvaluationContext(dtype="bfloat16"))
    assert half.value != full.value
    assert half.value == pytest.approx(full.value, rel=0.02)


def test_two_measures_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="two evaluations give a measure 'bits_per_byte x'"):
        evaluate(tiny.save(tmp_path), [HeldOut(DOCUMENTS), HeldOut(DOCUMENTS)])


def test_a_diverged_trial_is_named(tmp_path: Path) -> None:
    broken = tiny.model()
    with torch.no_grad():
        broken.model.norm.weight[0] = float("inf")
    folder = tiny.save(tmp_path)
    broken.save_pretrained(folder)
    with pytest.raises(BadInput, match=f"{folder.name}: held-out: .*document 'a'.*diverged"):
        evaluate(folder, [HeldOut(DOCUMENTS)])
