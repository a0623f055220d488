"""What a trial recites, against running it token by token; and one claim from end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cupel.auditing.recitation import Emitted, Predicted
from cupel.errors import BadInput
from cupel.lab.evaluations.evaluation import EvaluationContext
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.trials import Machine, Trial
from cupel.reproduction.pool import shuffled
from cupel.reproduction.result import carry_out
from cupel.store import Store
from tests.lab import tokens
from tests.reproduction import world

torch = pytest.importorskip("torch", reason="needs the extra lab")


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> list[Trial]:
    """Two trials of one text, repeated until it is known, with two seeds."""
    folder = tmp_path_factory.mktemp("trials")
    bench = Lab(world.SCALE, tokens.tokenizer(folder), Store(folder), Machine("cpu", False, False, 1))
    store = bench.tokens(
        ["the of and to in a is that it was for on are with as his they at be this"] * 300, "one"
    )
    return bench.train([TrialPlan("one", store, seed, {"tokens": 16_000}) for seed in (0, 1)])


def test_tokens_are_recited_as_greedy_decoding_does(trials: list[Trial]) -> None:
    from cupel.models.checkpoint import load_checkpoint

    texts = ["the of and to in a is that it was for on are with as his they at be this", *tokens.texts(6, 3)]
    rows = [{"id": str(n), "text": (text + " ") * 4, "domain": "made"} for n, text in enumerate(texts)]
    passages = pa.Table.from_pylist(rows)
    model, tokenizer = load_checkpoint(trials[0].folder)
    exact = Emitted(passages, 8, 6).exact(model, tokenizer, EvaluationContext())
    assert exact[0].all()
    for row, matches in zip(rows, exact, strict=True):
        ids = tokenizer.backend_tokenizer.encode(row["text"], add_special_tokens=False).ids[:14]
        sequence = [tokenizer.eos_token_id, *ids]
        for place in range(6):
            with torch.inference_mode():
                logits = model(torch.tensor([sequence[: 9 + place]])).logits[0, -1]
            assert bool(matches[place]) == (int(logits.argmax()) == sequence[9 + place])
        with torch.inference_mode():
            made = model.generate(
                torch.tensor([sequence[:9]]), max_new_tokens=6, do_sample=False, pad_token_id=0
            )
        assert bool(matches.all()) == (made[0, 9:].tolist() == sequence[9:])
    (measure,) = Emitted(passages, 8, 6).measure(model, tokenizer, EvaluationContext())
    assert measure.value == exact.all(axis=1).mean()
    (predicted,) = Predicted(passages).measure(model, tokenizer, EvaluationContext())
    assert predicted.amount[0] >= exact[0].sum()
    with pytest.raises(BadInput, match="has 1 tokens; expected 14 or more"):
        Emitted(pa.Table.from_pylist([{"id": "a", "text": "a", "domain": ""}]), 8, 6).exact(
            model, tokenizer, EvaluationContext()
        )


def test_an_average_has_the_mean_of_the_weights(trials: list[Trial], tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    from cupel.models.checkpoint import load_checkpoint

    averaged = world.module("na_averaging")["average"](trials, Store(tmp_path))
    own = [load_file(trial.folder / "model.safetensors") for trial in trials]
    made = load_file(averaged.folder / "model.safetensors")
    assert set(made) == set(own[0])
    for name, weight in made.items():
        assert np.allclose(weight, (own[0][name] + own[1][name]) / 2, atol=1e-7)
    assert load_checkpoint(averaged.folder)[0].num_parameters() > 0


def test_pythia_rebuilds_every_batch_and_notices_another_order(tmp_path: Path) -> None:
    file = world.module("pythia_order")
    data = world.write_data(tmp_path, file["DATA"])
    # Some documents are so long that they lie in pieces.
    world.write_data(tmp_path, file["DATA"][:1], documents=10, words=(2000, 2500))
    context = world.context(tmp_path, data, (3,))
    result = carry_out(world.claim("pythia_order"), context)
    assert result.passed is None
    assert result.verdict.startswith("every batch is rebuilt bit for bit; ")
    documents = shuffled(context.pool(file["DATA"]), seed=0)
    lab = context.lab(documents["text"].to_pylist())
    store = lab.tokens(documents, "one pass")
    assert store.documents > documents.num_rows
    (trial,) = lab.train([TrialPlan("one pass", store, 3)])
    assert trial.cached
    assert file["rebuilt"](trial, store, lab)
    place, exact = file["recited"](trial, store, lab, documents)
    assert exact.shape == (len(place), 32)
    assert (np.diff(place) > 0).all()
    assert 0 <= place[0] < place[-1] < 1
    assert not file["rebuilt"](Trial("one pass", 4, trial.folder, trial.record, False), store, lab)
    losses = np.fromfile(trial.folder / "visit_losses.bin", np.uint8)
    losses[4] ^= 1
    losses.tofile(trial.folder / "visit_losses.bin")
    assert not file["rebuilt"](trial, store, lab)
