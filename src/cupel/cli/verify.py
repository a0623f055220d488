from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cupel.cli._inputs import Json


def verify(
    output: Annotated[Path, typer.Argument(help="Folder of a finished or unfinished run.")],
    json: Json = False,
) -> None:
    """Check that every file of a run is still what was written; exit status 1 if one is not."""
    from cupel import api
    from cupel.cli._console import fail, print_json, say
    from cupel.units import write_bytes

    verification = api.verify(output)
    if json:
        fields = {"finished": verification.finished, "files": verification.files, "bytes": verification.bytes}
        print_json(fields | {"damaged": [str(damaged) for damaged in verification.damaged]})
    for damaged in () if json else verification.damaged:
        say(str(damaged))
    if verification.damaged:
        advice = (
            "--restart does the run again"
            if verification.finished
            else "start the same command again: it makes what is damaged again"
        )
        fail(f"{output}: {len(verification.damaged):,} of {verification.files:,} files damaged; {advice}")
    if json:
        return
    what = "finished run" if verification.finished else "unfinished run, finished parts"
    say(f"{output}: {what}: {verification.files:,} files whole ({write_bytes(verification.bytes)})")
