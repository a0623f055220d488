"""Duplicate clusters, and what differs inside of one, as a page and as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cupel.findings import Page, Section, Table
from cupel.report.text import visible

if TYPE_CHECKING:
    from rich.text import Text

    from cupel.recipe.clusters import Cluster, Difference

__all__ = ["clusters_page", "difference_text"]

SAME_CHARACTERS = 160
"""Of a run that both texts have, so much is shown at either end."""


def clusters_page(output: str | Path, clusters: Sequence[Cluster]) -> Page:
    """A list of clusters, each with some of its documents."""
    rows: list[tuple[Any, ...]] = []
    for number, cluster in enumerate(clusters, 1):
        head: tuple[Any, ...] = (f"{number}", cluster.step, cluster.size)
        members = [(member.id, member.source, member.score) for member in cluster.members]
        if cluster.survivor not in [member.id for member in cluster.members]:
            members.insert(0, (cluster.survivor, "", None))
        for id, source, score in members:
            what = cluster.roles[0 if id == cluster.survivor else 1]
            rows.append((*head, id, source, "" if score is None else score, what))
            head = ("", "", "")
        if cluster.size > len(cluster.members):
            rows.append((*head, f"and {cluster.size - len(cluster.members):,} more", "", "", ""))
    table = Table(
        columns=("", "step", "documents", "id", "source", "score", ""),
        rows=tuple(rows),
        formats=("text", "text", "count", "text", "text", "percent", "text"),
    )
    lead = "What a step took for copies of one text." if rows else "There are none."
    return Page(
        title=f"Clusters of {output}", sections=(Section(title="Clusters", lead=lead, blocks=(table,)),)
    )


def difference_text(first: str, second: str, difference: Difference) -> Text:
    """Two texts in one: what only the first has is struck out, what only the second has underlined.

    Without colors and styles, `[-` and `-]` stand around the one, `{+` and `+}` around the other.
    """
    from rich.text import Text

    shown = Text()
    shown.append(f"[-{visible(first)}-]", "red")
    shown.append(" ")
    shown.append(f"{{+{visible(second)}+}}\n\n", "green")
    for kind, run in difference.runs:
        if kind == "first":
            shown.append(f"[-{visible(run)}-]", "red strike")
        elif kind == "second":
            shown.append(f"{{+{visible(run)}+}}", "green underline")
        elif len(run) <= 2 * SAME_CHARACTERS:
            shown.append(visible(run))
        else:
            shown.append(visible(run[:SAME_CHARACTERS]))
            shown.append(f" … {len(run) - 2 * SAME_CHARACTERS:,} the same … ", "dim")
            shown.append(visible(run[-SAME_CHARACTERS:]))
    if difference.cut:
        shown.append("\n\nonly the first words of both were compared", "dim")
    return shown
