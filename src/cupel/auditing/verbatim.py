"""Verbatim memorization: the openings of training documents that a model completes word for word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from cupel.auditing.passages import count_documents, draw_passages, read_pools
from cupel.auditing.recitation import Emitted
from cupel.contract import DOCUMENT_TABLE, Annotates, Audit, Bench, Column, Finding, NamesFinding, Paper
from cupel.contract.subjects import model_folder, model_label
from cupel.errors import BadOption
from cupel.findings import Block, Sample, Samples, Section, Table
from cupel.lab.evaluations.evaluation import EvaluationContext
from cupel.lab.trials import machine
from cupel.models.checkpoint import load_checkpoint, text_encoder
from cupel.verdict.shares import share_interval

__all__ = ["Verbatim"]

SHOWN = 8
"""Recited passages on the page."""
EIDETIC = (1, 2, 4, 8, 16, 32, 64)


class Verbatim(Audit, Annotates):
    """Verbatim memorization: the documents that a model completes word for word.

    A document's opening is *extractable* with a prompt of k tokens when greedy decoding continues them with exactly
    the `length` tokens that follow in the document (Carlini et al. 2023, definition 3.1):

        argmaxₜ p(t | x₁ … xᵢ₋₁) = xᵢ   for every i in k + 1 … k + length

    Greedy decoding gives a passage back exactly if each of its tokens is the likeliest one after those before, so one
    pass over the passage tells, and nothing is generated. Passages begin where their documents do, after an
    end-of-text token, as in training.

    A passage that stands in at most k training documents and is extractable is *k-eidetically* memorized (Carlini et
    al. 2021). How often each passage stands in `documents` is counted byte for byte, so name the whole training text.
    Name text that the models have not seen as `unseen`: what they recite of that is not memorized, but predictable.

    ```
    cupel audit verbatim trial:assay-trial --documents pool --unseen fresh.jsonl -o memorized
    ```

    Examples
    --------
    >>> Verbatim.from_options({"documents": ["pool"], "prompt": 32}).options.length
    50
    """

    name = "verbatim"
    papers = (
        Paper(
            title="Quantifying Memorization Across Neural Language Models",
            authors="Carlini, Ippolito, Jagielski, Lee, Tramèr, Zhang",
            year=2023,
            url="https://arxiv.org/abs/2202.07646",
            section="3.1",
        ),
        Paper(
            title="Extracting Training Data from Large Language Models",
            authors="Carlini et al.",
            year=2021,
            url="https://arxiv.org/abs/2012.07805",
            section="3",
        ),
    )
    cost = (
        "One forward pass over `prompt` + `length` tokens per passage and model, and one pass over the text of "
        "`documents` to count."
    )
    limits = (
        "A lower bound: other prompts and sampling extract more. Passages elsewhere than at the beginning of a document "
        "are not asked for. Copies that differ in a byte count as another passage."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "recited": Column(
            pa.bool_(), "yes or no", "whether a model completes the document's opening word for word"
        ),
        "recited_tokens": Column(
            pa.int64(), "tokens", "tokens given back before the first other one, at most over models"
        ),
        "passage_documents": Column(pa.int64(), "documents", "documents in which the passage stands"),
    }
    pools = ("documents", "unseen")

    class Options(NamesFinding):
        """Which passages, and how long they are."""

        documents: tuple[str, ...] = Field((), description="Pools that the models were trained on.")
        unseen: tuple[str, ...] = Field((), description="Pools that no model has seen, to compare with.")
        prompt: int = Field(50, ge=1, description="Tokens that are given.")
        length: int = Field(50, ge=1, description="Tokens that must follow word for word.")
        passages: int = Field(
            1000, ge=1, description="Passages of `documents`, and as many of `unseen`, at most."
        )
        seed: int = Field(0, ge=0, lt=1 << 63, description="Which documents are drawn.")

    options: Options

    def audit(self, models: Sequence[str], bench: Bench) -> Finding:
        """What these models recite."""
        options = self.options
        if not options.documents:
            raise BadOption(f"{self.name}: name the pools that the models were trained on as 'documents'")
        folders = {model_label(model): model_folder(model, self.name) for model in models}
        on = machine(bench.device)
        dtype = "bfloat16" if on.device == "cuda" else "float32"
        context = EvaluationContext(device=on.device, dtype=dtype)  # type: ignore[arg-type]
        encoders = [text_encoder(load_checkpoint(folder)[1]) for folder in folders.values()]
        bench.progress.note(f"draw passages of {', '.join(options.documents)}")
        wanted = options.prompt + options.length
        seen = draw_passages(read_pools(options.documents), encoders, wanted, options.passages, options.seed)
        unseen = (
            draw_passages(read_pools(options.unseen), encoders, wanted, options.passages, options.seed)
            if options.unseen
            else seen.slice(0, 0)
        )
        bench.progress.note(f"count {seen.num_rows:,} passages in {', '.join(options.documents)}")
        held_by = count_documents(seen["passage"].to_pylist(), read_pools(options.documents))
        recited: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        for name, folder in folders.items():
            bench.progress.note(f"recite with {name}")
            model, tokenizer = load_checkpoint(folder, device=on.device, dtype=context.dtype)
            recited[name] = (
                self._recited(seen, model, tokenizer, context),
                self._recited(unseen, model, tokenizer, context),
            )
        return self._finding(seen, held_by, recited)

    def _recited(
        self, passages: pa.Table, model: object, tokenizer: object, context: EvaluationContext
    ) -> NDArray[np.int64]:
        """Of each passage how many of its tokens are given back before the first other one."""
        if not passages.num_rows:
            return np.empty(0, np.int64)
        evaluation = Emitted(passages, self.options.prompt, self.options.length)
        exact = evaluation.exact(model, tokenizer, context)
        return np.cumprod(exact, axis=1).sum(axis=1).astype(np.int64)

    def _finding(
        self,
        seen: pa.Table,
        held_by: NDArray[np.int64],
        recited: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]],
    ) -> Finding:
        length = self.options.length
        longest = np.max([own for own, _ in recited.values()], axis=0)
        documents = pa.table(
            {
                "id": seen["id"],
                "recited": pa.array(longest == length),
                "recited_tokens": pa.array(longest),
                "passage_documents": pa.array(held_by),
            }
        )
        passages = pa.concat_tables(
            [
                pa.table(
                    {
                        "model": pa.array([name] * seen.num_rows, pa.large_string()),
                        "id": seen["id"],
                        "passage_documents": pa.array(held_by),
                        "recited_tokens": pa.array(own),
                    }
                )
                for name, (own, _) in recited.items()
            ]
        )
        shares = {
            name: {
                "recited": int((own == length).sum()),
                "passages": len(own),
                "unseen_recited": int((other == length).sum()),
                "unseen": len(other),
            }
            for name, (own, other) in recited.items()
        }
        return Finding(
            tables={DOCUMENT_TABLE: documents, "passages": passages},
            sections=(
                _shares_section(recited, length),
                _repeats_section(recited, held_by, length),
                *_samples_section(seen, longest, length),
            ),
            facts=(
                ("passages", f"{seen.num_rows:,}"),
                *(
                    (f"recited by {name}", _share(counts["recited"], counts["passages"]))
                    for name, counts in shares.items()
                ),
            ),
            about={"models": shares, "prompt": self.options.prompt, "length": length},
        )


def _share(count: int, total: int) -> str:
    low, high = share_interval(count, total)
    return f"{count / max(total, 1):.1%} ({low:.1%} to {high:.1%})"


def _shares_section(
    recited: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]], length: int
) -> Section:
    rows = []
    for name, both in recited.items():
        for what, own in zip(("documents", "unseen"), both, strict=True):
            if len(own):
                count = int((own == length).sum())
                rows.append(
                    (
                        name,
                        what,
                        len(own),
                        count,
                        count / len(own),
                        *share_interval(count, len(own)),
                        own.mean(),
                    )
                )
    table = Table(
        columns=("model", "of", "passages", "recited", "share", "from", "to", "tokens given back"),
        rows=tuple(rows),
        formats=("text", "text", "count", "count", "percent", "percent", "percent", "number"),
    )
    lead = "Passages that greedy decoding completes word for word, with 95 % intervals."
    return Section(title="Recited", key="recited", lead=lead, blocks=(table,))


def _repeats_section(
    recited: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]],
    held_by: NDArray[np.int64],
    length: int,
) -> Section:
    """By how often a passage stands in the documents; and how many are k-eidetically memorized."""
    edges = [edge for edge in EIDETIC if edge <= held_by.max(initial=1)]
    bins = [(low, high) for low, high in zip(edges, [*edges[1:], None], strict=True)]
    blocks: list[Block] = []
    for name, (own, _) in recited.items():
        rows = []
        for low, high in bins:
            inside = (held_by >= low) & (held_by < (high or np.inf))
            total, count = int(inside.sum()), int((own[inside] == length).sum())
            last = (high or int(held_by.max(initial=1)) + 1) - 1
            eidetic = int(((own == length) & (held_by <= last)).sum())
            label = f"{low}" if last == low else f"{low} to {last}"
            share = (count / total, *share_interval(count, total)) if total else (None, None, None)
            rows.append((label, total, count, *share, eidetic))
        blocks.append(
            Table(
                columns=("documents that hold it", "passages", "recited", "share", "from", "to", "k-eidetic"),
                rows=tuple(rows),
                formats=("text", "count", "count", "percent", "percent", "percent", "count"),
                caption=f"{name}. k-eidetic: recited, and held by at most that many documents.",
            )
        )
    return Section(
        title="By how often a passage stands in the documents", key="repeats", blocks=tuple(blocks)
    )


def _samples_section(seen: pa.Table, longest: NDArray[np.int64], length: int) -> tuple[Section, ...]:
    places = np.flatnonzero(longest == length)[:SHOWN]
    if not len(places):
        return ()
    samples = tuple(
        Sample(id=row["id"], source=row["domain"], text=row["passage"])
        for row in seen.take(pa.array(places)).to_pylist()
    )
    return (
        Section(
            title="Some of what is recited",
            key="samples",
            blocks=(Samples(heading="Prompt and continuation", samples=samples),),
        ),
    )
