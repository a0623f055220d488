"""From a recipe to passes: what is measured when, what is decided together, where a pass ends.

A pass reads all documents once. It is a chain of operations on batches, and ends in a barrier where every
document must be known at once: decisions over the whole corpus, or something that is fitted to it. Neighboring
decisions share a barrier. What is fitted is fitted before the pass that uses it, so that what stands before it
drops documents first. A model is asked in a pass of its own, after what is cheap has dropped documents. A generator ends a
pass, too: the next one reads what it wrote beside the documents that were there.

Rules that follow each other without an edit between them form a group: their signals are
measured together in one pass over the text, and all of them are decided for every document
of the group, so that the report can say what each rule alone, and only it, would drop.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from cupel.contract import (
    SPANS,
    Acts,
    Asks,
    Compares,
    Computes,
    CorpusMethod,
    Edit,
    Extraction,
    Extractor,
    Fitted,
    Generator,
    Keeps,
    KeepsOriginals,
    Method,
    PrefersSources,
    Rules,
    Signal,
    find_method,
    methods_of,
)
from cupel.corpus.part_arrays import Side
from cupel.errors import BadRecipe
from cupel.recipe.recipe import Recipe, Step

__all__ = ["CorpusStep", "EditStep", "GeneratorStep", "Group", "Pass", "Plan", "RulesStep", "make_plan"]


@dataclass(frozen=True)
class RulesStep:
    """One rule set."""

    label: str
    rules: Rules


@dataclass(frozen=True)
class Group:
    """Signals measured together, and the rule sets decided on them."""

    signals: tuple[Signal, ...]
    columns: tuple[str, ...]
    """Columns to measure here; those that are known already are not among them."""
    rules: tuple[RulesStep, ...]


@dataclass(frozen=True)
class EditStep:
    """One edit."""

    label: str
    edit: Edit


@dataclass(frozen=True)
class CorpusStep:
    """One decision over the whole corpus, and what is done with it."""

    label: str
    method: CorpusMethod

    @property
    def action(self) -> str:
        """`drop`, `cut`, `weigh` or `mark`."""
        options = self.method.options
        return options.action if isinstance(options, Acts) else "drop"

    @property
    def side(self) -> Side | None:
        """What of a conversation is compared; None: all of it."""
        options = self.method.options
        compared = options.compare if isinstance(options, Compares) else "text"
        return None if compared == "text" else compared

    @property
    def keep(self) -> str:
        """Which document of a cluster stays: `longest`, `first` or `signal:NAME`."""
        options = self.method.options
        return options.keep if isinstance(options, Keeps) else "first"

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources in order of preference."""
        options = self.method.options
        return options.sources if isinstance(options, PrefersSources) else ()

    @property
    def marked(self) -> dict[str, pa.DataType]:
        """Columns that `mark` adds, without the label before them."""
        if self.action != "mark":
            return {}
        if self.method.finds == "documents":
            score = {"score": pa.float64()} if self.method.scores else {}
            return {"cluster": pa.int64(), "cluster_size": pa.int64(), **score}
        if self.method.finds == "weights":
            return {"score": pa.float64(), "weight": pa.float64()}
        if self.method.finds == "selection":
            return {"selected": pa.bool_(), "score": pa.float64()}
        name = {"survivor": pa.large_string()} if self.method.names_origin else {}
        return {"cluster": pa.int64(), **name, "score": pa.float64(), "spans": SPANS}


@dataclass(frozen=True)
class FitStep:
    """One method that is fitted.

    Attributes
    ----------
    label
        Of the method's artifact: the family of a signal, the label of a step.
    steps
        How many steps of the recipe have gone over the documents that it learns from.
    """

    label: str
    method: Fitted
    steps: int


@dataclass(frozen=True)
class GeneratorStep:
    """One generator.

    Attributes
    ----------
    inherited
        Columns that hold for what is written from a document, too: they do not depend on its text.
    """

    label: str
    method: Generator
    inherited: frozenset[str]

    @property
    def drops_originals(self) -> bool:
        """Whether documents go once others are written from them."""
        options = self.method.options
        return isinstance(options, KeepsOriginals) and options.originals == "drop"


@dataclass(frozen=True)
class Pass:
    """One pass: what is fitted before it, operations on batches, and the decisions or the generator that end it."""

    index: int
    fits: tuple[FitStep, ...]
    operations: tuple[Group | EditStep, ...]
    decisions: tuple[CorpusStep, ...]
    generator: GeneratorStep | None

    @property
    def signals(self) -> list[Signal]:
        """All that is measured."""
        groups = [operation for operation in self.operations if isinstance(operation, Group)]
        return [signal for group in groups for signal in group.signals]

    @property
    def methods(self) -> list[Method]:
        """All that is carried out on documents."""
        edits = [operation.edit for operation in self.operations if isinstance(operation, EditStep)]
        writing = [self.generator.method] if self.generator else []
        return [*self.signals, *edits, *(step.method for step in self.decisions), *writing]

    @property
    def asking(self) -> list[Asks]:
        """All that asks a model."""
        return [method for method in self.methods if isinstance(method, Asks)]

    @property
    def computes_on_gpus(self) -> bool:
        """Whether a model that is loaded computes on a GPU."""
        options = [method.options for method in self.methods]
        return any(isinstance(each, Computes) and each.device.startswith("cuda") for each in options)


@dataclass(frozen=True)
class Plan:
    """What a recipe comes to.

    Attributes
    ----------
    extractors, extraction_seconds
        How HTML becomes text; more than one extractor is their union.
    passes
        The last one has no decisions and writes the corpus.
    kept_columns
        Signal columns that the recipe asks for by name: they stay in the output.
    measured
        All columns measured anywhere, with the method that measures them: the ledger's signals.
    reused
        Columns taken from the annotated input instead of measured.
    """

    recipe: Recipe
    extractors: tuple[Extractor, ...]
    extraction_seconds: float
    passes: tuple[Pass, ...]
    kept_columns: tuple[str, ...]
    measured: Mapping[str, str]
    reused: tuple[str, ...]

    @property
    def weighs(self) -> bool:
        """Whether a step changes how much documents count, so that the output has a column `weight`."""
        return any(step.action == "weigh" for pass_ in self.passes for step in pass_.decisions)

    @property
    def marks(self) -> dict[str, pa.DataType]:
        """Columns of steps that mark."""
        return {
            f"{step.label}_{name}": kind
            for pass_ in self.passes
            for step in pass_.decisions
            for name, kind in step.marked.items()
        }

    @property
    def generators(self) -> tuple[GeneratorStep, ...]:
        """All that write documents, in order."""
        return tuple(pass_.generator for pass_ in self.passes if pass_.generator)

    @property
    def fits(self) -> tuple[FitStep, ...]:
        """All that is fitted, in order."""
        return tuple(step for pass_ in self.passes for step in pass_.fits)

    @property
    def needs(self) -> tuple[tuple[str, str], ...]:
        """What documents must have for some steps to make sense: label of the step, and `turns` or `images`."""
        wanted = [
            (step.label, need)
            for step in self.recipe.steps
            for need in getattr(step.method, "needs", ())
            if need in ("turns", "images")
        ]
        compared = [(step.label, "turns") for pass_ in self.passes for step in pass_.decisions if step.side]
        return (*wanted, *compared)

    def units(self, shards: int, number: int) -> int:
        """How many units a pass before the last has: those of a generator's new documents double them."""
        return shards << sum(pass_.generator is not None for pass_ in self.passes[:number])

    def notices(self) -> list[str]:
        """What the signals want to be read once before they measure."""
        groups = [group for pass_ in self.passes for group in pass_.operations if isinstance(group, Group)]
        signals = {signal.name: signal for group in groups for signal in group.signals}
        return [f"{name}: {notice}" for name, signal in signals.items() if (notice := signal.notice())]

    def describe(self) -> list[str]:
        """One line per pass, for a terminal."""
        lines = []
        for pass_ in self.passes:
            parts = [f"fit {step.label}" for step in pass_.fits]
            for operation in pass_.operations:
                if isinstance(operation, EditStep):
                    parts.append(operation.label)
                else:
                    if operation.columns:
                        parts.append(f"measure {len(operation.columns)} signals")
                    parts += [step.label for step in operation.rules]
            parts += [step.label for step in pass_.decisions]
            parts += [pass_.generator.label] if pass_.generator else []
            lines.append(f"pass {pass_.index + 1}: " + (" → ".join(parts) or "write"))
        return lines


class _Planner:
    def __init__(self, recipe: Recipe, annotated: Mapping[str, Any]) -> None:
        self.signal_options = _signal_options(recipe)
        self.providers = _providers()
        self.valid: set[str] = set(annotated)
        self.reused: dict[str, None] = {}
        self.measured: dict[str, str] = {}
        self.kept: dict[str, None] = {}
        self.passes: list[Pass] = []
        self.operations: list[Group | EditStep] = []
        self.decisions: list[CorpusStep] = []
        self.fits: list[FitStep] = []
        self.generator: GeneratorStep | None = None
        self.built: dict[str, Signal] = {}
        self.steps = 0
        self.asking = False
        self.pending: list[RulesStep] = []
        self.wanted: dict[str, None] = {}
        self.annotated = set(annotated)

    def want(self, column: str, where: str) -> None:
        if column in self.valid:
            if column in self.annotated and column not in self.measured:
                self.reused[column] = None
        elif column in self.providers:
            self.wanted[column] = None
        else:
            edits = [name for name, edit in methods_of(Edit).items() if column in edit.columns]
            advice = f"; it comes from the edit '{edits[0]}', which must stand before" if edits else ""
            raise BadRecipe(f"{where}: needs the signal '{column}', which nothing here measures{advice}")

    def close_group(self) -> None:
        if not (self.pending or self.wanted):
            return
        columns = tuple(self.wanted)
        families = dict.fromkeys(self.providers[column] for column in columns)
        signals = tuple(self.signal(name) for name in families)
        for column in columns:
            self.measured[column] = self.providers[column]
        self.operations.append(Group(signals, columns, tuple(self.pending)))
        self.valid |= set(columns)
        self.pending, self.wanted = [], {}
        self.asking = any(isinstance(signal, Asks) for signal in signals)

    def signal(self, name: str) -> Signal:
        if name not in self.built:
            options = self.signal_options.get(name, {})
            self.built[name] = find_method(name, Signal).from_options(options, where="signals")
        return self.built[name]

    def close_pass(self) -> None:
        self.close_group()
        operations, decisions = tuple(self.operations), tuple(self.decisions)
        self.passes.append(Pass(len(self.passes), tuple(self.fits), operations, decisions, self.generator))
        self.fits, self.operations, self.decisions, self.generator = [], [], [], None
        self.asking = False

    def prepare(self, columns: Iterable[str]) -> None:
        """Fit what must be fitted before these columns can be measured; let what is cheap drop documents before a
        model is asked."""
        families = dict.fromkeys(
            self.providers[column]
            for column in columns
            if column not in self.valid and column not in self.wanted and column in self.providers
        )
        for signal in map(self.signal, families):
            self.fit(signal.name, signal)
            self.begin_asking(signal)

    def begin_asking(self, method: Method) -> None:
        """Give what asks a model a pass of its own, after what is cheap has dropped documents."""
        if isinstance(method, Asks):
            self.close_group()
            if self.operations or self.decisions or not self.passes:
                self.close_pass()

    def fit(self, label: str, method: Method) -> None:
        """Plan to fit a method before the pass that is being planned, unless that is planned already."""
        fits = [*self.fits, *(step for pass_ in self.passes for step in pass_.fits)]
        if not isinstance(method, Fitted) or not method.is_fitted:
            return
        if any(step.method is method for step in fits):
            return
        if method.given is None and method.reads_corpus:
            self.close_group()
            if self.operations or self.decisions or not self.passes:
                self.close_pass()
            if any(step.action == "cut" for step in self.passes[-1].decisions):
                self.close_pass()  # that pass cuts; what is learned is learned from what is left
        self.fits.append(FitStep(label, method, self.steps))

    def add(self, step: Step) -> None:
        label, method = step.label, step.method
        if self.asking or (self.decisions and not isinstance(method, CorpusMethod)):
            self.close_pass()
        if isinstance(method, Signal):
            self.add_signal(label, method)
        elif isinstance(method, Rules):
            self.add_rules(label, method)
        elif isinstance(method, Edit):
            self.add_edit(label, method)
        elif isinstance(method, CorpusMethod):
            self.add_decision(label, method)
        elif isinstance(method, Generator):
            self.add_generator(label, method)
        else:
            raise BadRecipe(f"step '{label}': extraction can only be the first step, and only once")

    def add_signal(self, label: str, signal: Signal) -> None:
        self.prepare(signal.columns)
        for column in signal.columns:
            self.want(column, f"step '{label}'")
            self.kept[column] = None

    def add_rules(self, label: str, rules: Rules) -> None:
        needed = rules.needs_edit
        if needed and not self.just_edited(needed):
            self.add_edit(needed, find_method(needed, Edit)())
            self.steps += 1  # what is fitted for these rules learns from the text that they have edited
        self.prepare(rules.signals)
        for column in rules.signals:
            self.want(column, f"step '{label}'")
        self.pending.append(RulesStep(label, rules))

    def just_edited(self, name: str) -> bool:
        columns = find_method(name, Edit).columns
        return bool(columns) and set(columns) <= self.valid

    def add_edit(self, label: str, edit: Edit) -> None:
        self.close_group()
        if self.asking:
            self.close_pass()
        self.fit(label, edit)
        self.begin_asking(edit)
        self.operations.append(EditStep(label, edit))
        self.asking = isinstance(edit, Asks)
        for column in edit.columns:
            self.measured[column] = edit.name
        self.forget_text()
        self.valid |= set(edit.columns)

    def forget_text(self) -> None:
        """The text has changed: signals of it do not hold any more."""
        independent = {c for c in self.valid if c in self.providers and self.reads_no_text(self.providers[c])}
        self.valid = independent | {c for c in self.valid if c not in self.providers}

    def reads_no_text(self, name: str) -> bool:
        return "text" not in find_method(name, Signal).needs

    def add_decision(self, label: str, method: CorpusMethod) -> None:
        step = CorpusStep(label, method)
        if step.side is not None and step.action == "cut":
            raise BadRecipe(
                f"step '{label}': cuts parts out of the whole text, and compares the {step.side}; choose the action "
                "'drop' or 'mark', or compare the 'text'"
            )
        columns = [*method.signals]
        if step.keep.startswith("signal:"):
            columns.append(step.keep.removeprefix("signal:"))
        self.prepare(columns)
        self.fit(label, method)
        for column in columns:
            self.want(column, f"step '{label}'")
        self.close_group()
        self.decisions.append(step)
        if step.action == "cut":
            # What follows sees another text.
            self.close_pass()
            self.forget_text()

    def add_generator(self, label: str, generator: Generator) -> None:
        self.fit(label, generator)
        self.begin_asking(generator)
        self.close_group()
        self.forget_text()  # what was measured is not known of new documents
        self.generator = GeneratorStep(label, generator, frozenset(self.valid))
        self.close_pass()


def make_plan(recipe: Recipe, annotated: Mapping[str, Any] | None = None) -> Plan:
    """The plan of `recipe`.

    Parameters
    ----------
    annotated
        Signal columns that the input already carries, valid for its text; they are not
        measured again until an edit changes the text.

    Raises
    ------
    BadRecipe
        A rule needs a signal that nothing measures, an edit does not stand where it must, or
        signal families are told to measure in different ways.
    """
    planner = _Planner(recipe, annotated or {})
    extractors, seconds, steps = _extraction(recipe.steps)
    for number, step in enumerate(steps, len(recipe.steps) - len(steps)):
        planner.steps = number
        planner.add(step)
    if planner.decisions:
        planner.close_pass()
    planner.close_pass()
    if len(planner.passes) == 1:  # maps, then writes shards of even size
        planner.close_pass()
    return Plan(
        recipe=recipe,
        extractors=extractors,
        extraction_seconds=seconds,
        passes=tuple(planner.passes),
        kept_columns=tuple(planner.kept),
        measured=planner.measured,
        reused=tuple(planner.reused),
    )


def _signal_options(recipe: Recipe) -> dict[str, Mapping[str, Any]]:
    """Options of each signal family: from `signals`, or from the step that names the family."""
    options: dict[str, Mapping[str, Any]] = dict(recipe.signals)
    for step in recipe.steps:
        method = step.method
        if not isinstance(method, Signal) or not method.options.model_dump(exclude_defaults=True):
            continue
        if method.name in recipe.signals:
            raise BadRecipe(
                f"step '{step.label}' and 'signals' both set options of '{method.name}'; keep one"
            )
        options[method.name] = method.options.model_dump()
    return options


def _extraction(steps: Iterable[Step]) -> tuple[tuple[Extractor, ...], float, tuple[Step, ...]]:
    """The extractors, their time limit per page, and the steps that follow."""
    first, *others = steps
    if isinstance(first.method, Extraction):
        return first.method.extractors(), first.method.seconds, tuple(others)
    extraction = find_method("resiliparse", Extraction)()
    return extraction.extractors(), extraction.seconds, (first, *others)


def _providers() -> dict[str, str]:
    """Which signal family measures each column."""
    providers: dict[str, str] = {}
    for name, signal in methods_of(Signal).items():
        for column in signal.columns:
            providers.setdefault(column, name)
    return providers
