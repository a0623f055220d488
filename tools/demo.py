"""`make demo`: refine the text that this machine already has, and assay what that did.

Real text with exact copies, near copies, many languages, code and boilerplate: the sources, docs, licenses and
READMEs of installed packages, licenses in /usr/share/doc, tests of Python. Some packages are set aside and refined by
themselves: text that neither arm has seen, without copies and noise, stands for what is wanted of the model. Then the
same small model is trained on the raw text and on the refined, five seeds each, and both are scored on what was set
aside.
"""

from __future__ import annotations

import argparse
import hashlib
import json
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
ASIDE, WANTED = OUTPUT / "aside", OUTPUT / "wanted.jsonl"
"""What was set aside, refined; and the same as held-out text of one domain: text like what the model is for."""
AS_IT_IS = cupel.Recipe.from_dict({"name": "as it is", "steps": [{"length": {"min_characters": 1}}]})
LARGE_PACKAGE = 5_000_000
POOL_BYTES = 20_000_000
"""Of files to refine at most, so that a trial sees more than a hundredth of the raw text: less raises an alarm."""
SET_ASIDE = 6
"""Of so many packages one is set aside."""
TOKENS, SEEDS = 200_000, 5
"""Of each trial a fifth of what the scale sees, so that the demo ends within minutes. Trials that short see few
documents and scatter by several per cent, which three seeds cannot tell from a difference of ten."""
HELD_OUT_BYTES = 200_000
REFINE_SPEED = 1_000_000
"""Bytes a second that two cores refine at least, the start included."""
TRIAL_SECONDS = 70
"""That a trial and its scores take one of two cores at most."""
PLACES = ("/usr/share/common-licenses",)


def places() -> tuple[list[str], list[str]]:
    """Folders of text on this machine: those to refine, and packages set aside. Large packages are left out."""
    paths = sysconfig.get_paths()
    packages = sorted(
        path
        for path in Path(paths["purelib"]).iterdir()
        if path.is_dir()
        and not path.name.startswith((".", "_"))
        and size(path) < LARGE_PACKAGE
        # An archive of binary data would fill the quarantine.
        and not any(path.rglob("*.tar.*"))
    )
    aside = [path for path in packages if is_aside(path.name)]
    # Of the docs only licenses, with their many copies: the rest is compressed, or links.
    licenses = sorted(
        path
        for path in Path("/usr/share/doc").glob("*/copyright")
        if not path.is_symlink() and not path.parent.is_symlink()
    )
    tests = Path(paths["stdlib"], "test")
    zen = Path(paths["stdlib"], "this.py")  # the README asks what became of it
    candidates = [
        *licenses,
        *map(Path, PLACES),
        zen,
        *(path for path in packages if path not in aside),
        tests,
    ]
    inputs, total = [], 0
    for path in candidates:
        if not path.exists():
            continue
        bytes_there = size(path)
        # Licenses are at most half of it.
        limit = POOL_BYTES / 2 if path.name == "copyright" else POOL_BYTES
        if total + bytes_there <= limit:
            inputs.append(str(path))
            total += bytes_there
    return inputs, [str(path) for path in aside]


def is_aside(package: str) -> bool:
    """Whether a package is set aside, by its name without the version, so that a package and its metadata stay together."""
    name = package.split("-")[0].split(".")[0].lower()
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % SET_ASIDE == 0


def forecast(inputs: list[str], assays: bool) -> str:
    """What the demo takes, in one sentence, before it starts."""
    there = sum(size(Path(path)) for path in inputs)
    trials = 2 * SEEDS if assays else 0
    minutes = (2 * there / REFINE_SPEED + trials * TRIAL_SECONDS / 2) / 60
    trained = f", then {trials} trials of {TOKENS:,} tokens" if trials else ""
    return (
        f"This takes about {max(1, round(minutes))} minutes on two cores and at most "
        f"{3 * there / 1e6 + 20 * trials:.0f} MB in {OUTPUT}/ and the cache: "
        f"{there / 1e6:.0f} MB of files to refine{trained}."
    )


def size(folder: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if folder.is_file():
        return folder.stat().st_size
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def worth_a_look(result: cupel.Result) -> list[str]:
    """Three things to look at in this very report, with its own figures."""
    page = result.page()
    documents = result.manifest["documents"]
    text = result.manifest["bytes"]
    lines = [
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
            lines.append(f"Duplicates: {row['n']:,} documents are {kind} copies of another.")
            break
    clusters = (
        ledger.where(ledger["cluster"].not_null()).groupby("survivor").agg(ledger["doc"].count().alias("n"))
    )
    biggest = clusters.sort("n", desc=True).limit(1).to_pylist()
    if biggest:
        survivor, copies = biggest[0]["survivor"], biggest[0]["n"] + 1
        lines.append(
            f"`cupel why {REFINED} {survivor}`: the survivor of {copies:,} copies, the largest cluster."
        )
    odd = ledger.where(ledger["step"] == "gopher-repetition").sort("bytes_in", desc=True).limit(1).to_pylist()
    if odd:
        name, reason = Path(odd[0]["path"]).name, odd[0]["reason"]
        lines.append(f"Samples: the largest text dropped for repeating itself is {name} ({reason}).")
    lines.append(f"{page.sections[-2].title}: what each step cost.")
    return lines[:3]


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


def wanted(aside: list[str]) -> None:
    """Text that stands for what is wanted: what was set aside, without its copies and its noise."""
    reading = cupel.ReadOptions(missing_column="quarantine")
    cupel.refine("demo", input=aside, output=ASIDE, reading=reading, restart=True)
    with WANTED.open("w", encoding="utf-8") as file:
        for batch in cupel.Corpus.read([str(ASIDE)]).batches():
            for row in batch.select(["id", "text"]).to_pylist():
                # One domain: by default each source would be one, and few documents would stand for it.
                file.write(json.dumps({**row, "domain": "packages set aside"}) + "\n")


def assayed(held_out: list[str]) -> None:
    """Raw against refined, by training."""
    with TrainingProgress() as progress:
        assay = cupel.assay(
            [RAW, REFINED],
            scale=cupel.Scale.load("nano", {"tokens": TOKENS, "evaluation.held_out_bytes": HELD_OUT_BYTES}),
            output=ASSAY,
            options=cupel.AssayOptions(seeds=SEEDS, held_out=tuple(held_out)),
            progress=progress,
        )
    show(assay.summary, out)
    print(f"\nReport: {ASSAY / 'report.html'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", action="append", help="refine this instead")
    parser.add_argument("--no-assay", action="store_true", help="refine only")
    arguments = parser.parse_args()
    inputs, aside = (arguments.input, []) if arguments.input else places()
    print(forecast(inputs, not arguments.no_assay), file=sys.stderr)
    shown = inputs if len(inputs) < 6 else [*inputs[:2], f"and {len(inputs) - 2} more places"]
    print("Refining", ", ".join(shown), file=sys.stderr)
    try:
        result = refined(inputs)
        print("\nWorth a look:")
        for number, line in enumerate(worth_a_look(result), 1):
            print(f"  {number}. {line}")
        print(f"\nReport: {REFINED / 'report.html'}\n", flush=True)
        if not arguments.no_assay:
            if aside:
                wanted(aside)
            assayed([str(WANTED)] if aside else [])
    except cupel.errors.CupelError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
