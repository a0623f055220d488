from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from cupel.cli._inputs import Json, Methods
from cupel.cli._options import RUNNING, Address, Cache, Device, EngineName, Full, Workers, make_engine

EVALUATING = "Evaluating"


def assay(
    arms: Annotated[
        list[str],
        typer.Argument(
            help="Data variants: refined outputs, corpora, RECIPE@PATH, or mixtures A:0.7,B:0.3; NAME=… names one."
        ),
    ],
    scale: Annotated[
        str, typer.Option(help="The fixed recipe they are trained with: a built-in scale or a YAML file.")
    ] = "nano",
    seeds: Annotated[int, typer.Option(min=1, help="Trials of each arm.")] = 3,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the report and assay.json.")
    ] = Path("assay"),
    base: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            help="For a scale that starts from a model: the folder of a finished trial, or text to train one on."
        ),
    ] = None,
    baseline: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Arm that the others are compared with; the first by default."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a value of the scale, such as tokens=3000000; repeatable."),
    ] = None,
    held_out: Annotated[
        list[str] | None,
        typer.Option(
            help="Text to score on, by its field `domain`; repeatable. By default some is held out of each arm.",
            rich_help_panel=EVALUATING,
        ),
    ] = None,
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="A task of lm-evaluation-harness, its YAML file, or a file of questions; repeatable.",
            rich_help_panel=EVALUATING,
        ),
    ] = None,
    run_task_functions: Annotated[
        bool,
        typer.Option(
            "--run-task-functions",
            help="Run the Python functions that a task's YAML file names (`!function`); refused by default.",
            rich_help_panel=EVALUATING,
        ),
    ] = False,
    curve: Annotated[
        int,
        typer.Option(
            min=1,
            help="Score held-out text after each of this many equal parts of training; keeps a checkpoint per part.",
            rich_help_panel=EVALUATING,
        ),
    ] = 1,
    tokenizer: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="A tokenizer.json; by default one is trained on a sample of the baseline."),
    ] = None,
    device: Device = "auto",
    workers: Workers = None,
    engine: EngineName = "native",
    address: Address = None,
    price: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(
            min=0, help="Price of an hour of this machine, for the cost table.", rich_help_panel=RUNNING
        ),
    ] = None,
    cache: Cache = None,
    methods: Methods = None,
    full: Full = False,
    json: Json = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Show trials, tokens, passes, disk, memory and minutes, and train nothing; arms are read and tokenized.",
            rich_help_panel=RUNNING,
        ),
    ] = False,
) -> None:
    """Train the same small recipe on each data variant, and say which is better."""
    from cupel import api
    from cupel.cli._console import out, print_json, say
    from cupel.cli._training import TrainingProgress
    from cupel.report.terminal import show

    options = api.AssayOptions(
        seeds=seeds,
        base=base,
        baseline=baseline,
        held_out=tuple(held_out or ()),
        tasks=tuple(task or ()),
        run_task_functions=run_task_functions,
        curve=curve,
        tokenizer=tokenizer,
        device=device,
        workers=workers,
        engine=make_engine(engine, address, None, None),
        price=price,
        cache=cache,
    )
    recipe = api.Scale.load(scale, _values(set_ or ()))
    if dry_run:
        with TrainingProgress() as progress:
            plan = api.plan_assay(arms, scale=recipe, options=options, progress=progress)
        if json:
            print_json(plan.page)
        else:
            show(plan.page, out, full=full)
        return
    with TrainingProgress() as progress:
        result = api.assay(arms, scale=recipe, output=output, options=options, progress=progress)
    if json:
        print_json(result.to_json())
        return
    show(result.page if full else result.summary, out)
    say(f"report  {output / 'report.html'}")


def _values(settings: list[str] | tuple[str, ...]) -> dict[str, Any]:
    import yaml

    from cupel.errors import BadOption

    values = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise BadOption(f"--set {setting}: expected NAME=VALUE, such as tokens=3000000")
        try:
            values[name.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise BadOption(f"--set {setting}: not YAML: {error}") from None
    return values
