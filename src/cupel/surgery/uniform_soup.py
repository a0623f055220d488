"""A uniform soup: the mean of the weights of several models."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from cupel.contract import MODEL, Argument, Bench, Finding, Method, Paper, Update
from cupel.errors import BadInput
from cupel.findings import Alarm, Section, Table
from cupel.lab.data.survey import read_held_out
from cupel.lab.evaluations.evaluation import EvaluationContext, evaluate
from cupel.lab.evaluations.held_out import HeldOut, HeldOutOptions
from cupel.lab.trials import machine
from cupel.surgery.weights import average, check_alike
from cupel.verdict.measures import Measure
from cupel.verdict.paired import paired_difference_of_items

__all__ = ["UniformSoup"]

SOUP = "soup"


class UniformSoup(Update):
    """A uniform soup: the mean of the weights of models of one architecture.

    Wortsman et al. (2022) average models that were fine-tuned from one initialization with different data, seeds or
    hyperparameters:

        θ = 1/k Σᵢ θᵢ

    The result costs no more to run than one of them. It is at least as good as their mean loss wherever the loss is
    convex between them, which holds between models that share most of their training, and not between models that
    were trained from different random weights.

    ```
    cupel update uniform-soup trial:one trial:two trial:three --held-out clean.jsonl -o soup
    ```

    The model lies in `soup/artifacts/model`, a folder that `hf`-style references and `trial:` load. With `held_out`
    text the finding compares it with each of its ingredients, in bits per byte, with intervals over documents.
    """

    name = "uniform-soup"
    papers = (
        Paper(
            title="Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing "
            "inference time",
            authors="Wortsman et al.",
            year=2022,
            url="https://arxiv.org/abs/2203.05482",
            section="2",
        ),
    )
    cost = "Reads each model's weights once; memory: one file of weights and one tensor per model."
    limits = (
        "Models that do not share an initialization average to noise: look at the comparison before the soup is used. "
        "Intervals are over documents only; they say nothing of other seeds."
    )
    argument = Argument(
        "MODEL",
        "References of two or more models with weights, of one architecture: trial:FOLDER, a folder, hf:org/name.",
        "models",
        at_least=2,
    )
    pools = ("held_out",)

    class Options(Method.Options):
        """What the soup is compared on."""

        held_out: tuple[str, ...] = Field(
            (), description="Text to compare the soup with its ingredients on, by its field `domain`."
        )
        max_domain_bytes: int = Field(
            1 << 17, ge=1, description="Bytes of each domain that are scored at most."
        )

    options: Options

    def update(self, models: Sequence[Path], output: Path, bench: Bench) -> Finding:
        """Average these models into `output`."""
        check_alike(models, self.name)
        bench.progress.note(f"average {len(models)} models")
        average(models, [1 / len(models)] * len(models), output)
        beginnings = _beginnings(models)
        alarms = (
            Alarm(
                text="These trials did not begin from the same weights. Averages of models that share no beginning are "
                "usually worse than each of them."
            ),
        )
        table = Table(
            columns=("ingredient", "weight", "folder"),
            rows=tuple(
                (name, 1 / len(models), str(path)) for name, path in zip(_labels(models), models, strict=True)
            ),
            formats=("text", "percent", "text"),
        )
        sections = [
            Section(
                title="Ingredients", key="ingredients", blocks=(table, *(alarms if beginnings > 1 else ()))
            )
        ]
        about: dict[str, Any] = {"ingredients": [str(path) for path in models]}
        facts = [("ingredients", str(len(models)))]
        if self.options.held_out:
            measures = self._measures(models, output, bench)
            about["bits_per_byte"] = {
                name: {measure.subset: measure.value for measure in own_measures}
                for name, own_measures in measures.items()
            }
            sections.append(_loss_section(measures))
            facts += [
                (f"bits per byte, {name}", f"{_mean(own_measures):.4f}")
                for name, own_measures in measures.items()
            ]
        return Finding(sections=tuple(sections), facts=tuple(facts), about=about, artifacts=(MODEL,))

    def _measures(self, models: Sequence[Path], soup: Path, bench: Bench) -> dict[str, tuple[Measure, ...]]:
        """Bits per byte of the soup and of each ingredient, by domain."""
        on = machine(bench.device)
        context = EvaluationContext(
            device=on.device,
            dtype="bfloat16" if on.device == "cuda" else "float32",
        )
        limit = self.options.max_domain_bytes
        held_out = HeldOut(
            read_held_out(self.options.held_out, limit), HeldOutOptions(max_domain_bytes=limit)
        )
        measures = {}
        for name, folder in zip((SOUP, *_labels(models)), (soup, *models), strict=True):
            bench.progress.note(f"score {name}")
            measures[name] = evaluate(folder, [held_out], context)
        return measures


def _beginnings(models: Sequence[Path]) -> int:
    """From how many different weights the trials among these models began; 1 where that is not known."""
    begun = set()
    for folder in models:
        try:
            job = json.loads((folder / "trial.json").read_bytes())["job"]
            begun.add(job.get("start_digest") or job.get("initial_digest") or f"seed {job['seed']}")
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{folder / 'trial.json'}: cannot be read: {error}") from None
    return max(1, len(begun))


def _labels(models: Sequence[Path]) -> list[str]:
    """Short names that differ: the trial's arm and seed, or the folder's last part."""
    labels: list[str] = []
    for folder in models:
        name = folder.name
        if (folder / "trial.json").is_file():
            name = str(json.loads((folder / "trial.json").read_bytes()).get("name", name))
        labels.append(name if name not in (*labels, SOUP) else f"{name} ({len(labels) + 1})")
    return labels


def _mean(measures: Sequence[Measure]) -> float:
    """Over domains."""
    return sum(measure.value for measure in measures) / len(measures)


def _loss_section(measures: dict[str, tuple[Measure, ...]]) -> Section:
    soup = measures[SOUP]
    ingredients = {name: own_measures for name, own_measures in measures.items() if name != SOUP}
    means = [_mean(own_measures) for own_measures in ingredients.values()]
    rows: list[tuple[object, ...]] = []
    for name, own_measures in ingredients.items():
        parts: list[tuple[Sequence[Measure], Sequence[Measure], str]] = [
            ((own,), (other,), own.subset) for own, other in zip(soup, own_measures, strict=True)
        ]
        if len(soup) > 1:
            parts.insert(0, (soup, own_measures, f"mean of {len(soup)}"))
        for own, other, subset in parts:
            difference = paired_difference_of_items(own, other)
            word = ("better" if difference.value < 0 else "worse") if difference.decided else "undecided"
            rows.append(
                (
                    name,
                    subset,
                    _mean(other),
                    _mean(own),
                    difference.value,
                    difference.low,
                    difference.high,
                    word,
                )
            )
    lead = (
        f"The soup needs {_mean(soup):.4f} bits per byte, its ingredients {sum(means) / len(means):.4f} on average and "
        f"{min(means):.4f} at best; it needs fewer than {sum(_mean(soup) < mean for mean in means)} of {len(means)}."
    )
    table = Table(
        columns=("ingredient", "text", "bits per byte", "soup", "difference", "from", "to", "the soup is"),
        rows=tuple(rows),
        formats=("text", "text", "number", "number", "number", "number", "number", "text"),
        caption="Soup minus ingredient, with 95 % intervals over documents.",
    )
    return Section(title="Held-out text", key="held-out", lead=lead, blocks=(table,))
