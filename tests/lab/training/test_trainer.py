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
import pyarrow as pa
import pytest

from cupel.contract.subjects import model_folder
from cupel.corpus.parts import PARTS, Part
from cupel.errors import BadInput, BadOption
from cupel.lab.data.documents import as_documents
from cupel.lab.data.pack import pack
from cupel.lab.training.job import NEXT_TOKEN, MethodChoice, ModelShape, TrainJob, kept_checkpoint
from cupel.lab.training.order import Order
from cupel.lab.training.records import read_curve, read_visit_likely, read_visit_losses
from cupel.models.reference import check_reference
from tests import warm
from tests.lab import tokens

torch = pytest.importorskip("torch", reason="needs the extra lab")

from safetensors.torch import load_file  # noqa: E402

from cupel.lab.training.checkpoint import latest_checkpoint  # noqa: E402
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


def _objective(name: str) -> MethodChoice:
    return MethodChoice(name, function=f"tests.lab.training.test_trainer:{name}")


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


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tokens of which only answers count."""
    folder = tmp_path_factory.mktemp("chats")
    parts = [
        [Part("text", "user", question), Part("text", "assistant", reply)]
        for question, reply in zip(tokens.texts(120, seed=1), tokens.texts(120, seed=2), strict=True)
    ]
    table = as_documents(pa.table({"text": [""] * 120, "parts": pa.array(parts, PARTS)}), chats=True)
    pack([(None, table.to_batches())], tokens.tokenizer(folder), folder / "tokens", name="chats")
    return folder


def test_only_the_targets_that_count_are_trained_on(chats: Path, tmp_path: Path) -> None:
    """The first step against plain autograd, and what is written down of all of them."""
    job = _job(chats, tmp_path / "a", steps=6, sequences=16)
    folder = Trainer().train(job)
    curve, visits = read_curve(folder), read_visit_losses(folder)
    order = Order(_store(chats), tmp_path / "visits", seed=job.seed, length=job.stream_tokens)
    model = build_model(job)
    initialise(model, job.seed)
    batch = order.batch(0, 16, 32)
    assert batch.mask is not None
    rows = torch.from_numpy(batch.tokens)
    targets = rows[:, 1:].masked_fill(~torch.from_numpy(batch.mask), -100)
    loss = model(input_ids=rows[:, :-1], labels=rows, shift_labels=targets.contiguous()).loss
    loss.backward()
    norm = torch.sqrt(sum((weight.grad**2).sum() for weight in model.parameters()))
    assert float(curve["loss"][0]) == pytest.approx(float(loss.detach()), rel=1e-4)
    assert float(curve["gradient_norm"][0]) == pytest.approx(float(norm), rel=1e-3)
    likely = read_visit_likely(folder)
    assert likely is not None
    assert (likely <= visits["tokens"]).all(), "what does not count is not likely either"
    for step in range(6):
        counted = int(order.batch(step, 16, 32).mask.sum())  # type: ignore[union-attr]
        of_step = visits[visits["step"] == step]
        assert 0 < of_step["tokens"].sum() == counted < 16 * 32
        assert of_step["loss"].sum() / counted == pytest.approx(float(curve["loss"][step]), rel=1e-5)


def test_with_a_mask_too_a_few_sequences_at_a_time_train_the_same(chats: Path, tmp_path: Path) -> None:
    """The loss is the mean over the targets of the step, and not of means over a few sequences each."""
    whole, parts = (
        read_curve(
            Trainer().train(_job(chats, tmp_path / str(few), sequences=16, steps=4, micro_sequences=few))
        )
        for few in (None, 3)
    )
    np.testing.assert_allclose(parts["loss"], whole["loss"], rtol=1e-4)
    np.testing.assert_allclose(parts["gradient_norm"], whole["gradient_norm"], rtol=1e-3)


seen_batches: list[tuple[list[list[int]], int, int]] = []


def watching(model: torch.nn.Module, batch: ObjectiveBatch, options: Mapping[str, object]) -> torch.Tensor:
    seen_batches.append((batch.documents.tolist(), int(batch.step), batch.seed))
    return next_token(model, batch, options)


def test_an_objective_sees_documents_step_and_seed(made: Path, tmp_path: Path) -> None:
    seen_batches.clear()
    job = _job(made, tmp_path / "a", steps=3, sequences=2, objective=_objective("watching"))
    Trainer().train(job)
    order = Order(_store(made), tmp_path / "visits", seed=job.seed, length=job.stream_tokens)
    owners = np.repeat(
        order.visits["document"], [len(_store(made).document(int(d))) for d in order.visits["document"]]
    )
    for number, (documents, step, seed) in enumerate(seen_batches):
        assert (step, seed) == (number, job.seed)
        assert np.ravel(documents).tolist() == owners[number * 64 + 1 : number * 64 + 65].tolist()


def test_options_of_the_objective_change_the_loss_and_the_key(made: Path, tmp_path: Path) -> None:
    plain = _job(made, tmp_path / "plain", steps=3)
    weighed = replace(
        plain, output=str(tmp_path / "z"), objective=replace(NEXT_TOKEN, options={"z_loss": 0.1})
    )
    assert plain.decisive()["objective"] == "causal", "trials from before objectives had versions stay valid"
    assert weighed.decisive()["objective"] == {"name": "next-token", "version": 1, "options": {"z_loss": 0.1}}
    model = build_model(plain)
    initialise(model, plain.seed)
    tokens_of_step = torch.from_numpy(
        Order(_store(made), tmp_path / "visits", seed=1, length=plain.stream_tokens).batch(0, 4, 32).tokens
    )
    logits = model(input_ids=tokens_of_step[:, :-1]).logits
    added = 0.1 * float(logits.detach().logsumexp(-1).square().mean())
    losses = [float(read_curve(Trainer().train(job))["loss"][0]) for job in (plain, weighed)]
    assert losses[1] - losses[0] == pytest.approx(added, rel=1e-3)


def test_a_body_of_another_architecture(made: Path, tmp_path: Path) -> None:
    body = MethodChoice("qwen3", function="cupel.lab.training.bodies:qwen3")
    job = _job(made, tmp_path / "a", body=body)
    folder = Trainer().train(job)
    assert json.loads((folder / "config.json").read_text())["model_type"] == "qwen3"
    curve = read_curve(folder)
    assert curve["loss"][-1] < curve["loss"][0]
    assert job.decisive()["body"]["name"] == "qwen3"
    assert "body" not in _job(made, tmp_path / "b").decisive()


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
    record = json.loads((folder / "trial.json").read_text())
    assert record["tokens"] == 12 * 4 * 32
    assert record["parameters"]["all"] == sum(weight.numel() for weight in model.parameters())
    assert not list(folder.glob("checkpoint-*"))


def test_folders_say_what_architecture_they_hold(made: Path, tmp_path: Path) -> None:
    """A trial moved elsewhere, or a checkpoint that it kept, is a plain folder: it must be known as a causal model."""
    folder = Trainer().train(_job(made, tmp_path / "a", steps=4, keep=(2,)))
    for place in (folder, kept_checkpoint(folder, 2)):
        assert json.loads((place / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]
        check_reference(str(place), "log_probs", "test")
    assert model_folder(str(kept_checkpoint(folder, 2)), "test") == kept_checkpoint(folder, 2)


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
    likely = read_visit_likely(whole)
    assert likely is not None
    assert len(likely) == len(read_visit_losses(whole))
    assert np.array_equal(likely, read_visit_likely(tmp_path / "killed"))
    assert (tmp_path / "killed" / "model.safetensors").read_bytes() == (
        whole / "model.safetensors"
    ).read_bytes()


def test_checkpoints_are_kept_and_change_nothing(made: Path, tmp_path: Path) -> None:
    whole = Trainer().train(_job(made, tmp_path / "whole", steps=12))
    keeping = _job(made, tmp_path / "keeping", steps=12, keep=(0, 5, 7, 12))
    folder = Trainer().train(keeping)
    assert keeping.decisive() == _job(made, tmp_path / "whole", steps=12).decisive()
    assert sorted(path.name for path in (folder / "steps").iterdir()) == [
        f"{step:09}" for step in (0, 5, 7, 12)
    ]
    for name in ("model.safetensors", "curve.bin", "visit_losses.bin"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes()
    last = kept_checkpoint(folder, 12)
    assert _weights(last) == _weights(folder)
    drawn = build_model(keeping)
    initialise(drawn, keeping.seed)
    first = load_file(kept_checkpoint(folder, 0) / "model.safetensors")
    assert all(torch.equal(first[name], weight) for name, weight in drawn.named_parameters())
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(last, use_safetensors=True)
    assert all(torch.equal(load_file(last / "model.safetensors")[n], w) for n, w in model.named_parameters())
    short = Trainer().train(_job(made, tmp_path / "short", steps=7, schedule="constant", warmup=0.0))
    long = _job(made, tmp_path / "long", steps=12, schedule="constant", warmup=0.0, keep=(7,))
    assert _weights(kept_checkpoint(Trainer().train(long), 7)) == _weights(short)


def _weights(folder: Path) -> dict[str, list[float]]:
    weights = load_file(folder / "model.safetensors")
    return {name: weight.flatten().tolist() for name, weight in sorted(weights.items())}


def test_a_finished_trial_gives_checkpoints_that_it_did_not_keep(made: Path, tmp_path: Path) -> None:
    job = _job(made, tmp_path / "a", steps=12)
    folder = Trainer().train(job)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    steps: list[int] = []
    trainer = Trainer(lambda event: steps.append(event["step"]))
    trainer.train(replace(job, keep=(6,)))
    trainer.train(replace(job, keep=(6, 9)))
    assert steps == [6, 9], "no step after a checkpoint is trained, and the second starts from the first"
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    kept = Trainer().train(_job(made, tmp_path / "b", steps=12, keep=(6, 9)))
    for step in (6, 9):
        assert _weights(kept_checkpoint(folder, step)) == _weights(kept_checkpoint(kept, step))


def test_a_killed_trial_keeps_the_same_checkpoints(made: Path, tmp_path: Path) -> None:
    objective = _objective("deadly_objective")
    shape = {"steps": 20, "objective": objective, "keep": (3, 8, 20), "checkpoint_steps": 5}
    whole = Trainer().train(_job(made, tmp_path / "whole", **shape))
    job = _job(made, tmp_path / "killed", **shape)
    job.write(tmp_path / "job.json")
    command, root = [warm.trainer(), str(tmp_path / "job.json")], Path(__file__).parents[3]
    for call, saved in ((5, "3"), (5, "5"), (7, "10")):  # each counts from the checkpoint before
        environment = {**os.environ, "DEADLY_CALL": str(call)}
        ended = subprocess.run(command, stdout=subprocess.DEVNULL, cwd=root, env=environment)
        assert ended.returncode == -signal.SIGKILL
        assert int(latest_checkpoint(tmp_path / "killed").name.removeprefix("checkpoint-")) == int(saved)
    assert subprocess.run(command, stdout=subprocess.DEVNULL, cwd=root).returncode == 0
    for name in ("curve.bin", "visit_losses.bin", "visit_likely.bin", "model.safetensors"):
        assert (tmp_path / "killed" / name).read_bytes() == (whole / name).read_bytes(), name
    for step in (3, 8, 20):
        assert _weights(kept_checkpoint(tmp_path / "killed", step)) == _weights(kept_checkpoint(whole, step))
    assert not list((tmp_path / "killed").glob("checkpoint-*"))


def test_a_trial_that_goes_back_and_is_killed_again_records_all_steps(made: Path, tmp_path: Path) -> None:
    objective = _objective("deadly_objective")
    whole = Trainer().train(_job(made, tmp_path / "whole", objective=objective))
    job = _job(made, tmp_path / "killed", objective=objective)
    command, root = [warm.trainer(), str(tmp_path / "job.json")], Path(__file__).parents[3]
    # Once after a checkpoint of step 5; then, from the first step again, after that of step 3.
    for call, keep in ((8, ()), (5, (3,))):
        replace(job, keep=keep).write(tmp_path / "job.json")
        environment = {**os.environ, "DEADLY_CALL": str(call)}
        ended = subprocess.run(command, stdout=subprocess.DEVNULL, cwd=root, env=environment)
        assert ended.returncode == -signal.SIGKILL
    assert subprocess.run(command, stdout=subprocess.DEVNULL, cwd=root).returncode == 0
    for name in ("curve.bin", "visit_losses.bin", "visit_likely.bin", "model.safetensors"):
        assert (tmp_path / "killed" / name).read_bytes() == (whole / name).read_bytes(), name


def test_a_trial_starts_from_the_optimizer_of_another(made: Path, tmp_path: Path) -> None:
    first = Trainer().train(_job(made, tmp_path / "a", steps=12, keep=(12,)))
    start = kept_checkpoint(first, 12)
    changes = {"steps": 4, "start": str(start), "start_digest": "s", "keep": (0, 4), "warmup": 0.0}
    second = Trainer().train(_job(made, tmp_path / "b", **changes))
    assert _weights(kept_checkpoint(second, 0)) == _weights(first)
    moments = load_file(kept_checkpoint(second, 0) / "optimiser.safetensors")
    before = load_file(start / "optimiser.safetensors")
    assert all(torch.equal(moments[name], before[name]) for name in before if name != "random")
    after = load_file(kept_checkpoint(second, 4) / "optimiser.safetensors")
    assert {float(value) for name, value in after.items() if name.endswith("|step")} == {16.0}
    weights_only = {**changes, "start": "", "start_digest": "", "initial": f"{start}/model.safetensors"}
    other = Trainer().train(_job(made, tmp_path / "c", **{**weights_only, "initial_digest": "i"}))
    assert read_curve(second)["loss"][0] == read_curve(other)["loss"][0]
    assert read_curve(second)["loss"].tolist() != read_curve(other)["loss"].tolist()


def test_a_killed_trial_that_started_from_another_resumes(made: Path, tmp_path: Path) -> None:
    first = Trainer().train(_job(made, tmp_path / "a", steps=12, keep=(12,)))
    start = {"start": str(kept_checkpoint(first, 12)), "start_digest": "s"}
    shape = {"steps": 12, "objective": _objective("deadly_objective"), **start}
    whole = Trainer().train(_job(made, tmp_path / "whole", **shape))
    _job(made, tmp_path / "killed", **shape).write(tmp_path / "job.json")
    command, root = [warm.trainer(), str(tmp_path / "job.json")], Path(__file__).parents[3]
    environment = {**os.environ, "DEADLY_CALL": "9"}
    ended = subprocess.run(command, stdout=subprocess.DEVNULL, cwd=root, env=environment)
    assert ended.returncode == -signal.SIGKILL
    assert subprocess.run(command, stdout=subprocess.DEVNULL, cwd=root).returncode == 0
    assert _weights(tmp_path / "killed") == _weights(whole)


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
    with pytest.raises(Diverged) as error:
        Trainer().train(_job(made, tmp_path / "b", objective=job.objective))
    named = str(error.value).split("documents of this step: ")[1].split(";")[0]
    assert set(named.split(", ")) == expected


def _store(made: Path):  # type: ignore[no-untyped-def]
    from cupel.lab.training.tokens import TokenStore

    return TokenStore(made / "tokens")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu_when_one_is_asked_for(made: Path, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="a GPU was asked for"):
        Trainer().train(_job(made, tmp_path / "a", device="cuda"))


@pytest.mark.slow
@pytest.mark.parametrize("documents", ["made", "chats"])
def test_two_processes_train_the_same_trial(
    documents: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Sharded over two processes, the curve is that of one, but for rounding; also where not every target counts."""
    folder: Path = request.getfixturevalue(documents)
    alone = Trainer().train(_job(folder, tmp_path / "alone", steps=20))
    _job(folder, tmp_path / "shared", steps=20).write(tmp_path / "job.json")
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
    with pytest.raises(BadOption, match="expected steps from 0 to 1"):
        TrainJob("", "", "", tokens.SHAPE, 300, 299, 0, 1, 1, 0.1, keep=(2,))
    with pytest.raises(BadOption, match="both initial and start"):
        TrainJob("", "", "", tokens.SHAPE, 300, 299, 0, 1, 1, 0.1, initial="a", start="b")
    with pytest.raises(BadOption, match="no multiple of 3 heads"):
        TrainJob("", "", "", ModelShape(64, 1, 3, 96, 32), 300, 299, 0, 1, 1, 0.1)
    with pytest.raises(BadOption, match="0 steps"):
        TrainJob("", "", "", tokens.SHAPE, 300, 299, 0, 0, 1, 0.1)
    with pytest.raises(BadOption, match="micro_sequences is 0"):
        TrainJob("", "", "", tokens.SHAPE, 300, 299, 0, 1, 1, 0.1, micro_sequences=0)


def test_an_objective_that_was_edited_is_loaded_anew(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a trainer that has trained with the old one: a process stays warm from call to call."""
    code = tmp_path / "edited_objective.py"
    head = "from cupel.lab.training.objectives import next_token\n\ndef loss(model, batch, options):\n"
    monkeypatch.syspath_prepend(str(tmp_path))
    trainer, losses = Trainer(), []
    for version, body in enumerate(
        ("    return next_token(model, batch, {})\n", "    return 3.0 * next_token(model, batch, {})\n")
    ):
        code.write_text(head + body)
        objective = MethodChoice("edited", version, "edited_objective:loss")
        folder = trainer.train(_job(made, tmp_path / str(version), steps=1, objective=objective))
        losses.append(float(read_curve(folder)["loss"][0]))
    assert losses[1] == pytest.approx(3 * losses[0], rel=1e-5)
