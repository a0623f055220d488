"""The recipe `mathpile` on papers with copies and planted benchmark items."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

import cupel
from tests.conftest import prose

FORMULAS = [
    "$x_1^2 % c\n+ y$",
    "\\begin{align}\n a &= b \\label{l} \\\\\n c &= d\n\\end{align}",
    "\\[ \\int f \\]",
]
ITEMS = [
    {
        "question": "A farmer has seventeen brown sheep and sells five of them to his neighbor Tom every second "
        f"Monday; how many sheep are left after {number} weeks of {color} rain?",
        "answer": str(number),
    }
    for number, color in ((14, "green"), (38, "violet"), (71, "silver"))
]


def paper(rng: random.Random) -> str:
    paragraphs = [f"Thus {prose(rng, 60)} {formula} % note\n{prose(rng, 20)}" for formula in FORMULAS]
    noise = "\\begin{figure}\\caption{none}\\end{figure}\n\n"
    body = f"\\section{{Results}}\\label{{s}}\n{noise.join(paragraphs)}"
    return f"\\documentclass{{article}}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"


def test_copies_and_items_go_and_formulas_stay(tmp_path: Path) -> None:
    rng = random.Random(7)
    papers = [paper(rng) for _ in range(20)]
    rows = [{"id": f"arxiv{n}", "source": "arxiv", "text": text} for n, text in enumerate(papers)]
    rows += [{"id": f"copy{n}", "source": "web", "text": papers[n]} for n in range(6)]
    rows += [
        {
            "id": f"leak{n}",
            "source": "forum",
            "text": f"{prose(rng, 60)}. {item['question']} {item['answer']}. {prose(rng, 60)}",
        }
        for n, item in enumerate(ITEMS)
    ]
    (tmp_path / "pool").mkdir()
    (tmp_path / "pool/rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "math.jsonl").write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    record = cupel.Recipe.load("mathpile").to_dict()
    # Random words are in no language.
    record["steps"] = [step for step in record["steps"] if not {"language", "language-id"} & set(step)]
    record["steps"].append({"decontaminate": {"against": [str(tmp_path / "math.jsonl")]}})
    options = {"accept": ["minhash"]}
    result = cupel.refine(
        cupel.Recipe.from_dict(record), input=tmp_path / "pool", output=tmp_path / "out", **options
    )
    ledger = [
        row
        for path in (result.output / "ledger").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]
    status = {row["id"]: row for row in ledger}
    assert len(ledger) == len(rows)
    dropped = Counter((row["source"], row["step"]) for row in ledger if row["status"] == "dropped")
    assert dropped == {("web", "minhash"): 6, ("forum", "decontaminate"): 3}
    assert [status[f"leak{n}"]["survivor"] for n in range(3)] == [f"math:{n}" for n in (1, 2, 3)]
    texts = [
        row["text"]
        for path in (result.output / "data").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]
    assert len(texts) == 20
    for text in texts:
        places = [text.find(formula) for formula in FORMULAS]
        assert -1 not in places
        assert places == sorted(places)
        assert "% note" not in text
