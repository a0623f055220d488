import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from cupel.errors import BadInput, BadOption, OutputInUse, RunFailed
from cupel.lab import trainers as trainers_module
from cupel.lab import trials as trials_module
from cupel.lab.data.documents import as_documents
from cupel.lab.lab import Lab, TrialPlan
from cupel.lab.progress import Quiet
from cupel.lab.scale import Scale
from cupel.lab.training.job import TrainJob
from cupel.lab.trials import Machine, machine
from cupel.store import Store
from tests.lab import tokens
from tests.store.test_artifacts import aged

pytest.importorskip("torch", reason="needs the extra lab")

SCALE = Scale.from_dict(
    {
        "name": "tiny",
        "model": {"hidden_size": 32, "layers": 1, "heads": 2, "feed_forward_size": 64, "context": 32},
        "tokenizer": {"vocabulary": 300},
        "tokens": 1500,
        "training": {"sequences": 4, "learning_rate": 0.01, "checkpoint_steps": 4},
    }
)


def lab(cache: Path, workers: int = 1) -> Lab:
    return Lab(SCALE, tokens.tokenizer(cache), Store(cache), Machine("cpu", False, False, workers))


class Listener:
    def __init__(self) -> None:
        self.trials = 0
        self.events: list[dict[str, object]] = []

    def note(self, text: str) -> None:
        pass

    def training(self, trials: int) -> None:
        self.trials += trials

    def trained(self, event: object) -> None:
        self.events.append(dict(event))  # type: ignore[call-overload]


def test_nothing_is_trained_twice(tmp_path: Path) -> None:
    bench = lab(tmp_path, workers=2)
    store = bench.tokens(tokens.texts(60), "made")
    plans = [TrialPlan("made", store, seed) for seed in (0, 1)]
    first, listener = bench.train(plans, heard := Listener()), Listener()
    again = bench.train([*plans, TrialPlan("same", bench.tokens(tokens.texts(60), "same"), 0)], listener)
    assert heard.trials == 2
    assert listener.trials == 0
    assert [trial.cached for trial in first] == [False, False]
    assert [trial.cached for trial in again] == [True, True, True]
    assert again[2].folder == first[0].folder
    assert first[0].folder != first[1].folder
    assert {event["trial"] for event in heard.events} == {"made, seed 0", "made, seed 1"}
    assert first[0].record["tokens"] == SCALE.steps * 4 * 32


def test_what_changes_a_trial_trains_it_anew(tmp_path: Path) -> None:
    bench = lab(tmp_path)
    store = bench.tokens(tokens.texts(60), "made")
    other = bench.tokens(tokens.texts(61), "more")
    trials = bench.train(
        [
            TrialPlan("a", store),
            TrialPlan("a", store, 0, {"training.learning_rate": 0.02}),
            TrialPlan("a", store, 0, {"tokens": 800}),
            TrialPlan("b", other),
        ]
    )
    assert len({trial.folder for trial in trials}) == 4


def test_an_arm_smaller_than_one_batch(tmp_path: Path) -> None:
    bench = lab(tmp_path)
    with pytest.raises(
        BadInput, match=r"arm 'small' has \d+ tokens in 2 documents, and one batch .* takes 129"
    ):
        bench.train([TrialPlan("small", bench.tokens(["a b", "c"], "small"))])


def test_a_failed_trial_is_told_and_the_others_are_kept(tmp_path: Path) -> None:
    bench = lab(tmp_path)
    store = bench.tokens(tokens.texts(60), "made")
    bad = TrialPlan("bad", store, 0, {"training.learning_rate": 1e30, "training.clip": 1e30})
    with pytest.raises(RunFailed, match=r"bad, seed 0: the loss of step .* is no finite number"):
        bench.train([bad, TrialPlan("made", store, 1)])
    assert [trial.cached for trial in bench.train([TrialPlan("made", store, 1)])] == [True]


class Raising(Listener):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def trained(self, event: object) -> None:
        raise self.error


def test_what_goes_wrong_where_progress_is_told_is_raised(tmp_path: Path) -> None:
    bench = lab(tmp_path)
    plan = TrialPlan("made", bench.tokens(tokens.texts(60), "made"))
    with pytest.raises(ValueError, match="of the listener"):
        bench.train([plan], Raising(ValueError("of the listener")))


def two_jobs(bench: Lab) -> list[TrainJob]:
    store = bench.tokens(tokens.texts(60), "made")
    return [
        trials_module.make_job(store, bench.tokenizer, SCALE, seed, bench.cache, bench.on, name="made")
        for seed in (0, 1)
    ]


def test_after_a_stop_no_other_trial_begins(tmp_path: Path) -> None:
    jobs = two_jobs(lab(tmp_path))
    waiting: queue.SimpleQueue[TrainJob] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    begun, stopping = threading.Event(), threading.Event()

    def report(event: object) -> None:
        begun.set()
        stopping.wait()  # the first trial is small: else it could end, and the second begin, before the stop

    worker = trials_module._Worker(waiting, report, [])
    worker.start()
    begun.wait()
    worker.stop()
    stopping.set()
    worker.join()
    assert worker.broken is None
    assert not Path(jobs[0].output, "trial.json").exists()
    assert not Path(jobs[1].output, "job.json").exists()


def test_a_stop_while_a_trial_begins_ends_it(tmp_path: Path) -> None:
    job = two_jobs(lab(tmp_path))[0]
    stop = threading.Thread(target=lambda: worker.stop())

    class StoppedMeanwhile(queue.SimpleQueue):  # type: ignore[type-arg]
        def get_nowait(self) -> TrainJob:
            if stop.ident is None:
                stop.start()
                stop.join(0.2)  # time enough for a stop that does not wait until the trial has begun
            return super().get_nowait()

    waiting = StoppedMeanwhile()
    waiting.put(job)
    worker = trials_module._Worker(waiting, lambda record: None, [])
    worker.start()
    worker.join()
    stop.join()
    assert worker.broken is None
    assert worker._process is None
    assert not Path(job.output, "trial.json").exists()


def test_one_trial_is_trained_by_one_process_at_a_time(tmp_path: Path) -> None:
    bench = lab(tmp_path)
    plan = TrialPlan("made", bench.tokens(tokens.texts(60), "made"))
    job = trials_module.make_job(plan.store, bench.tokenizer, SCALE, 0, bench.cache, bench.on, name="made")
    with trials_module._locked(Path(job.output)), pytest.raises(OutputInUse, match="another process trains"):
        bench.train([plan])


@pytest.mark.slow
def test_when_the_caller_is_killed_its_trainers_end(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.lab import test_lab as t, tokens\n"
        f"bench = t.lab(Path({str(tmp_path)!r}))\n"
        "store = bench.tokens(tokens.texts(60), 'made')\n"
        "bench.train([t.TrialPlan('made', store, 0, {'tokens': 2_000_000})])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    while not list(tmp_path.glob("trials/*/checkpoint-*")):
        assert process.poll() is None
        time.sleep(0.05)
    children = _children(process.pid)
    assert children
    process.send_signal(signal.SIGKILL)
    process.wait()
    while any(Path(f"/proc/{child}/cmdline").exists() and _alive(child) for child in children):
        time.sleep(0.05)
    assert not list(tmp_path.glob("trials/*/trial.json"))


def _children(process: int) -> list[int]:
    children = []
    for task in Path(f"/proc/{process}/task").iterdir():
        with suppress(OSError):  # a thread that has ended meanwhile
            children += [int(child) for child in (task / "children").read_text().split()]
    return children


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def test_training_keeps_the_cache_within_its_bound(tmp_path: Path) -> None:
    aged(Store(tmp_path), 40, 20)
    notes: list[str] = []

    class Listening(Quiet):
        def note(self, line: str) -> None:
            notes.append(line)

    bench = replace(lab(tmp_path), cache=Store(tmp_path, max_bytes=1))
    trial = bench.train([TrialPlan("made", bench.tokens(tokens.texts(60), "made"))], Listening())[0]
    assert (trial.folder / "model.safetensors").exists(), "what is used stays, whatever the bound"
    kinds = [artifact.kind for artifact in bench.cache.artifacts()]
    assert kinds == ["tokens", "trials"]
    assert len([note for note in notes if "removed numbers/" in note]) == 2


def test_trials_keep_checkpoints_and_start_from_each_other(tmp_path: Path) -> None:
    bench = lab(tmp_path)
    store = bench.tokens(tokens.texts(60), "made")
    (plain,) = bench.train([TrialPlan("made", store)])
    with pytest.raises(
        BadInput, match=rf"no checkpoint of step {plain.steps} was kept; .*checkpoints=\({plain.steps},\)"
    ):
        bench.train([TrialPlan("second", store, start=plain)])
    (kept,) = bench.train([TrialPlan("made", store, checkpoints=(3, plain.steps))])
    assert kept.folder == plain.folder
    with pytest.raises(BadInput, match=rf"no checkpoint of step 4 was kept, only of \[3, {plain.steps}\]"):
        kept.checkpoint(4)
    plans = [
        TrialPlan("second", store, start=kept),
        TrialPlan("from the middle", store, start=kept.checkpoint(3)),
        TrialPlan("weights alone", store, initial=kept.folder / "model.safetensors"),
        TrialPlan("made", store, checkpoints=(5,)),
        TrialPlan("made", store, checkpoints=(6,)),
    ]
    trials = bench.train(plans)
    assert len({trial.folder for trial in trials}) == 4
    assert trials[3].checkpoint(5).is_dir()
    assert trials[4].checkpoint(6).is_dir()
    assert [trial.cached for trial in bench.train(plans)] == [True] * 5
    with pytest.raises(BadOption, match=f"expected steps from 0 to {plain.steps}"):
        bench.train([TrialPlan("made", store, checkpoints=(plain.steps + 1,))])
    with pytest.raises(BadInput, match="a checkpoint that a trial kept"):
        bench.train([TrialPlan("made", store, start=plain.folder)])


def test_a_trainer_stays_warm_between_calls(tmp_path: Path) -> None:
    trainers_module.end_idle()
    bench = lab(tmp_path)
    store = bench.tokens(tokens.texts(60), "made")
    processes = []
    for seed in (0, 1):
        (trial,) = bench.train([TrialPlan("made", store, seed)])
        assert (trial.folder / "trainer.log").exists(), "each trial has a log of its own"
        (idle,) = trainers_module._idle
        processes.append(idle.process.pid)
    assert processes[0] == processes[1]
    idle.process.kill()
    idle.process.wait()
    (trial,) = bench.train([TrialPlan("made", store, 2)])
    (other,) = trainers_module._idle
    assert other.process.pid != processes[0], "one that has died is not taken"
    trainers_module.end_idle()
    assert not other.alive
    assert not trainers_module._idle


def test_a_warm_trainer_that_ends_as_it_is_given_a_trial_is_replaced(tmp_path: Path) -> None:
    trainers_module.end_idle()
    bench = lab(tmp_path)
    store = bench.tokens(tokens.texts(60), "made")
    bench.train([TrialPlan("made", store, 0)])
    (idle,) = trainers_module._idle
    idle.process.kill()
    idle.process.wait()
    idle.process.poll = lambda: None  # type: ignore[method-assign]  # it dies between this look and its job
    (trial,) = bench.train([TrialPlan("made", store, 1)])
    assert (trial.folder / "trial.json").exists()


def test_a_trainer_for_another_environment_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainers_module.end_idle()
    bench = lab(tmp_path)
    store = bench.tokens(tokens.texts(60), "made")
    bench.train([TrialPlan("made", store, 0)])
    (first,) = trainers_module._idle
    monkeypatch.setenv("CUPEL_TESTS_OTHER", "1")
    bench.train([TrialPlan("made", store, 1)])
    (second,) = trainers_module._idle
    assert first is not second
    assert not first.alive, "what is idle for another environment gives its memory back"


def test_a_trial_of_another_trainer_is_refused(tmp_path: Path) -> None:
    bench = lab(tmp_path)
    plan = TrialPlan("made", bench.tokens(tokens.texts(60), "made"))
    path = bench.train([plan])[0].folder / "trial.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "trainer": 0}))
    with pytest.raises(BadInput, match="trained by another trainer"):
        bench.train([plan])


def test_weights_are_honoured_by_training(tmp_path: Path) -> None:
    bench = lab(tmp_path)
    texts = tokens.texts(40)
    table = pa.table({"text": texts, "weight": [3.0] * 10 + [0.5] * 30})
    trial = bench.train([TrialPlan("weighed", bench.tokens(table, "weighed"), 0, {"tokens": 40_000})])[0]
    from cupel.lab.training.order import VISIT

    visits = np.fromfile(trial.folder / "visits.bin", VISIT)["document"].astype(int)
    counts = np.bincount(visits, minlength=40)
    assert counts[:10].mean() / counts[10:].mean() == pytest.approx(6.0, rel=0.1)


def test_tables_of_ones_own() -> None:
    with pytest.raises(BadInput, match="no column 'text'"):
        as_documents(pa.table({"body": ["a"]}))
    with pytest.raises(BadInput, match="a weight is below 0"):
        as_documents(pa.table({"text": ["a"], "weight": [-1.0]}))


def test_the_machine_is_asked_for_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine("cpu").workers == len(os.sched_getaffinity(0))
    monkeypatch.setenv("CXX", "/nowhere/g++")
    assert not machine("cpu").compile
    with pytest.raises(BadOption, match="expected auto, cpu or cuda"):
        machine("tpu")
