"""Plain help in named groups. Typer's own groups need Rich's Markdown, half of the time that help takes."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

from cupel.errors import Stopped

__all__ = ["Command", "CommandList"]


class Command(TyperCommand):
    """A command whose options stand under their panel's name."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments and options, by panel."""
        for title, records in self.panels(ctx).items():
            with formatter.section(title):
                formatter.write_dl(records)

    def panels(self, ctx: Any) -> dict[str, list[tuple[str, str]]]:
        """Names and help of all parameters by the title of their panel, in order."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
                groups.setdefault(getattr(parameter, "rich_help_panel", None) or kind, []).append(record)
        return groups


class CommandList(TyperGroup):
    """The list of commands, each with its whole sentence."""

    def invoke(self, ctx: Any) -> Any:
        """Carry out a command; Ctrl-C becomes an error of ours before Click makes "Aborted!" and status 1 of it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stopped:
            raise Stopped(str(stopped) or "stopped") from None
        except BrokenPipeError:  # of which Click, too, would make status 1
            from cupel.cli._console import PipeClosed

            raise PipeClosed from None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        records = [(name, (command.help or "").split("\n\n")[0]) for name, command in commands if command]
        with formatter.section("Commands"):
            formatter.write_dl(records)
