"""Commands of kinds: `cupel KIND METHOD`, made from what the kind and its methods declare."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cupel.cli._help import Command, CommandList
from cupel.cli._inputs import Json, Methods, keep_standard_input
from cupel.cli._options import Cache, Device, Report, Restart, Workers

if TYPE_CHECKING:
    from cupel.contract import FindingMethod

__all__ = ["KINDS", "CommandGroup", "add_kind", "kinds_by_command"]

KINDS: Mapping[str, str] = {
    "attribute": "Say what trained models learned from which document.",
    "audit": "Find what a model or a corpus gives away.",
    "study": "Train round after round, and say what follows.",
    "update": "Make a model of models.",
}
"""Commands of the kinds that come with Cupel: `cupel --help` lists them without loading any method. A kind of an
installed package has its command as well, which `cupel methods METHOD` shows."""

CONTEXT = {"ignore_unknown_options": True}
"""Options of the method are not known before its name is."""


def add_kind(app: typer.Typer, name: str, help: str, epilog: str | None = None) -> None:
    """Add the command of a kind."""
    app.command(name, cls=KindCommand, help=help, epilog=epilog, context_settings=CONTEXT)(carry_out)


class CommandGroup(CommandList):
    """The commands of Cupel, and those of kinds that installed packages bring."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name."""
        known = super().get_command(ctx, cmd_name)
        if known is not None:
            return known
        kind = kinds_by_command().get(cmd_name)
        if kind is None:
            return None
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        add_kind(alone, cmd_name, f"{kind.heading}.")
        command = typer.main.get_command(alone)
        command.name = cmd_name
        return command


def kinds_by_command() -> dict[str, type[FindingMethod]]:
    """Every kind that has a command, by its name."""
    from cupel.contract import FindingMethod, methods_of

    return {method.command: _kind_of(method) for method in methods_of(FindingMethod).values()}


def carry_out(
    context: typer.Context,
    method: Annotated[
        str, typer.Argument(help="A method of this kind; `METHOD --help` lists its arguments and options.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the finding: its tables, artifacts and report.")
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ARGUMENT]... [--OPTION VALUE]...", help="What the method examines, and its options."
        ),
    ] = None,
    methods: Methods = None,
    device: Device = "auto",
    workers: Workers = None,
    cache: Cache = None,
    restart: Restart = False,
    report: Report = True,
    json: Json = False,
) -> None:
    from cupel import api
    from cupel.cli._console import out, print_json, say
    from cupel.cli._method_options import method_options
    from cupel.cli._training import TrainingProgress
    from cupel.report.terminal import show

    kind, method_class = _find(str(context.info_name), method)
    subjects, options = method_options(method_class, words or (), kept_out=tuple(method_class.applied))
    example = f"{context.info_name} {method} …"
    if method_class.argument.names == "pools":
        subjects = keep_standard_input(subjects, example=example)
    for option in method_class.pools:
        if isinstance(places := options.get(option), list):
            options[option] = keep_standard_input(places, example=example)
    with TrainingProgress() as progress:
        kept = api.examine(
            method,
            subjects,
            output=output,
            options=options,
            kind=kind,
            progress=progress,
            cache=cache,
            device=device,
            workers=workers,
            restart=restart,
            report=report,
        )
    if json:
        print_json({**kept.record, "folder": kept.folder})
        return
    show(kept.page(), out)
    for name in kept.record["artifacts"]:
        say(f"{name}  {kept.artifact(name)}")
    say(f"finding  {kept.folder}")
    if kept.report.exists():
        say(f"report  {kept.report}")


class KindCommand(Command):
    """A command of a kind: `cupel KIND METHOD --help` is about the method."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments as Click parses them; help about a method is printed here."""
        if args and not args[0].startswith("-") and "--help" in args:
            formatter = ctx.make_formatter()
            self._format_method(ctx, formatter, args[0])
            typer.echo(formatter.getvalue().rstrip("\n"))
            sys.exit(0)
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """All options, and the methods of the kind."""
        from cupel.contract import methods_of

        super().format_options(ctx, formatter)
        with formatter.section("Methods"):
            kind = kinds_by_command()[str(ctx.info_name)]
            formatter.write_dl([(name, method.title()) for name, method in methods_of(kind).items()])

    def _format_method(self, ctx: Any, formatter: Any, name: str) -> None:
        _, method = _find(str(ctx.info_name), name)
        argument = method.argument
        metavar = argument.metavar if argument.at_most == 1 else f"{argument.metavar}..."
        usage = f"{name} [OPTIONS]" if argument.at_most == 0 else f"{name} [OPTIONS] {metavar}"
        formatter.write_usage(ctx.command_path, usage)
        formatter.write_paragraph()
        formatter.write_text(f"{method.title()}.")
        if argument.at_most != 0:
            with formatter.section("Arguments"):
                formatter.write_dl([(metavar, argument.help)])
        records = list(_option_records(method))
        if records:
            with formatter.section("Options of the method"):
                formatter.write_dl(records)
        for title, common in self.panels(ctx).items():
            if title != "Arguments":
                with formatter.section(title):
                    formatter.write_dl(common)
        formatter.write_paragraph()
        formatter.write_text(f"`cupel methods {name}` shows the whole card: formulas, cost, limits, paper.")


def _find(command: str, name: str) -> tuple[type[FindingMethod], type[FindingMethod]]:
    """A kind by its command, and a method of it.

    Raises
    ------
    UnknownName
        The kind has no method of that name; with the nearest one.
    """
    from cupel.contract import find_method

    kind = kinds_by_command()[command]
    return kind, find_method(name, kind)


def _kind_of(method: type[FindingMethod]) -> type[FindingMethod]:
    """The class that declares the method's command."""
    from cupel.contract import FindingMethod

    return next(
        base for base in method.__mro__ if issubclass(base, FindingMethod) and "command" in vars(base)
    )


def _option_records(method: type[FindingMethod]) -> list[tuple[str, str]]:
    properties: dict[str, Any] = method.Options.model_json_schema().get("properties", {})
    records = []
    for name, field in method.Options.model_fields.items():
        if name in method.applied:
            continue
        default = (
            "required"
            if field.is_required()
            else f"default: {_written(field.get_default(call_default_factory=True))}"
        )
        about = properties.get(name, {}).get("description", "")
        records.append((f"--{name.replace('_', '-')}", f"{about}  [{default}]"))
    return records


def _written(value: Any) -> str:
    if value in (None, (), ""):
        return "none"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
