from __future__ import annotations

from typing import Annotated, Optional

import typer

from cupel.cli._inputs import Json


def scales(
    name: Annotated[Optional[str], typer.Argument(help="Print this scale, to copy and edit.")] = None,  # noqa: UP045
    json: Json = False,
) -> None:
    """List the scales that arms are trained at, or print one."""
    from cupel.cli._console import out, print_json
    from cupel.errors import UnknownName
    from cupel.findings import Page, Section, Table
    from cupel.lab.scale import Scale, built_in_scales
    from cupel.report.terminal import show

    known = built_in_scales()
    if name is not None:
        if name not in known:
            raise UnknownName("scale", name, known)
        if json:
            print_json(Scale.load(name))
        else:
            typer.echo(known[name], nl=False)
        return
    if json:
        print_json([Scale.load(each) for each in known])
        return
    rows = []
    for key in known:
        scale = Scale.load(key)
        inner, _ = scale.shape.parameters(scale.tokenizer.vocabulary)
        operations = scale.tokens * scale.shape.flops_per_token(scale.tokenizer.vocabulary)
        rows.append((key, _short(inner), _short(scale.tokens), f"{operations:.2g}", scale.title))
    table = Table(
        columns=("scale", "parameters", "tokens", "operations", "what for"),
        rows=tuple(rows),
        formats=("text",) * 5,
    )
    show(Page(title="Scales", sections=(Section(title="", blocks=(table,)),)), out)


def _short(count: float) -> str:
    return f"{count / 1e9:.3g} G" if count >= 1e9 else f"{count / 1e6:.3g} M"
