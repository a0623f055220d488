"""The end of a run: counts checked, files put where they belong, and the manifest written last."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version as installed_version
from typing import Any

from cupel.corpus.files import LeftOut
from cupel.corpus.remote import printable
from cupel.engine import Engine
from cupel.errors import RunFailed
from cupel.recipe.births import numbered
from cupel.recipe.data_card import write_card
from cupel.recipe.essentials import alarms, counts_of_drops
from cupel.recipe.fit import artifact_seals, write_artifacts
from cupel.recipe.folder import Folder, write_json, write_sealed, write_text
from cupel.recipe.identity import repeated_ids
from cupel.recipe.job import Job
from cupel.recipe.named_signals import written_columns
from cupel.recipe.output import carried_fields
from cupel.recipe.pass_files import read_pass_json
from cupel.recipe.plan import Plan
from cupel.recipe.publish import check_whole, keep_clusters, move_ledger, prepare_memory
from cupel.recipe.seals import seal
from cupel.recipe.summary import report_page
from cupel.recipe.tally import Tally
from cupel.release import version

__all__ = ["finish"]


def finish(
    folder: Folder,
    job: Job,
    plan: Plan,
    units: list[int],
    begun: Mapping[str, Any],
    *,
    inputs: Sequence[str],
    left_out: Sequence[LeftOut],
    engine: Engine,
    seconds: float,
) -> dict[str, Any]:
    """Check the counts of all passes, put their files where they belong, and write the manifest last.

    Parameters
    ----------
    units
        Of the last pass.
    begun
        What the plan's file holds.
    inputs, left_out, engine, seconds
        What was named as input, what of it was not read, what the run ran on, and how long.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    RunFailed
        The ledger does not balance.
    Damaged
        A file of a pass is not what was written.
    """
    recipe = plan.recipe
    counts = {pass_.index: plan.units(len(job.shards), pass_.index) for pass_ in plan.passes[:-1]}
    counts[plan.passes[-1].index] = len(units)
    tallies = [_add_up(folder, number, count) for number, count in counts.items()]
    seals = keep_clusters(folder, plan)
    seals |= artifact_seals(folder, plan)
    seals |= move_ledger(folder, plan, counts)
    first, last = tallies[0], tallies[-1]
    total = Tally()
    for tally in tallies:
        total.merge(tally)
    documents = _documents(tallies)
    check_whole(folder, seals, documents)
    asked = {asking: asdict(usage) for asking, usage in total.asked.items()}
    data = sorted(path for path in folder.data.iterdir() if not path.name.startswith("."))
    manifest: dict[str, Any] = {
        "cupel": version(),
        "recipe": recipe.name,
        "config_digest": begun["config_digest"],
        "recipe_digest": recipe.digest,
        "input": [printable(place) for place in inputs],
        "input_digest": begun["input_digest"],
        "input_files": len(job.files),
        "input_bytes": sum(file.bytes for file in job.files),
        "left_out": [asdict(kind) for kind in left_out],
        "seed": recipe.seed,
        "documents": documents,
        "dropped_by": counts_of_drops(plan, total),
        "quarantined_by": total.quarantined | total.refused,
        "labels": {
            column: {label: measured for label, (measured, _) in counts.items()}
            for column, counts in total.labels.items()
        },
        "bytes": {
            "text_in": first.bytes_in,
            "text_out": last.text_bytes_out,
            "written": sum(path.stat().st_size for path in data),
        },
        "content_hash": last.content_hash,
        "data_files": [path.name for path in data],
        "fields": carried_fields(folder, job).to_json(),
        **({"generated": numbered(folder, plan, job)} if plan.generators else {}),
        **repeated_ids(folder, engine.parallelism()),
        "signals": {column: plan.measured.get(column, "reused") for column in plan.kept_columns},
        "signal_columns": written_columns(
            {name: plan.columns[name] for name in plan.kept_columns}, plan.providers
        ),
        "signal_options": {name: dict(value) for name, value in recipe.signals.items()},
        "reused_signals": list(plan.reused),
        **({"artifacts": write_artifacts(folder, plan)} if plan.fits else {}),
        **({"asked": asked} if asked else {}),
        "engine": engine.name,
        "started": begun["started"],
        "seconds": round(seconds, 3),
        "versions": {
            name: installed_version(name)
            for name in ("daft", "pyarrow", "resiliparse", "trafilatura", "ftfy")
        }
        | {"python": platform.python_version()},
        "files": {name: list(seals[name]) for name in sorted(seals)},
    }
    write_text(folder.root / "recipe.yaml", recipe.to_yaml())
    page = report_page(folder, plan, tallies, total, manifest)
    manifest["alarms"] = alarms(page)
    write_json(folder.root / "report.json", page.model_dump(mode="json"))
    write_json(folder.inputs, {name: begun["job"][name] for name in ("files", "reading", "output")})
    for path in (folder.root / "recipe.yaml", folder.root / "report.json", folder.inputs):
        manifest["files"][path.name] = list(seal(path))
    manifest["memory"] = prepare_memory(folder, plan, begun["input_digest"])
    languages = {name: left for name, (_, left) in last.labels.get("language", {}).items()}
    write_card(folder, manifest, languages)
    write_sealed(folder.manifest, manifest)
    return manifest


def _documents(tallies: Sequence[Tally]) -> dict[str, int]:
    """Document counts, by fate."""
    documents = {
        "in": tallies[0].documents_in,
        "generated": sum(tally.documents_generated for tally in tallies),
        "kept": tallies[-1].documents_out,
        "dropped": sum(tally.documents_dropped for tally in tallies),
        "quarantined": sum(tally.documents_quarantined for tally in tallies),
    }
    fates = documents["kept"] + documents["dropped"] + documents["quarantined"]
    if documents["in"] + documents["generated"] != fates:
        raise RunFailed(
            f"the ledger does not balance: {documents}; this is a fault of Cupel, please report it"
        )
    return documents


def _add_up(folder: Folder, number: int, units: int) -> Tally:
    total = Tally()
    for unit in range(units):
        path = folder.unit(number, unit, "tally.json")
        total.merge(Tally.from_json(read_pass_json(path)))
    return total
