"""The lab from Python: tokens, trials and scores in a few lines, for sweeps and experiments of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from cupel.contract import TrialProgress
from cupel.engine import Engine
from cupel.errors import BadInput, RunFailed
from cupel.lab.data.arms import Arm
from cupel.lab.data.chats import CHAT_VERSION
from cupel.lab.data.documents import (
    CHATS,
    DOCUMENTS,
    as_documents,
    documents_digest,
    read_documents,
    without,
)
from cupel.lab.data.pack import PACK_VERSION, PIECE_TOKENS, pack
from cupel.lab.data.survey import Lowest
from cupel.lab.evaluations.evaluation import Evaluation, EvaluationContext
from cupel.lab.evaluations.score import score
from cupel.lab.progress import Quiet
from cupel.lab.scale import Scale
from cupel.lab.training.job import TrainJob
from cupel.lab.training.tokens import TokenStore
from cupel.lab.trials import Machine, Trial, machine, make_job, train
from cupel.models.tokenizer import Tokenizer, train_tokenizer
from cupel.store import Key, Store, digest_all, digest_json
from cupel.verdict.measures import Measure

__all__ = ["Lab", "TrialPlan", "cached_tokenizer"]


@dataclass(frozen=True)
class TrialPlan:
    """One trial that is wanted.

    Attributes
    ----------
    name
        The arm's, in messages and results.
    store
        Its tokens.
    seed
        Of the initialization and of the order of documents.
    changes
        Values in place of the scale's, by dotted name: `{"tokens": 500_000}`.
    initial
        A `model.safetensors` whose weights the trial starts from; by default they are drawn by the seed.
    start
        A trial that kept a checkpoint of its last step, or a checkpoint that a trial kept (`Trial.checkpoint`): the
        trial starts from its weights and its optimizer's state. Schedule and order of documents begin anew, so
        that phases and rounds are trials that start from each other.
    checkpoints
        Steps after which a checkpoint is kept for good, in `steps/` of the trial's folder. They do not change the
        trial: of one that is finished, only the steps up to a missing checkpoint are trained again.
    """

    name: str
    store: TokenStore
    seed: int = 0
    changes: Mapping[str, Any] = field(default_factory=dict)
    initial: Path | None = None
    start: Trial | Path | None = None
    checkpoints: tuple[int, ...] = ()


@dataclass(frozen=True)
class Lab:
    """A bench to train on: one scale, one tokenizer, one cache.

    Attributes
    ----------
    scale
        The recipe of every trial, unless a plan changes a value.
    tokenizer
        Checked; `Lab.make` trains one.
    cache
        Where tokens and trials are kept: what was made once is not made again.
    on
        The machine.

    Examples
    --------
    >>> lab = Lab.make(["some text", "more text"], scale="nano", cache="cache")  # doctest: +SKIP
    >>> arms = {name: lab.tokens(table, name) for name, table in variants.items()}  # doctest: +SKIP
    >>> trials = lab.train([TrialPlan(name, arms[name], seed) for name in arms for seed in range(3)])  # doctest: +SKIP
    >>> lab.score(trials[0], [HeldOut(held_out)])[0].value  # doctest: +SKIP
    1.93
    """

    scale: Scale
    tokenizer: Tokenizer
    cache: Store
    on: Machine

    @classmethod
    def make(
        cls,
        texts: Iterable[str] | str | Path,
        *,
        scale: Scale | str | Path = "nano",
        cache: str | Path | Store,
        device: str = "auto",
        workers: int | None = None,
        engine: Engine | None = None,
        seed: int = 0,
    ) -> Lab:
        """A lab with a tokenizer of its own.

        Parameters
        ----------
        texts
            What the tokenizer is trained on: texts, of which the scale's `sample_bytes` are drawn evenly, or
            a `tokenizer.json`.

        Raises
        ------
        BadInput
            No text.
        BadOption, MissingExtra
            A device that is not there; torch is not installed.
        """
        recipe = scale if isinstance(scale, Scale) else Scale.load(scale)
        on, store = machine(device, workers, engine), Store.of(cache)
        if isinstance(texts, str | Path):
            return cls(recipe, Tokenizer.load(texts), store, on)
        drawn = Lowest(recipe.tokenizer.sample_bytes, seed)
        for text in texts:
            drawn.offer(text, text, "")
        sample = [document.text for document in drawn.documents()]
        if not sample:
            raise BadInput("no text to train a tokenizer on")
        return cls(recipe, cached_tokenizer(sample, recipe.tokenizer.vocabulary, store), store, on)

    def tokens(
        self,
        documents: Arm | pa.Table | Iterable[str],
        name: str,
        *,
        without_ids: frozenset[str] = frozenset(),
        ordered: bool = False,
        read: Callable[[str], Iterator[pa.RecordBatch]] | None = None,
    ) -> TokenStore:
        """The tokens of an arm.

        Parameters
        ----------
        documents
            An arm; a table with `text`, and where they matter `id`, `weight` and `parts`; or texts.
        name
            For messages.
        without_ids
            Documents that are held out.
        ordered
            Trials see the documents in the order given, instead of one that their seed names.
        read
            Gives the documents of an arm's path, as the scale reads chats; by default they are read from there.

        Raises
        ------
        BadInput
            No text, or a weight that is none.
        RunFailed
            The disk is full.
        """
        chats = self.scale.chats != "text"
        if isinstance(documents, Arm):
            known = documents.identity()
            read = read or partial(read_documents, chats=chats)
            parts = [(part.share, read(part.path)) for part in documents.parts]
        else:
            table = as_documents(documents, chats=chats)
            columns = ("id", "text", "weight", "answers") if chats else ("id", "text", "weight")
            known = documents_digest(table, columns)
            parts = [(None, iter(table.to_batches(max_chunksize=4096)))]
        # Without their answers, chats are plain texts that the template has written: all of them counts.
        wanted = CHATS.names if self.scale.chats == "answers" else DOCUMENTS.names
        parts = [
            (share, without((batch.select(wanted) for batch in batches), without_ids))
            for share, batches in parts
        ]
        piece = max(PIECE_TOKENS, 2 * self.scale.model.context)
        key = Key(
            "tokens",
            version=PACK_VERSION,
            options={"piece_tokens": piece, "ordered": ordered}
            | ({"chats": self.scale.chats, "template": CHAT_VERSION} if chats else {}),
            inputs={
                "documents": known,
                "tokenizer": self.tokenizer.digest,
                "held out": digest_json(sorted(without_ids)),
            },
        )

        def build(unfinished: Path) -> None:
            pack(parts, self.tokenizer, unfinished, name=name, ordered=ordered, piece_tokens=piece)

        try:
            return TokenStore(self.cache.make(key, build, whole=TokenStore.is_whole))
        except OSError as error:
            raise RunFailed(
                f"{self.cache.path(key)}: {error}; free some space, then run the same command again"
            ) from error

    def jobs(self, plans: Sequence[TrialPlan]) -> list[TrainJob]:
        """What each trial is trained with, and where it is kept.

        Raises
        ------
        BadInput
            An arm that does not fill one batch, or a trial to start from that kept no checkpoint.
        """
        return [
            make_job(
                plan.store,
                self.tokenizer,
                self.scale.changed(plan.changes),
                plan.seed,
                self.cache,
                self.on,
                name=plan.name,
                initial=plan.initial,
                start=plan.start.checkpoint() if isinstance(plan.start, Trial) else plan.start,
                checkpoints=plan.checkpoints,
            )
            for plan in plans
        ]

    def train(self, plans: Sequence[TrialPlan], progress: TrialProgress | None = None) -> list[Trial]:
        """Train what is not trained yet, several at a time; gives the trials in the order of the plans.

        Raises
        ------
        BadInput
            An arm that does not fill one batch, or a trial to start from that kept no checkpoint.
        RunFailed
            A trial failed; the same call resumes.
        """
        jobs = self.jobs(plans)
        records = train(jobs, self.on, progress)
        for artifact in self.cache.trim():
            (progress or Quiet()).note(
                f"removed {artifact.kind}/{artifact.path.name} from the cache, to keep it within its bound"
            )
        return [
            Trial(plan.name, plan.seed, Path(job.output), record, record["cached"])
            for plan, job, record in zip(plans, jobs, records, strict=True)
        ]

    def score(self, trial: Trial, evaluations: Sequence[Evaluation]) -> tuple[Measure, ...]:
        """The measures of a trial; those that were made before are read."""
        dtype = "bfloat16" if self.on.device == "cuda" else "float32"
        return score(trial.folder, evaluations, EvaluationContext(device=self.on.device, dtype=dtype))  # type: ignore[arg-type]


def cached_tokenizer(sample: Sequence[str], vocabulary: int, cache: Store) -> Tokenizer:
    """The tokenizer trained on these texts; trained once, whoever asks, and trained again if its file is damaged."""
    key = Key("tokenizers", options={"vocabulary": vocabulary}, inputs={"texts": digest_all(sample)})
    folder = cache.make(
        key,
        lambda unfinished: train_tokenizer(sample, vocabulary, unfinished / "tokenizer.json"),
        whole=_holds_tokenizer,
    )
    return Tokenizer.load(folder)


def _holds_tokenizer(folder: Path) -> bool:
    try:
        Tokenizer.load(folder)
    except BadInput:
        return False
    return True
