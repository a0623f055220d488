import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cupel.errors import BadInput, BadOption
from cupel.lab.training.job import Choice, ModelShape, TrainJob
from cupel.lab.training.order import Order
from cupel.lab.training.records import read_curve, read_visit_losses
from tests import warm
from tests.lab import tokens

torch = pytest.importorskip("torch", reason="the lab needs torch: pip install 'cupel[lab]'")

from cupel.lab.training.model import build_model, initialise  # noqa: E402
from cupel.lab.training.objectives import ObjectiveBatch, next_token  # noqa: E402
from cupel.lab.training.trainer import Diverged, Trainer  # noqa: E402


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    tokens.store(folder, tokens.texts(120))
    return folder


def _job(made: Path, output: Path, **changed: object) -> TrainJob:
    from cupel.lab.training.tokens import TokenStore

    return tokens.job(TokenStore(made / "tokens"), output, **changed)


def test_the_same_job_gives_the_same_weights_and_curve(made: Path, tmp_path: Path) -> None:
    trainer = Trainer()
    first = trainer.train(_job(made, tmp_path / "a"))
    other = trainer.train(_job(made, tmp_path / "c", seed=2))
    second = trainer.train(_job(made, tmp_path / "b"))
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()
    assert read_curve(first).tolist() == read_curve(second).tolist()
    assert read_curve(first)["loss"].tolist() != read_curve(other)["loss"].tolist()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_on_a_gpu_too_the_same_job_gives_the_same_weights_and_curve(made: Path, tmp_path: Path) -> None:
    changes = {"device": "cuda", "precision": "bfloat16", "compile": True}
    for name in ("a", "b"):
        _job(made, tmp_path / name, **changes).write(tmp_path / f"{name}.json")
        command = [sys.executable, "-m", "cupel.lab.training", f"{name}.json"]
        subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    first, second = tmp_path / "a", tmp_path / "b"
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()
    assert read_curve(first).tolist() == read_curve(second).tolist()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on the CPU")
def test_compiled_it_trains_the_same(made: Path, tmp_path: Path) -> None:
    plain = read_curve(Trainer().train(_job(made, tmp_path / "plain")))
    for name in ("first", "second"):
        _job(made, tmp_path / name, compile=True).write(tmp_path / f"{name}.json")
    # A process of its own: others of these tests name a compiler that is not there.
    command = [sys.executable, "-m", "cupel.lab.training", "first.json", "second.json"]
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    first, second = (tmp_path / name / "model.safetensors" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()
    np.testing.assert_allclose(read_curve(first.parent)["loss"], plain["loss"], rtol=1e-3)


seen: list[int] = []


def counted(model: torch.nn.Module, batch: ObjectiveBatch, options: Mapping[str, object]) -> torch.Tensor:
    seen.append(len(batch.tokens))
    return next_token(model, batch, options)


def _objective(name: str) -> Choice:
    return Choice(name, function=f"tests.lab.training.test_trainer:{name}")


def test_a_few_sequences_at_a_time_train_the_same(made: Path, tmp_path: Path) -> None:
    shape = {"sequences": 4, "steps": 3, "objective": _objective("counted")}
    curves = []
    for few, sizes in ((None, [4, 4, 4]), (3, [3, 1] * 3)):
        seen.clear()
        job = _job(made, tmp_path / str(few), micro_sequences=few, **shape)
        curves.append(read_curve(Trainer().train(job)))
        assert seen == sizes
    whole, parts = curves
    np.testing.assert_allclose(parts["loss"], whole["loss"], rtol=1e-4)
    np.testing.assert_allclose(parts["gradient_norm"], whole["gradient_norm"], rtol=1e-3)


def test_it_learns(made: Path, tmp_path: Path) -> None:
    # An output layer of its own begins at zero: all tokens are as likely.
    shape = replace(tokens.SHAPE, tied=False)
    curve = read_curve(Trainer().train(_job(made, tmp_path / "a", steps=60, model=shape)))
    assert len(curve) == 60
    assert curve["loss"][0] == pytest.approx(np.log(300), rel=1e-5)
    assert curve["loss"][-10:].mean() < curve["loss"][0] - 1.0


def test_a_trial_starts_from_given_weights(made: Path, tmp_path: Path) -> None:
    first = Trainer().train(_job(made, tmp_path / "a"))
    weights = first / "model.safetensors"
    still = {"learning_rate": 1e-30, "initial": str(weights), "initial_digest": "d"}
    job = _job(made, tmp_path / "b", **still)
    assert (Trainer().train(job) / "model.safetensors").read_bytes() == weights.read_bytes()
    assert job.decisive() != _job(made, tmp_path / "b", **{**still, "initial_digest": "e"}).decisive()
    assert "initial_digest" not in _job(made, tmp_path / "a").decisive()
    wide = ModelShape(hidden_size=64, layers=2, heads=2, feed_forward_size=64, context=32)
    with pytest.raises(BadInput, match="weights of another model"):
        Trainer().train(_job(made, tmp_path / "c", model=wide, **still))
    with pytest.raises(BadInput, match="no weights to start from"):
        Trainer().train(_job(made, tmp_path / "d", initial=str(tmp_path / "nowhere")))


def test_against_plain_autograd(made: Path, tmp_path: Path) -> None:
    """Three steps of AdamW written out, on the model of transformers with its own loss."""
    job = _job(made, tmp_path / "a", steps=3, schedule="constant", warmup=0.0, weight_decay=0.0)
    curve = read_curve(Trainer().train(job))
    model = build_model(job)
    initialise(model, job.seed)
    from cupel.lab.training.tokens import TokenStore

    order = Order(TokenStore(made / "tokens"), tmp_path / "visits", seed=job.seed, length=job.stream_tokens)
    moments = {weight: (torch.zeros_like(weight), torch.zeros_like(weight)) for weight in model.parameters()}
    for step in range(3):
        rows = torch.from_numpy(order.batch(step, 4, 32).tokens)
        loss = model(input_ids=rows[:, :-1], labels=rows, shift_labels=rows[:, 1:].contiguous()).loss
        assert float(loss.detach()) == pytest.approx(float(curve["loss"][step]), rel=1e-4)
        model.zero_grad()
        loss.backward()
        norm = torch.sqrt(sum((weight.grad**2).sum() for weight in model.parameters()))
        assert float(norm) == pytest.approx(float(curve["gradient_norm"][step]), rel=1e-3)
        with torch.no_grad():
            for weight, (mean, square) in moments.items():
                gradient = weight.grad * min(1.0, job.clip / (float(norm) + 1e-6))
                mean.mul_(0.9).add_(gradient, alpha=0.1)
                square.mul_(0.95).add_(gradient**2, alpha=0.05)
                rise = (mean / (1 - 0.9 ** (step + 1))) / ((square / (1 - 0.95 ** (step + 1))).sqrt() + 1e-8)
                weight.sub_(rise, alpha=job.learning_rate)


def test_the_losses_of_documents_add_up_to_the_curve(made: Path, tmp_path: Path) -> None:
    folder = Trainer().train(_job(made, tmp_path / "a"))
    curve, visits = read_curve(folder), read_visit_losses(folder)
    for step in range(12):
        of_step = visits[visits["step"] == step]
        assert of_step["tokens"].sum() == 4 * 32
        assert of_step["loss"].sum() / (4 * 32) == pytest.approx(float(curve["loss"][step]), rel=1e-5)


def test_the_trial_loads_as_an_ordinary_checkpoint(made: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Trainer().train(_job(made, tmp_path / "a"))
    model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert (
        tokenizer.decode(tokenizer("the Café in 東京", add_special_tokens=False).input_ids)
        == "the Café in 東京"
    )
    assert tokenizer.eos_token_id == model.config.eos_token_id == 299
    assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    told = json.loads((folder / "trial.json").read_text())
    assert told["tokens"] == 12 * 4 * 32
    assert told["parameters"]["all"] == sum(weight.numel() for weight in model.parameters())
    assert not list(folder.glob("checkpoint-*"))


def deadly_objective(
    model: torch.nn.Module, batch: ObjectiveBatch, options: Mapping[str, object]
) -> torch.Tensor:
    """The usual loss; the call whose number stands in `DEADLY_CALL` kills the process as `kill -9` does."""
    model.calls = getattr(model, "calls", 0) + 1  # type: ignore[assignment, operator]
    if model.calls == int(os.environ.get("DEADLY_CALL", 0)):
        os.kill(os.getpid(), signal.SIGKILL)
    return next_token(model, batch, options)


def test_a_killed_trial_goes_on_with_the_same_curve(made: Path, tmp_path: Path) -> None:
    objective = _objective("deadly_objective")
    whole = Trainer().train(_job(made, tmp_path / "whole", steps=30, objective=objective))
    job = _job(made, tmp_path / "killed", steps=30, objective=objective)
    job.write(tmp_path / "job.json")
    command = [warm.trainer(), str(tmp_path / "job.json")]
    root = Path(__file__).parents[3]
    kept = []
    for call in (8, 13):  # each counts from the checkpoint before, one for every five steps
        environment = {**os.environ, "DEADLY_CALL": str(call)}
        ended = subprocess.run(command, stdout=subprocess.DEVNULL, cwd=root, env=environment)
        assert ended.returncode == -signal.SIGKILL
        kept.append(_checkpoint(tmp_path / "killed"))
    assert kept == ["checkpoint-000000005", "checkpoint-000000015"]
    assert subprocess.run(command, stdout=subprocess.DEVNULL, cwd=root).returncode == 0
    assert read_curve(tmp_path / "killed").tolist() == read_curve(whole).tolist()
    assert read_visit_losses(tmp_path / "killed").tolist() == read_visit_losses(whole).tolist()
    assert (tmp_path / "killed" / "model.safetensors").read_bytes() == (
        whole / "model.safetensors"
    ).read_bytes()


def _checkpoint(folder: Path) -> str:
    return max((path.name for path in folder.glob("checkpoint-*")), default="")


def bad_objective(
    model: torch.nn.Module, batch: ObjectiveBatch, options: Mapping[str, object]
) -> torch.Tensor:
    """No number from the eighth call on."""
    model.calls = getattr(model, "calls", 0) + 1  # type: ignore[assignment, operator]
    return next_token(model, batch, options) * (float("nan") if model.calls > 7 else 1.0)  # type: ignore[operator]


def test_a_loss_that_is_no_number_stops_and_names_the_documents(made: Path, tmp_path: Path) -> None:
    job = _job(made, tmp_path / "a", objective=_objective("bad_objective"))
    with pytest.raises(Diverged, match=r"step 7 .* documents of this step: d\d+.*checkpoint-000000005"):
        Trainer().train(job)
    assert not (tmp_path / "a" / "trial.json").exists()
    order = Order(_store(made), tmp_path / "visits", seed=1, length=job.stream_tokens)
    batch = order.batch(7, 4, 32)
    expected = {f"d{document}" for document in order.visits["document"][batch.visits]}
    with pytest.raises(Diverged) as told:
        Trainer().train(_job(made, tmp_path / "b", objective=job.objective))
    named = str(told.value).split("documents of this step: ")[1].split(";")[0]
    assert set(named.split(", ")) == expected


def _store(made: Path):  # type: ignore[no-untyped-def]
    from cupel.lab.training.tokens import TokenStore

    return TokenStore(made / "tokens")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu_when_one_is_asked_for(made: Path, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="a GPU was asked for"):
        Trainer().train(_job(made, tmp_path / "a", device="cuda"))


@pytest.mark.slow
def test_two_processes_train_the_same_trial(made: Path, tmp_path: Path) -> None:
    """Sharded over two processes, the curve is that of one, but for rounding."""
    alone = Trainer().train(_job(made, tmp_path / "alone", steps=20))
    _job(made, tmp_path / "shared", steps=20).write(tmp_path / "job.json")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--nproc-per-node=2",
            "--master-port=29517",
            "-m",
            "cupel.lab.training",
            str(tmp_path / "job.json"),
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    first, second = read_curve(alone), read_curve(tmp_path / "shared")
    assert second["loss"].tolist() == pytest.approx(first["loss"].tolist(), rel=1e-3)
    assert json.loads((tmp_path / "shared" / "trial.json").read_text())["processes"] == 2
    losses = [read_visit_losses(folder) for folder in (alone, tmp_path / "shared")]
    assert losses[0]["visit"].tolist() == losses[1]["visit"].tolist()


def test_training_needs_four_packages_only(made: Path, tmp_path: Path) -> None:
    _job(made, tmp_path / "a", steps=2).write(tmp_path / "job.json")
    refused = ("pyarrow", "pydantic", "daft", "orjson", "altair", "scipy", "pandas", "datasets")
    code = (
        "import sys, runpy\n"
        "for name in [name for name in sys.modules if name.partition('.')[0] == 'cupel']: del sys.modules[name]\n"
        f"for name in {refused!r}: sys.modules[name] = None\n"
        f"sys.argv = ['training', {str(tmp_path / 'job.json')!r}]\n"
        "runpy.run_module('cupel.lab.training', run_name='__main__')\n"
    )
    trained = subprocess.run([warm.trainer_python(), "-c", code], capture_output=True, text=True)
    assert trained.returncode == 0, trained.stderr
    assert (tmp_path / "a" / "trial.json").exists()


def test_shapes_count_their_parameters() -> None:
    for shape in (tokens.SHAPE, ModelShape(64, 3, 4, 96, 32, key_value_heads=2, tied=False)):
        job = TrainJob("", "", "", shape, 300, 299, seed=0, steps=1, sequences=1, learning_rate=0.1)
        model = build_model(job)
        inner, whole = shape.parameters(300)
        assert sum(weight.numel() for weight in model.parameters()) == whole
        assert whole - inner == 300 * shape.hidden_size * (1 if shape.tied else 2)


def test_impossible_jobs_are_refused() -> None:
    with pytest.raises(BadOption, match="no multiple of 3 heads"):
        TrainJob("", "", "", ModelShape(64, 1, 3, 96, 32), 300, 299, 0, 1, 1, 0.1)
    with pytest.raises(BadOption, match="0 steps"):
        TrainJob("", "", "", tokens.SHAPE, 300, 299, 0, 0, 1, 0.1)
    with pytest.raises(BadOption, match="micro_sequences is 0"):
        TrainJob("", "", "", tokens.SHAPE, 300, 299, 0, 1, 1, 0.1, micro_sequences=0)
