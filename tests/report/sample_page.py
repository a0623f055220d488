"""A page as a run of `cupel refine` gives it: realistic, made from a fixed seed."""

from __future__ import annotations

import itertools
import math
import random

from cupel.charts import bars, funnel, histogram, line
from cupel.findings import Alarm, Code, Facts, Figure, Prose, Sample, Samples, Section, Table
from cupel.report.page import Page
from cupel.units import write_percent
from tests.report.pages import page_of

ENGLISH = (
    "The museum opened its doors in the spring of 1911, and for most of the century that followed the "
    "collection was shown exactly as its founder had left it: salt-glazed jars along the north wall, "
    "silver on the long tables, and the coins, of which there are more than eleven thousand, in drawers "
    "that only the keeper could open. Visitors wrote of the cold and of the light.\n\n"
    "In 1974 the roof was replaced. The work took two winters and uncovered, behind the panelling of the "
    "east room, an assayer's bench with its furnace still in place. The bone-ash cupels beside it had been "
    "used; lead had soaked into them, and in one a bead the size of a lentil remained. It was sent to the "
    "university, where it was found to be silver of a fineness that the town's mint had not been thought "
    "able to reach before 1640.\n\nThe bench is shown today in the room where it was found."
)
NAVIGATION = (
    "Home\nAbout us\nContact\nHome\nAbout us\nContact\nShare on Facebook\nShare on X\nPrint\n"
    "Read more...\nRead more...\nRead more...\nSign in\nTerms of use\nPrivacy policy\nCookies\n"
) * 4
CODE = """\
def fold(values):
    total = 0
    for value in values:
        if value < limit & mask:
            total += value
    return total
"""
ARABIC = "افتُتح المتحف في ربيع عام 1911، وظلت المجموعة معروضة كما تركها مؤسسها طوال معظم القرن التالي."
JAPANESE = "博物館は1911年の春に開館し、その後一世紀近く、収蔵品は創設者が残したままに展示されていた。"
GERMAN = "Das Museum öffnete 1911. Die Münzsammlung umfasst mehr als elftausend Stücke in Schubladen."
SPAM = "BUY CHEAP SILVER!!! best price best price click here >>> #silver #cheap #deal #silver #cheap"

RECIPE = """\
# What FineWeb did, in its order.
name: fineweb
seed: 0
steps:
  - extract: {extractor: resiliparse}
  - edit: unicode-repair
  - rules: language
    set: {languages: [en], min_confidence: 0.65}
  - rules: gopher-quality
  - rules: gopher-repetition
  - edit: c4-lines
  - rules: fineweb
  - dedup: exact
  - dedup: minhash
    bands: 14   # (1/14)^(1/8) = 0.72
    rows: 8
"""

STEPS = [
    ("input", 198_668, 226_113_402, 0.0),
    ("extract", 197_904, 225_870_113, 1.9),
    ("unicode-repair", 197_904, 225_869_870, 4.4),
    ("language", 181_220, 210_344_021, 2.2),
    ("gopher-quality", 131_552, 178_220_514, 1.1),
    ("gopher-repetition", 118_030, 167_004_118, 1.6),
    ("c4-lines", 109_775, 158_911_030, 0.9),
    ("fineweb", 96_418, 149_520_377, 0.2),
    ("exact-duplicates", 94_677, 148_019_664, 0.4),
    ("minhash", 88_912, 139_774_205, 3.7),
]
RULES = [
    ("gopher-quality", "min_word_count", 50, "count", 22_140, 9_114),
    ("gopher-quality", "max_word_count", 100_000, "count", 2, 2),
    ("gopher-quality", "min_mean_word_length", 3, "number", 1_812, 241),
    ("gopher-quality", "max_mean_word_length", 10, "number", 2_406, 377),
    ("gopher-quality", "max_hash_to_word_ratio", 0.1, "number", 3_011, 902),
    ("gopher-quality", "max_ellipsis_to_word_ratio", 0.1, "number", 640, 58),
    ("gopher-quality", "max_bullet_line_fraction", 0.9, "percent", 77, 12),
    ("gopher-quality", "max_ellipsis_line_fraction", 0.3, "percent", 1_204, 318),
    ("gopher-quality", "min_alpha_word_fraction", 0.8, "percent", 31_775, 13_260),
    ("gopher-quality", "min_stop_word_count", 2, "count", 14_903, 2_744),
    ("gopher-repetition", "max_duplicate_line_fraction", 0.3, "percent", 6_011, 812),
    ("gopher-repetition", "max_duplicate_paragraph_fraction", 0.3, "percent", 4_310, 220),
    ("gopher-repetition", "max_top_2gram_character_fraction", 0.2, "percent", 5_870, 1_433),
    ("gopher-repetition", "max_duplicate_5gram_character_fraction", 0.15, "percent", 11_020, 3_904),
    ("fineweb", "min_terminal_punctuation_line_fraction", 0.12, "percent", 12_450, 7_301),
    ("fineweb", "max_short_line_fraction", 0.67, "percent", 4_096, 1_777),
    ("fineweb", "max_newline_to_word_ratio", 0.3, "number", 3_350, 0),
]


def sample_page() -> Page:
    """The page the tests and the screenshots use."""
    return page_of(
        title="fineweb on pool",
        subtitle="22 files, 226 MB of text, refined with the recipe fineweb on the native runner, 2 cores.",
        facts=(
            ("documents in", "198,668"),
            ("kept", "88,912"),
            ("dropped", "109,714"),
            ("quarantined", "42"),
            ("text kept", "139.8 MB"),
            ("time", "2 min 14 s"),
            ("throughput", "52.4 MB/s"),
            ("peak memory", "1.21 GB"),
            ("content hash", "b3:7f1c0a9e54d2c88b03e6a1f7d94b26c5e80f3a7b1d2c4e6f8091a2b3c4d5e6f7"),
        ),
        sections=(
            _funnel(),
            _rules(),
            _signals(),
            _languages(),
            _duplicates(),
            _dropped(),
            _kept(),
            _quarantine(),
            _cost(),
            _recipe(),
        ),
        footer="Cupel 0.1.0, seed 0, config digest c41f77a2, input digest 90be1d33. "
        "In = kept + dropped + quarantined: 198,668 = 88,912 + 109,714 + 42.",
    )


def _funnel() -> Section:
    rows = []
    for (_, before, _, _), (name, documents, size, seconds) in itertools.pairwise(STEPS):
        lost = before - documents
        speed = size / 1e6 / seconds
        rows.append((name, before, lost, lost / before, size, seconds, speed))
    return Section(
        title="Funnel",
        lead="44.8 % of the documents and 61.8 % of the bytes remain. The quality rules drop most; what they "
        "drop is short.",
        blocks=(
            Figure(spec=funnel([step[:3] for step in STEPS])),
            Table(
                columns=("step", "documents in", "dropped", "share dropped", "bytes left", "time", "MB/s"),
                rows=tuple(rows),
                formats=("text", "count", "count", "bar", "bytes", "seconds", "number"),
            ),
        ),
    )


def _rules() -> Section:
    rows = tuple(
        (family, rule, written_threshold(value, unit), alone, only, alone / 181_220)
        for family, rule, value, unit, alone, only in RULES
    )
    return Section(
        title="Rules",
        lead="What each rule would drop by itself, and what no other rule would have dropped.",
        blocks=(
            Alarm(text="max_newline_to_word_ratio (fineweb) drops nothing that other rules do not drop too."),
            Table(
                columns=("rule", "set", "threshold", "alone drops", "only it drops", "share of documents"),
                rows=tuple(
                    (rule, family, threshold, alone, only, share)
                    for family, rule, threshold, alone, only, share in rows
                ),
                formats=("text", "text", "text", "count", "count", "bar"),
                caption="Counted on the 181,220 documents that reached the rules.",
            ),
        ),
    )


def written_threshold(value: float, unit: str) -> str:
    return write_percent(value) if unit == "percent" else f"{value:,}"


def _spread(values: list[float], low: float, high: float, drops, log: bool = False, count: int = 40):
    edges = [
        low * (high / low) ** (i / count) if log else low + (high - low) * i / count for i in range(count + 1)
    ]
    kept, dropped = [0] * count, [0] * count
    for value in values:
        share = (
            math.log(max(value, low) / low) / math.log(high / low) if log else (value - low) / (high - low)
        )
        place = min(max(int(share * count), 0), count - 1)
        (dropped if drops(value) else kept)[place] += 1
    return edges, kept, dropped


def _signals() -> Section:
    dice = random.Random(0)

    def figure(title, unit, values, low, high, thresholds, drops, log=False, caption="", count=40):
        spread = _spread(values, low, high, drops, log, count)
        return Figure(
            spec=histogram(*spread, title=title, unit=unit, thresholds=thresholds, log=log), caption=caption
        )

    many = range(30_000)
    words = [dice.lognormvariate(5.3, 1.3) for _ in many]
    lengths = [dice.gauss(4.8, 0.7) for _ in many]
    alpha = [min(1, dice.betavariate(14, 2.2)) for _ in many]
    repeats = [0.0 if dice.random() < 0.82 else dice.betavariate(1.2, 5) for _ in many]
    grams = [dice.betavariate(1.6, 16) for _ in many]
    ends = [dice.betavariate(2.4, 1.1) for _ in many]
    short = [dice.betavariate(1.1, 3) for _ in many]
    hashes = [0.0 if dice.random() < 0.9 else dice.expovariate(30) for _ in many]
    stops = [float(min(8, int(dice.gauss(5.5, 2)))) for _ in many]
    entropy = [dice.gauss(5.2, 0.8) for _ in many]
    confidence = [1 - dice.betavariate(1, 9) for _ in many]
    return Section(
        title="Signals",
        lead="How each signal is spread over the documents, with the thresholds drawn in.",
        blocks=(
            Prose(text="Documents that any rule dropped are grey. A bar that is cut bears its true count."),
            figure(
                "word_count",
                "words",
                words,
                3,
                30_000,
                [(50, "min 50"), (100_000, "max 100,000")],
                lambda v: v < 50,
                True,
            ),
            figure(
                "mean_word_length",
                "code points",
                lengths,
                0,
                12,
                [(3, "min 3"), (10, "max 10")],
                lambda v: not 3 <= v <= 10,
            ),
            figure("alpha_word_fraction", "", alpha, 0, 1, [(0.8, "min 0.8")], lambda v: v < 0.8),
            figure("duplicate_line_fraction", "", repeats, 0, 1, [(0.3, "max 0.3")], lambda v: v > 0.3),
            figure("top_2gram_character_fraction", "", grams, 0, 0.6, [(0.2, "max 0.2")], lambda v: v > 0.2),
            figure(
                "terminal_punctuation_line_fraction", "", ends, 0, 1, [(0.12, "min 0.12")], lambda v: v < 0.12
            ),
            figure("short_line_fraction", "", short, 0, 1, [(0.67, "max 0.67")], lambda v: v > 0.67),
            figure("hash_to_word_ratio", "per word", hashes, 0, 0.3, [(0.1, "max 0.1")], lambda v: v > 0.1),
            figure(
                "stop_word_count", "distinct words", stops, 0, 9, [(2, "min 2")], lambda v: v < 2, count=9
            ),
            figure("unigram_entropy", "bits", entropy, 0, 8, [], lambda v: False, caption="No rule uses it."),
            figure("language_confidence", "", confidence, 0, 1, [(0.65, "min 0.65")], lambda v: v < 0.65),
        ),
    )


def _languages() -> Section:
    languages = [
        ("en", "English", 168_410, 88_912, 0.91),
        ("de", "German", 6_120, 0, 0.94),
        ("fr", "French", 4_904, 0, 0.93),
        ("es", "Spanish", 3_770, 0, 0.92),
        ("zh", "Chinese", 2_011, 0, 0.97),
        ("ja", "Japanese", 1_312, 0, 0.98),
        ("ar", "Arabic", 860, 0, 0.95),
        ("ru", "Russian", 744, 0, 0.96),
        ("other", "97 others", 10_537, 0, 0.54),
    ]
    return Section(
        title="Languages",
        lead="English 84.8 % of the input. The recipe keeps English at a confidence of 0.65 or more.",
        blocks=(
            Figure(
                spec=bars(
                    [name for _, name, *_ in languages],
                    [kept for *_, kept, _ in languages],
                    [every - kept for _, _, every, kept, _ in languages],
                    title="Documents by language",
                )
            ),
            Table(
                columns=("language", "label", "documents", "share", "kept", "mean confidence"),
                rows=tuple((n, c, e, e / 198_668, k, p) for c, n, e, k, p in languages),
                formats=("text", "text", "count", "bar", "count", "number"),
            ),
        ),
    )


def _duplicates() -> Section:
    x = [i / 100 for i in range(101)]
    clusters = tuple(
        (
            f"doc-{4000 + 37 * i}",
            1931 // (i * i + 1) + 2,
            ("tweets", "code", "legal_dc")[i % 3],
            CODE.splitlines()[i % 6].strip() or "MIT License",
        )
        for i in range(8)
    )
    return Section(
        title="Duplicates",
        lead="5,765 near copies in 2,310 clusters; 0.4 % of the candidate pairs were none and stayed.",
        blocks=(
            Alarm(text="One cluster holds 1,933 documents, a third of all near copies: look at its samples."),
            Facts(
                facts=(
                    ("clusters", "2,310"),
                    ("near copies", "5,765"),
                    ("exact copies", "1,741"),
                    ("candidate pairs", "41,208"),
                    ("verified", "99.6 %"),
                    ("bands × rows", "14 × 8"),
                )
            ),
            Figure(
                spec=line(
                    x,
                    [1 - (1 - s**8) ** 14 for s in x],
                    title="Chance that a pair becomes a candidate",
                    x_title="Jaccard similarity of word 5-grams",
                    y_title="probability",
                    thresholds=[(0.719, "(1/14)^(1/8) = 0.72")],
                ),
                caption="MinHash with 14 bands of 8 rows; pairs found are verified by their true similarity.",
            ),
            Table(
                columns=("survivor", "documents", "source", "begins with"),
                rows=clusters,
                formats=("text", "count", "text", "text"),
                caption="The biggest clusters.",
            ),
            Samples(
                heading="Biggest cluster: 3 of 1,933",
                samples=tuple(
                    Sample(
                        id=f"tweets-{i}",
                        source="tweets",
                        note="survivor" if not i else "Jaccard 0.91",
                        text=SPAM,
                    )
                    for i in range(3)
                ),
            ),
        ),
    )


def _dropped() -> Section:
    at = NAVIGATION.find("Read more")
    return Section(
        title="Dropped",
        lead="Documents drawn at random from those each rule dropped first.",
        blocks=(
            Samples(
                heading="min_word_count (gopher-quality): 9,114 dropped",
                samples=(
                    Sample(
                        id="news-000412",
                        source="news",
                        note="word_count 14 < 50",
                        text="Page not found. The page you asked for has moved. Go home.",
                    ),
                    Sample(id="wiki-9911", source="wiki_simple", note="word_count 0 < 50", text="  \n "),
                    Sample(id="ar-17", source="multilingual", note="word_count 17 < 50", text=ARABIC),
                    Sample(id="ja-3", source="multilingual", note="word_count 23 < 50", text=JAPANESE),
                    Sample(id="de-210", source="multilingual", note="word_count 21 < 50", text=GERMAN),
                ),
            ),
            Samples(
                heading="max_duplicate_line_fraction (gopher-repetition): 812 dropped",
                samples=(
                    Sample(
                        id="general-5531",
                        source="general_balanced",
                        note="duplicate_line_fraction 0.75 > 0.3",
                        text=NAVIGATION,
                        marks=((at, at + 12), (at + 13, at + 25)),
                    ),
                    Sample(
                        id="hostile-1",
                        source="<img src=x onerror=alert(1)>",
                        note="max_hash_to_word_ratio",
                        text="<script>document.title='ran'</script> \x1b[31mred\x00 \u202egnp.exe </style>"
                        + SPAM,
                    ),
                ),
            ),
        ),
    )


def _kept() -> Section:
    return Section(
        title="Kept",
        lead="Documents drawn at random from those that remain.",
        blocks=(
            Samples(
                heading="Kept by all rules: 88,912",
                samples=(
                    Sample(id="wiki-551", source="wiki_en", note="English 0.99, 181 words", text=ENGLISH * 6),
                    Sample(id="code-88", source="code", note="English 0.71, 64 words", text=CODE * 3),
                    Sample(
                        id="books-14-with-a-very-long-identifier-that-does-not-end-" + "x" * 60,
                        source="books",
                        note="English 0.98",
                        text=ENGLISH,
                    ),
                ),
            ),
        ),
    )


def _quarantine() -> Section:
    faults = (
        "broken JSON",
        "text is null",
        "invalid UTF-8",
        "truncated gzip stream",
        "extraction took longer than 10 s",
    )
    return Section(
        title="Quarantine",
        lead="42 records could not be read. Each is in quarantine/ with its place and reason.",
        blocks=(
            Table(
                columns=("file", "position", "reason"),
                rows=tuple(
                    (f"pool/part-{i % 7:05}.jsonl.zst", 17 * i * i + 3, faults[i % 5]) for i in range(42)
                ),
                formats=("text", "count", "text"),
            ),
        ),
    )


def _cost() -> Section:
    timed = [step for step in STEPS if step[3]]
    return Section(
        title="Throughput and cost",
        lead="Where the time went: 38 % repairs Unicode, 23 % compares MinHash signatures.",
        blocks=(
            Figure(
                spec=bars(
                    [s[0] for s in timed],
                    [s[3] for s in timed],
                    title="Time per step",
                    unit="of one core",
                    format="seconds",
                )
            ),
            Figure(
                spec=bars(
                    [s[0] for s in timed],
                    [s[2] / s[3] for s in timed],
                    title="Bytes per second and core",
                    unit="",
                    format="bytes",
                )
            ),
        ),
    )


def _recipe() -> Section:
    return Section(
        title="Recipe",
        lead="Copy it, change it, run it: the same recipe on the same input gives the same content hash.",
        blocks=(
            Code(
                caption="recipe.yaml",
                text=RECIPE,
            ),
        ),
    )
