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
from typing import Any

from cupel.contract import (
    Asks,
    CorpusMethod,
    Edit,
    Extraction,
    Extractor,
    Fitted,
    Generator,
    Method,
    Rules,
    Signal,
    find_method,
    methods_of,
)
from cupel.errors import BadRecipe, UnknownSignal
from cupel.recipe.plan import Pass, Plan
from cupel.recipe.recipe import Recipe, Step
from cupel.recipe.steps import CorpusStep, EditStep, FitStep, GeneratorStep, RulesStep, StepGroup

__all__ = ["make_plan"]


class _Planner:
    def __init__(self, recipe: Recipe, annotated: Mapping[str, Any]) -> None:
        self.signal_options = _signal_options(recipe)
        self.built: dict[str, Signal] = {}
        self.providers = self._providers()
        self.valid: set[str] = set(annotated)
        self.reused: dict[str, None] = {}
        self.measured: dict[str, str] = {}
        self.kept: dict[str, None] = {}
        self.passes: list[Pass] = []
        self.operations: list[StepGroup | EditStep] = []
        self.decisions: list[CorpusStep] = []
        self.fits: list[FitStep] = []
        self.generator: GeneratorStep | None = None
        self.steps = 0
        self.asking = False
        self.pending: list[RulesStep] = []
        self.wanted: dict[str, None] = {}
        self.annotated = set(annotated)

    def want(self, column: str, label: str) -> None:
        if column in self.valid:
            if column in self.annotated and column not in self.measured:
                self.reused[column] = None
        elif column in self.providers:
            self.wanted[column] = None
        else:
            edits = [name for name, edit in methods_of(Edit).items() if column in edit.columns]
            advice = f"it comes from the edit '{edits[0]}', which must stand before" if edits else ""
            if edits and any(pass_.generator for pass_ in self.passes):
                advice += ", after every generator: what an edit counted is not known of new documents"
            raise UnknownSignal(label, column, self.providers, advice)

    def close_group(self) -> None:
        if not (self.pending or self.wanted):
            return
        columns = tuple(self.wanted)
        families = dict.fromkeys(self.providers[column] for column in columns)
        signals = tuple(self.signal(name) for name in families)
        for column in columns:
            self.measured[column] = self.providers[column]
        self.operations.append(StepGroup(signals, columns, tuple(self.pending)))
        self.valid |= set(columns)
        self.pending, self.wanted = [], {}
        self.asking = any(isinstance(signal, Asks) for signal in signals)

    def signal(self, name: str) -> Signal:
        if name not in self.built:
            options = self.signal_options.get(name, {})
            self.built[name] = find_method(name, Signal).from_options(options, where="signals")
        return self.built[name]

    def _providers(self) -> dict[str, str]:
        """Which signal family measures each column; the columns of a family may depend on its options."""
        providers: dict[str, str] = {}
        for name, family in methods_of(Signal).items():
            columns = self.signal(name).columns if name in self.signal_options else family.columns
            for column in columns:
                providers.setdefault(column, name)
        return providers

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
        """Give steps that ask a model a pass of their own, after cheap steps have dropped documents."""
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
            self.want(column, label)
            self.kept[column] = None

    def add_rules(self, label: str, rules: Rules) -> None:
        needed = rules.needs_edit
        if needed and not self.just_edited(needed):
            self.add_edit(needed, find_method(needed, Edit)())
            self.steps += 1  # what is fitted for these rules learns from the text that they have edited
        self.prepare(rules.signals)
        for column in rules.signals:
            self.want(column, label)
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
        """The text has changed, so its signals are no longer valid."""
        independent = {c for c in self.valid if c in self.providers and self.reads_no_text(self.providers[c])}
        self.valid = independent | {c for c in self.valid if c not in self.providers}

    def reads_no_text(self, name: str) -> bool:
        return "text" not in find_method(name, Signal).needs

    def holds_for_children(self, name: str) -> bool:
        return not {"text", "id"} & set(find_method(name, Signal).needs)

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
            self.want(column, label)
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
        # What was measured of a text, or counted while it was edited, is not known of new ones.
        self.valid = {
            c for c in self.valid if c in self.providers and self.holds_for_children(self.providers[c])
        }
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
        signal families have conflicting options.
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
