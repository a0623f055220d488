"""How often is the language right, and how fast is it found?

    python benchmarks/language.py [--shared FOLDER] [--megabytes N]

Accuracy: the multilingual sets, whose languages are known, by language and by length of text.
Only languages that the model has a label for are counted; a label is right if it stands for the
text's language or for the macrolanguage that holds it. For texts in languages that the model
does not know, the table says how many it is sure of all the same. Of the Bible set, the names
of the languages are believed, not the codes.

Speed: this package and the fasttext package on the same texts, one thread each, in turn.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import zstandard
from pool import print_table, rows, save, shared

from cupel import _kernels
from cupel.signals.language import bundled_model

SETS = ("tatoeba_sentences", "udhr", "wikipedia_samples", "xquad_paragraphs", "novels_fr_de", "bible_verses")
LENGTHS = (20, 50, 100, 200, 500, 1000, 10_000_000)
SURE = 0.65

# Labels of lid.176 and the ISO 639-3 codes they stand for; a label of three letters is its own code.
CODES = """
af afr;am amh;an arg;ar ara arb arz arq;arz arz;as asm;ast ast;av ava;az aze azj azb;ba bak;be bel;bg bul
bh bho mai mag;bn ben;bo bod;br bre;bs bos hbs;ca cat;ce che;ckb ckb;co cos;cs ces;cv chv;cy cym;da dan
de deu;dv div;el ell;en eng;eo epo;es spa;et est ekk;eu eus;fa fas pes prs;fi fin;fr fra;fy fry;ga gle
gd gla;gl glg;gn grn gug;gu guj;gv glv;he heb;hi hin;hr hrv hbs;ht hat;hu hun;hy hye;ia ina;id ind;ie ile
io ido;is isl;it ita;ja jpn;jv jav;ka kat;kk kaz;km khm;kn kan;ko kor;ku kur kmr ckb;kv kpv kom;kw cor
ky kir;la lat;lb ltz;li lim;lo lao;lt lit;lv lav lvs;mg mlg plt;mk mkd;ml mal;mn mon khk;mr mar
ms msa zsm max;mt mlt;my mya;ne nep npi;nl nld;nn nno;no nob nor nno;oc oci lnc;or ori ory;os oss;pa pan
pl pol;ps pus pbu;pt por;qu que quz quy;rm roh;ro ron;ru rus;sa san;sc srd src;sd snd;sh hbs srp hrv bos
si sin;sk slk;sl slv;so som;sq sqi als;sr srp hbs;su sun;sv swe;sw swh swa;ta tam;te tel;tg tgk;th tha
tk tuk;tl tgl fil;tr tur;tt tat;ug uig;uk ukr;ur urd;uz uzb uzn;vi vie;vo vol;wa wln;yi yid ydd;yo yor
yue yue;zh zho cmn;als gsw swg;bcl bcl;nah nah nhn nhg;bar bar;mhr mhr;eml eml egl;pnb pnb;bxr bxr;lrc lrc
diq diq zza;sah sah;nds nds;wuu wuu
"""

BIBLE = {
    "Estonian-PART": "est",
    "Basque-NT": "eus",
    "Latvian-NT": "lav",
    "Ukranian-NT": "ukr",
    "Swahili-NT": "swh",
    "Gujarati-NT": "guj",
    "Armenian-PART": "hye",
    "Manx-PART": "glv",
    "Quichua-NT": "que",
    "Nahuatl-NT": "nah",
}


def labels_of_codes(labels: list[str]) -> dict[str, set[str]]:
    """For each ISO 639-3 code, the labels that are right for it. (`als` is Alemannic only as a label.)"""
    accepted: dict[str, set[str]] = defaultdict(set)
    for entry in CODES.replace("\n", ";").split(";"):
        label, *codes = entry.split() or [""]
        for code in codes:
            accepted[code].add(label)
    for label in labels:
        if len(label) == 3 and label != "als":
            accepted[label].add(label)
    return accepted


def texts(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Set, ISO 639-3 code and text of every row."""
    for name in SETS:
        with (folder / "multilingual" / f"{name}.jsonl.zst").open("rb") as file:
            for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), encoding="utf-8"):
                row = json.loads(line)
                code = (
                    BIBLE.get(row["lang_name"], "") if name == "bible_verses" else row["lang"].split("_")[0]
                )
                yield name, code, row["text"]


def accuracy(model: _kernels.LanguageModel, folder: Path, languages: int) -> dict[str, object]:
    """Print the tables of accuracy; the figures as data."""
    right_labels = labels_of_codes(model.labels)
    names, codes, all_texts = zip(*texts(folder), strict=True)
    predictions = pa.record_batch(model.identify(pa.array(all_texts, pa.large_string()))).to_pydict()
    lengths = np.searchsorted(LENGTHS, [len(text) for text in all_texts], side="left")
    by_code: dict[str, list[bool]] = defaultdict(list)
    taken_for: dict[str, dict[str | None, int]] = defaultdict(lambda: defaultdict(int))
    by_length: dict[tuple[str, int], list[bool]] = defaultdict(list)
    unknown: dict[str, list[bool]] = defaultdict(list)
    for name, code, length, label, confidence in zip(
        names, codes, lengths, predictions["language"], predictions["language_confidence"], strict=True
    ):
        if code not in right_labels:
            unknown[name].append(confidence >= SURE)
            continue
        right = label in right_labels[code]
        by_code[code].append(right)
        by_length[name, int(length)].append(right)
        by_length["all", int(length)].append(right)
        if not right:
            taken_for[code][label] += 1
    body = []
    for code, marks in sorted(by_code.items(), key=lambda item: -len(item[1]))[:languages]:
        worst = max(taken_for[code], key=taken_for[code].__getitem__, default=None)
        often = f"{worst} ({taken_for[code][worst]})" if taken_for[code] else ""
        body.append([code, "/".join(sorted(right_labels[code])), len(marks), percent(marks), often])
    print_table(
        f"Accuracy by language, the {languages} with most texts",
        ["language", "right labels", "texts", "right", "most often taken for"],
        body,
    )
    bounds = [f"≤ {bound}" for bound in LENGTHS[:-1]] + [f"> {LENGTHS[-2]}"]
    body = [
        [
            name,
            *(
                f"{percent(by_length[name, at])} of {len(by_length[name, at])}" if by_length[name, at] else ""
                for at in range(len(LENGTHS))
            ),
        ]
        for name in (*SETS, "all")
    ]
    print_table("Accuracy by length of text in characters", ["set", *bounds], body)
    body = [[name, len(marks), percent(marks)] for name, marks in unknown.items()]
    print_table(
        f"Languages the model has no label for: sure (≥ {SURE}) all the same", ["set", "texts", "sure"], body
    )
    overall = list(itertools.chain.from_iterable(by_code.values()))
    mean = float(np.mean([np.mean(marks) for marks in by_code.values()]))
    print(
        f"\nAll texts: {percent(overall)} of {len(overall)} right; "
        f"mean over {len(by_code)} languages: {mean:.1%}."
    )
    return {
        "right": float(np.mean(overall)),
        "texts": len(overall),
        "mean_over_languages": mean,
        "languages": len(by_code),
    }


def percent(marks: list[bool]) -> str:
    return f"{np.mean(marks):.1%}" if marks else ""


def speed(model: _kernels.LanguageModel, megabytes: float, rounds: int) -> list[dict[str, object]]:
    """Print MB/s of one thread for mixed and for short texts, the best of some rounds in turn."""
    import fasttext

    peer = fasttext.load_model(str(bundled_model()))
    budget, documents = megabytes * 1e6, []
    for row in rows():
        documents.append(row["text"])
        budget -= len(row["text"].encode())
        if budget <= 0:
            break
    short = [text[at : at + 120] for text in documents for at in range(0, len(text), 120)]
    results, body = [], []
    for name, texts in (("whole documents", documents), ("pieces of 120 characters", short)):
        array = pa.array(texts, pa.large_string())
        size = sum(len(text.encode()) for text in texts) / 1e6
        lines = [text.replace("\n", " ") + "\n" for text in texts]
        ours, theirs = [], []
        for _ in range(rounds):
            started = time.perf_counter()
            predictions = pa.record_batch(model.identify(array))
            ours.append(time.perf_counter() - started)
            started = time.perf_counter()
            labels, _ = peer.f.multilinePredict(lines, 1, 0.0, "strict")
            theirs.append(time.perf_counter() - started)
        same = sum(
            label[0].removeprefix("__label__") == mine
            for label, mine in zip(labels, predictions["language"].to_pylist(), strict=True)
            if mine is not None
        ) / max(1, len(texts) - predictions["language"].null_count)
        rates = size / min(ours), size / min(theirs)
        results.append(
            {
                "texts": name,
                "megabytes": size,
                "cupel_mb_s": rates[0],
                "fasttext_mb_s": rates[1],
                "same": same,
            }
        )
        body.append(
            [
                name,
                len(texts),
                round(size, 1),
                round(rates[0], 1),
                round(rates[1], 1),
                f"{rates[0] / rates[1]:.1f}×",
                f"{same:.3%}",
            ]
        )
    print_table(
        "Speed, MB/s on one core",
        ["texts", "number", "MB", "cupel", "fasttext", "faster", "same label"],
        body,
    )
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, help="folder with data/multilingual")
    parser.add_argument("--megabytes", type=float, default=20.0, help="text for the speed test")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the speed test; the best counts")
    parser.add_argument("--languages", type=int, default=40, help="rows of the table by language")
    arguments = parser.parse_args()
    model = _kernels.LanguageModel(bundled_model().read_bytes())
    result: dict[str, object] = {"speed": speed(model, arguments.megabytes, arguments.rounds)}
    folder = arguments.shared / "data" if arguments.shared else shared()
    if folder is None:
        print("\nAccuracy needs the multilingual sets, which are not here.")
    else:
        result["accuracy"] = accuracy(model, folder, arguments.languages)
    save("language", result)


if __name__ == "__main__":
    main()
