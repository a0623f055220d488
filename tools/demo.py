"""`make demo`: refine the text that this machine already has, and assay what that did.

Real text with exact copies, near copies, many languages, code and boilerplate: the
sources, docs, licences and READMEs of Python and its installed packages, /usr/share/doc,
man pages. Then the same small model is trained on the raw text and on the refined, three seeds each.
"""

from __future__ import annotations

import argparse
import sys
import sysconfig
from pathlib import Path

import cupel
from cupel.cli._console import out
from cupel.cli._progress import TerminalProgress
from cupel.cli._training import TrainingProgress
from cupel.report.terminal import show

OUTPUT = Path("demo")
RAW, REFINED, ASSAY = OUTPUT / "raw", OUTPUT / "refined", OUTPUT / "assay"
AS_IT_IS = cupel.Recipe.from_dict({"name": "as it is", "steps": [{"length": {"min_characters": 1}}]})
LARGE_PACKAGE = 5_000_000
TOKENS = 300_000
"""Of each trial: a third of what the scale sees, so that the demo ends within minutes."""
PLACES = (
    "/usr/share/doc",
    "/usr/share/man",
    "/usr/local/share/man",
    "/usr/share/common-licenses",
    "/usr/share/perl",
)


def places() -> list[str]:
    """Folders of text on this machine, most telling first; of packages those that are not large."""
    paths = sysconfig.get_paths()
    packages = sorted(path for path in Path(paths["purelib"]).iterdir() if path.is_dir())
    found = [paths["stdlib"], *(str(path) for path in packages if size(path) < LARGE_PACKAGE), *PLACES]
    return [path for path in dict.fromkeys(found) if Path(path).is_dir()]


def size(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def worth_a_look(result: cupel.Result) -> list[str]:
    """Three things to look at in this very report, told with its own figures."""
    page = result.page()
    documents = result.manifest["documents"]
    text = result.manifest["bytes"]
    told = [
        f"Funnel: {documents['in']:,} documents went in, {documents['kept']:,} came out; "
        f"{1 - text['text_out'] / max(1, text['text_in']):.0%} of the text is gone."
    ]
    ledger = result.ledger()
    rows = (
        ledger.where(ledger["status"] == "dropped")
        .groupby("step")
        .agg(ledger["doc"].count().alias("n"))
        .to_pylist()
    )
    for row in sorted(rows, key=lambda row: -row["n"]):
        if row["step"] in ("exact", "minhash"):
            kind = "exact" if row["step"] == "exact" else "near"
            told.append(f"Duplicates: {row['n']:,} documents are {kind} copies of another.")
            break
    clusters = (
        ledger.where(ledger["cluster"].not_null()).groupby("survivor").agg(ledger["doc"].count().alias("n"))
    )
    biggest = clusters.sort("n", desc=True).limit(1).to_pylist()
    if biggest:
        survivor, copies = biggest[0]["survivor"], biggest[0]["n"] + 1
        told.append(
            f"`cupel why {REFINED} {survivor}`: the survivor of {copies:,} copies, the largest cluster."
        )
    odd = ledger.where(ledger["step"] == "gopher-repetition").sort("bytes_in", desc=True).limit(1).to_pylist()
    if odd:
        name, reason = Path(odd[0]["path"]).name, odd[0]["reason"]
        told.append(f"Samples: the largest text dropped for repeating itself is {name} ({reason}).")
    told.append(f"{page.sections[-2].title}: what each step cost.")
    return told[:3]


def refined(inputs: list[str]) -> cupel.Result:
    """The text refined, and beside it the raw text as one corpus."""
    # Data files among the sources have no text column; they go to quarantine.
    reading = cupel.ReadOptions(missing_column="quarantine")
    cupel.refine(AS_IT_IS, input=inputs, output=RAW, reading=reading, restart=True)
    return cupel.refine(
        "demo",
        input=inputs,
        output=REFINED,
        reading=reading,
        progress=TerminalProgress(),
        restart=True,
    )


def assayed() -> None:
    """Raw against refined, by training."""
    with TrainingProgress() as progress:
        found = cupel.assay(
            [RAW, REFINED],
            scale=cupel.Scale.load("nano", {"tokens": TOKENS}),
            output=ASSAY,
            progress=progress,
        )
    show(found.summary, out)
    print(f"\nReport: {ASSAY / 'report.html'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", action="append", help="refine this instead")
    parser.add_argument("--no-assay", action="store_true", help="refine only")
    given = parser.parse_args()
    inputs = given.input or places()
    shown = inputs if len(inputs) < 6 else [*inputs[:2], f"and {len(inputs) - 2} more places"]
    print("Refining", ", ".join(shown), file=sys.stderr)
    try:
        result = refined(inputs)
        print("\nWorth a look:")
        for number, line in enumerate(worth_a_look(result), 1):
            print(f"  {number}. {line}")
        print(f"\nReport: {REFINED / 'report.html'}\n", flush=True)
        if not given.no_assay:
            assayed()
    except cupel.errors.CupelError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
