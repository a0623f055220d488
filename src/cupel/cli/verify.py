from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(
    output: Annotated[Path, typer.Argument(help="Folder of a finished or unfinished run.")],
) -> None:
    """Check that every file of a run is still what was written; exit status 1 if one is not."""
    from cupel import api
    from cupel.cli._console import fail, say
    from cupel.units import write_bytes

    found = api.verify(output)
    for damaged in found.damaged:
        say(str(damaged))
    if found.damaged:
        advice = (
            "--restart does the run again"
            if found.finished
            else "start the same command again: it makes what is damaged again"
        )
        fail(f"{output}: {len(found.damaged):,} of {found.files:,} files damaged; {advice}")
    what = "finished run" if found.finished else "unfinished run, finished parts"
    say(f"{output}: {what}: {found.files:,} files whole ({write_bytes(found.bytes)})")
