"""Planted toxic, blocked and low-quality pages among clean ones: what the recipe `autopure` drops with its filters."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml
import zstandard

import cupel
from cupel.contract import Resources
from cupel.recipe.recipe import Recipe, built_in_recipes
from cupel.reproduction.noise import read_rows
from cupel.signals.text_quality import TextQuality

BLOCKED = ("gambling", "hacking", "warez")
MIN_RECALL, MAX_LOST = 0.8, 0.02


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return str(path)


def domains(data: Path, folder: Path) -> list[str]:
    """Lists of blocked domains, unpacked; some of their domains."""
    listed = []
    with (
        (data / "lookup/domain_blocklists_ut1.tar.zst").open("rb") as file,
        tarfile.open(fileobj=zstandard.ZstdDecompressor().stream_reader(file), mode="r|") as archive,
    ):
        for member in archive:
            category = Path(member.name).parent.name
            content = archive.extractfile(member)
            if category in BLOCKED and content:
                lines = content.read().decode().split()
                (folder / category).mkdir(parents=True)
                (folder / category / "domains").write_text("\n".join(lines))
                listed += lines[:: max(1, len(lines) // 100)]
    return listed


def toxic_and_mild(data: Path) -> tuple[list[str], list[str]]:
    """Texts of eight tweets each that annotators call hateful or offensive, and of such that they do not."""
    rows = list(read_rows(data / "label_noise/toxicity_labels.jsonl.zst"))
    kinds = [[row["text"] for row in rows if (row["label"] != "neither") == kind] for kind in (True, False)]
    toxic, mild = ([" ".join(own[place : place + 8]) for place in range(0, len(own) - 8, 8)] for own in kinds)
    return toxic, mild


def clean_pages(data: Path, number: int) -> list[str]:
    texts = []
    for name in ("news", "wiki_en"):
        own = [
            row["text"]
            for row in read_rows(data / f"pool/{name}.jsonl.zst")
            if len(row["text"].split()) >= 100
        ]
        texts += own[:: len(own) // number][:number]
    return texts


@pytest.mark.slow
def test_planted_pages_are_dropped_and_clean_ones_stay(shared: Path, tmp_path: Path) -> None:
    """Half of all pages teach the classifier and set its threshold; the other half is measured."""
    data, rng = shared / "data", np.random.default_rng(0)
    addresses = domains(data, tmp_path / "lists")
    toxic, mild = toxic_and_mild(data)
    clean = clean_pages(data, 800)
    low = [row["text"] for row in read_rows(data / "pool/web_boilerplate.jsonl.zst")]
    taught, new = slice(0, None, 2), slice(1, None, 2)
    good = [{"id": f"c{n}", "text": text} for n, text in enumerate(clean[taught])]
    harmless = [{"id": f"m{n}", "text": text} for n, text in enumerate(mild[taught])]
    bad = [{"id": f"t{n}", "text": text} for n, text in enumerate(toxic[taught])]
    menus = [{"id": f"l{n}", "text": text} for n, text in enumerate(low[taught])]
    made = cupel.fit(
        "quality-classifier",
        output=tmp_path / "toxic",
        options={
            "positives": [write(tmp_path / "toxic.jsonl", bad)],
            "negatives": [write(tmp_path / "clean.jsonl", good + harmless)],
        },
    )
    weights = cupel.fit(
        "text-quality",
        input=[write(tmp_path / "pages.jsonl", good + menus)],
        output=tmp_path / "weights",
        options={"reference": [write(tmp_path / "reference.jsonl", good)]},
    )
    quality = TextQuality.from_options({"artifact": str(weights.folder)})
    scores = quality.prepare(Resources())(
        pa.record_batch({"text": pa.array(clean[taught], pa.large_string())})
    )
    lowest = float(
        np.quantile(scores["text_quality"].to_numpy(), 0.01)
    )  # one clean page in a hundred is lost
    rows = [
        *(
            {"id": f"clean/{n}", "text": text, "url": f"https://news.example/{n}"}
            for n, text in enumerate(clean[new])
        ),
        *(
            {"id": f"toxic/{n}", "text": text, "url": f"https://chat.example/{n}"}
            for n, text in enumerate(toxic[new][:300])
        ),
        *(
            {"id": f"blocked/{n}", "text": str(rng.choice(clean[taught])), "url": f"https://{domain}/{n}"}
            for n, domain in enumerate(addresses[:150])
        ),
        *(
            {"id": f"low/{n}", "text": text, "url": f"https://shop.example/{n}"}
            for n, text in enumerate(low[new])
        ),
    ]
    built_in = yaml.safe_load(built_in_recipes()["autopure"])
    recipe = Recipe.from_dict(
        {
            **built_in,
            "name": "autopure-with-lists",
            "signals": {
                "url-domain": {"path": str(tmp_path / "lists"), "categories": list(BLOCKED)},
                "toxic": {"classifier-score": {"scorer": str(made.folder)}},
                "text-quality": {"artifact": str(weights.folder)},
            },
            "steps": [
                "url-blocklist",
                {"where": "toxic < 0.5"},
                {"threshold": {"signal": "text_quality", "at_least": lowest}},
            ],
        }
    )
    result = cupel.refine(recipe, input=write(tmp_path / "pool.jsonl", rows), output=tmp_path / "out")
    ledger = result.ledger().to_arrow().to_pylist()
    dropped = {row["id"]: row["reason"] for row in ledger if row["reason"]}
    shares = {}
    for kind in ("clean", "toxic", "blocked", "low"):
        ids = [row["id"] for row in rows if row["id"].startswith(f"{kind}/")]
        shares[kind] = sum(id_ in dropped for id_ in ids) / len(ids)
    assert shares.pop("clean") < MAX_LOST
    assert min(shares.values()) > MIN_RECALL, shares
    assert {dropped[id_] for id_ in dropped if id_.startswith("blocked/")} == {"blocked"}


def test_the_built_in_recipe_needs_nothing(tmp_path: Path) -> None:
    text = "The café in the old town opens at nine, and people of all ages come to it for the news. " * 1
    sentences = [
        text.replace("nine", str(number)).replace("old", f"part {number} of the") for number in range(12)
    ]
    rows = [{"id": "good", "text": "\n".join(sentences)}, {"id": "bad", "text": "### buy\n" * 50}]
    result = cupel.refine("autopure", input=write(tmp_path / "pool.jsonl", rows), output=tmp_path / "out")
    assert "bad" not in result.corpus().to_arrow()["id"].to_pylist()
