"""Run every claim that has no result yet, the cheapest first.

    python tools/run_claims.py [--data FOLDER] [--device auto] [--minutes N] [CLAIM…]

Each claim is run at its own scale and recorded in claims/results, as `cupel claims run` does. One that fails is named at the
end, and the next one begins. Trials are kept in the cache, so a run that was stopped resumes. On a GPU all of them take a
few minutes each; on two cores some take an hour, so run this with `nice -n 19` and stop it when you like.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from cupel.reproduction.folder import find_claims
from cupel.reproduction.result import read_results

CLAIMS = Path(__file__).resolve().parents[1] / "claims"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "claims", nargs="*", metavar="CLAIM", help="only these, also where they have a result"
    )
    parser.add_argument("--data", type=Path, help="folder of the real data")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--minutes", type=float, help="begin no claim after this time")
    arguments = parser.parse_args()
    sources, recorded = find_claims(CLAIMS), read_results(CLAIMS)
    for name in arguments.claims:
        if name not in sources:
            parser.error(f"no claim is called '{name}'; there are: {', '.join(sources)}")
    waiting = arguments.claims or [name for name in sources if name not in recorded]
    waiting.sort(key=lambda name: sources[name].claim.cost.trials * sources[name].claim.cost.trial_minutes)
    started, failed = time.monotonic(), []
    for place, name in enumerate(waiting, 1):
        minutes = (time.monotonic() - started) / 60
        if arguments.minutes is not None and minutes > arguments.minutes:
            print(f"stopped after {minutes:.0f} minutes; not begun: {', '.join(waiting[place - 1 :])}")
            break
        print(f"[{place}/{len(waiting)}] {name} ({sources[name].claim.cost})", flush=True)
        command = [sys.executable, "-m", "cupel", "claims", "run", name, "--folder", str(CLAIMS)]
        command += [
            "--device",
            arguments.device,
            *(["--data", str(arguments.data)] if arguments.data else []),
        ]
        if subprocess.run(command).returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
