"""The page of the docs, docs/literature.md: papers, taxonomy, surveys. `cupel papers --write` makes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from cupel.contract import MECHANISMS, STAGES, UTILITIES, Method, methods_by_heading
from cupel.contract.taxonomy import TAXONOMY
from cupel.literature.catalog import LiteratureEntry, PaperClaim
from cupel.literature.surveys import FieldSurvey, SurveyItem

__all__ = ["NO_METHOD", "empty_cells", "literature_markdown"]

NO_METHOD = "no method yet"
_REASONS: Mapping[str, str] = {
    "in-context learning": f"{NO_METHOD}: none chooses examples for prompts",
    "multilinguality": f"{NO_METHOD}: languages are identified and filtered, and none balances them",
    "mixing": f"{NO_METHOD}: the studies of mixtures are studies of pretraining",
    "alignment": f"{NO_METHOD}: pairs of answers are read, and none looks at them as pairs",
}
"""Why a cell is empty, by stage or utility."""
_MANY_COMMANDS = 3
_INTRODUCTION = """\
# Literature

Every paper that something here comes from: what implements it, what to type, and where a claim of it was tested, what came
out. `cupel papers` answers the same in the terminal, all at once or by words:

```shell
cupel papers
cupel papers dedup 2022
cupel papers gopher-quality
```

This page is made by `cupel papers --write docs/literature.md` from the cards of methods, the built-in recipes, the
[claims](claims.md) and their results. [Taxonomy](#taxonomy) sorts the methods as {survey} does, and
[Surveys](#surveys) takes the lists of others and says where each item leads, or that it is missing.
"""


def literature_markdown(entries: Sequence[LiteratureEntry], surveys: Sequence[FieldSurvey]) -> str:
    """The page, from the catalog, the surveys, and the methods there are."""
    survey = f"[{TAXONOMY.authors}]({TAXONOMY.url})"
    parts = [_INTRODUCTION.format(survey=survey), _papers(entries), _taxonomy(), _surveys(surveys)]
    return "\n".join(parts)


def empty_cells(methods: Iterable[type[Method]]) -> dict[tuple[str, str], str]:
    """The cells of utility and stage that no method is in, each with the reason."""
    filled = {(method.utility, stage) for method in methods for stage in method.stages}
    return {
        (utility, stage): _REASONS.get(stage if stage == "in-context learning" else utility)
        or _REASONS.get(stage, NO_METHOD)
        for utility in UTILITIES
        for stage in STAGES
        if (utility, stage) not in filled
    }


def _papers(entries: Sequence[LiteratureEntry]) -> str:
    rows = [("paper", "what implements it", "command", "claim and result")]
    for entry in entries:
        uses = [
            *(_method_link(method.name) for method in entry.methods),
            *(f"recipe `{recipe}`" for recipe in entry.recipes),
            *(f"[{heading}](#{_anchor(heading)})" for heading in entry.surveys),
        ]
        paper = f"{entry.cited}. [{entry.title}]({entry.url})"
        claims = "<br>".join(map(_claim, entry.claims))
        rows.append(
            (paper, ", ".join(uses), "<br>".join(f"`{command}`" for command in _commands(entry)), claims)
        )
    return f"## Papers\n\n{len(entries)} papers, the newest first.\n\n{_table(rows)}"


def _commands(entry: LiteratureEntry) -> tuple[str, ...]:
    """All commands of a paper; where there are many, those that do something, and the one that lists the rest."""
    if len(entry.commands) <= _MANY_COMMANDS:
        return entry.commands
    own = tuple(command for command in entry.commands if not command.startswith("cupel methods "))
    return (*own, f"cupel papers {entry.url.rpartition('/')[2]}")


def _claim(claim: PaperClaim) -> str:
    return f"{claim.statement} **{claim.outcome.capitalize()}** ([{claim.id}](claims.md#{claim.id}))."


def _taxonomy() -> str:
    kinds = methods_by_heading()
    methods = {name: method for listed in kinds.values() for name, method in listed.items()}
    lines = [
        "## Taxonomy",
        "",
        f"{TAXONOMY.authors} {TAXONOMY.year} ([{TAXONOMY.title}]({TAXONOMY.url})) describe a method of data selection as a",
        "utility function, which gives documents a value, and a selection mechanism, which chooses by it, at a stage of",
        "training. What a method aims at (to match a distribution, or to diversify), what it alters and what it gives out",
        "follow from these (section 2.3 of the survey). Each card names all three.",
        "",
    ]
    utilities = [("utility", "what it looks at", "aim", "survey", "methods")]
    for name, utility in UTILITIES.items():
        own = ", ".join(
            _method_link(key) for key, method in sorted(methods.items()) if method.utility == name
        )
        utilities.append((name, utility.meaning, utility.aim, utility.section, own or NO_METHOD))
    mechanisms = [("mechanism", "how it chooses", "alters", "gives out", "methods")]
    for name, mechanism in MECHANISMS.items():
        count = sum(method.mechanism == name for method in methods.values())
        mechanisms.append((name, mechanism.meaning, mechanism.alters, mechanism.output, str(count)))
    lines += [_table(utilities), _table(mechanisms)]
    cells = [("methods for", *STAGES)]
    for name in UTILITIES:
        at_stage = [
            sum(method.utility == name and stage in method.stages for method in methods.values())
            for stage in STAGES
        ]
        cells.append((name, *(str(count) if count else "–" for count in at_stage)))
    lines += [_table(cells), "### Empty cells", "", _table(_grouped(empty_cells(methods.values())))]
    outside = [
        heading for heading, listed in kinds.items() if all(m.utility is None for m in listed.values())
    ]
    lines += [
        "Methods of some kinds choose no data and name none of the three: "
        + "; ".join(heading[0].lower() + heading[1:] for heading in sorted(outside))
        + ".",
        "",
    ]
    return "\n".join(lines)


def _grouped(cells: Mapping[tuple[str, str], str]) -> list[tuple[str, ...]]:
    """One row for all cells that are empty for one reason, as far as they are a block of utilities and stages."""
    stages: dict[tuple[str, str], list[str]] = {}
    for (utility, stage), reason in cells.items():
        stages.setdefault((utility, reason), []).append(stage)
    utilities: dict[tuple[str, str], list[str]] = {}
    for (utility, reason), names in stages.items():
        utilities.setdefault((", ".join(names), reason), []).append(utility)
    rows = [(", ".join(names), stage, reason) for (stage, reason), names in utilities.items()]
    return [("utilities", "stages", "why"), *rows]


def _surveys(surveys: Sequence[FieldSurvey]) -> str:
    lines = ["## Surveys", ""]
    for survey in surveys:
        paper = survey.paper
        lines += [f"### {survey.heading}", ""]
        lines += [f"{paper.authors} {paper.year}, [{paper.title}]({paper.url}). {survey.lead}", ""]
        rows = [("item", "leads to"), *((item.item, _leads(item)) for item in survey.items)]
        lines.append(_table(rows))
    return "\n".join(lines).rstrip("\n") + "\n"


def _leads(item: SurveyItem) -> str:
    parts = [", ".join([*(f"`{command}`" for command in item.commands), *map(_method_link, item.methods)])]
    parts += [item.note, f"**missing**: {item.missing}" if item.missing else ""]
    return "; ".join(part for part in parts if part)


def _method_link(name: str) -> str:
    return f"[`{name}`](methods/{name}.md)"


def _anchor(heading: str) -> str:
    """A heading's address within its page."""
    kept = "".join(character for character in heading.lower() if character.isalnum() or character in " -")
    return kept.replace(" ", "-")


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * len(rows[0]), *lines[1:], ""])
