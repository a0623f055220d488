from __future__ import annotations

from typing import Annotated, Optional

import typer


def scales(
    name: Annotated[Optional[str], typer.Argument(help="Print this scale, to copy and edit.")] = None,  # noqa: UP045
) -> None:
    """List the scales that arms are trained at, or print one."""
    from cupel.cli._console import out
    from cupel.errors import UnknownName
    from cupel.findings import Page, Section, Table
    from cupel.lab.scale import Scale, built_in_scales
    from cupel.report.terminal import show

    known = built_in_scales()
    if name is not None:
        if name not in known:
            raise UnknownName("scale", name, known)
        typer.echo(known[name], nl=False)
        return
    rows = []
    for one in known:
        scale = Scale.load(one)
        inner, _ = scale.shape.parameters(scale.tokenizer.vocabulary)
        rows.append(
            (
                one,
                inner,
                scale.tokens,
                scale.tokens * scale.shape.flops_per_token(scale.tokenizer.vocabulary),
                scale.title,
            )
        )
    table = Table(
        columns=("scale", "parameters", "tokens", "operations", "what for"),
        rows=tuple(
            (n, f"{p / 1e6:,.3g} M", f"{t / 1e6:,.3g} M", f"{o:.2g}", title) for n, p, t, o, title in rows
        ),
        formats=("text",) * 5,
    )
    show(Page(title="Scales", sections=(Section(title="", blocks=(table,)),)), out)
