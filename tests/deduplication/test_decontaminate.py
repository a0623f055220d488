"""Contamination by evaluation items: against plain Python, and end to end."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cupel
from cupel import _kernels
from cupel.contract import Clusters, Resources
from cupel.deduplication.decontaminate import Decontaminate
from cupel.errors import BadInput, BadOption
from cupel.findings import Alarm, Prose, Samples, Table
from cupel.report.clusters import clusters_page
from tests.conftest import prose

from . import reference
from .conftest import Resolve, in_memory, spans_of

QUESTION = "Ada has seven crates with nineteen lemons each and sells forty; how many lemons are left over?"
ANSWER = "Ninety three"
SHORT = "Which bird lays square turquoise eggs in March?"
PASSAGE = "The Zürich lemon market opened in 1802 beside the old mill and burnt down twice before the war."


def evaluation(folder: Path, rows: Sequence[dict], name: str = "quiz") -> str:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def quiz(tmp_path: Path) -> str:
    return evaluation(
        tmp_path,
        [
            {"question": QUESTION, "answer": ANSWER},
            {"question": SHORT, "answer": "A finch"},
            {"question": "When did the lemon market of Zürich open?", "answer": "1802", "passage": PASSAGE},
        ],
    )


def method(path: str, **options: object) -> Decontaminate:
    return Decontaminate.from_options({"against": [path], **options})


def filler(seed: int, words: int = 60) -> str:
    return prose(random.Random(seed), words)


def held(clusters: Clusters) -> dict[int, str]:
    """The item that each contaminated document holds."""
    assert clusters.outside is not None
    names = dict(zip(clusters.outside["doc"].to_pylist(), clusters.outside["id"].to_pylist(), strict=True))
    return {row["doc"]: names[row["cluster"]] for row in clusters.members.to_pylist()}


def blocks(clusters: Clusters, kind: type) -> list:
    return [block for section in clusters.findings for block in section.blocks if isinstance(block, kind)]


def test_golden_cases(resolve: Resolve, quiz: str) -> None:
    words = QUESTION.split()
    texts = [
        f"{filler(1)}\n{QUESTION}\n{filler(2)}",
        f"{filler(3)} {' '.join(words[7:])} {filler(4)}",  # half of it
        f"{filler(5)} {' '.join(words[9:])} {filler(6)} {' '.join(words[:9])}",  # clauses the other way round
        f"{filler(7)} {' '.join(words[:6])} {filler(8)}",  # too little of it
        f"{filler(9)} {SHORT} {filler(10, 20)}. A finch!",
        f"{filler(11)} {SHORT} Nobody knows. {filler(12)}",  # short, and without its answer
        f"{filler(13)}\n{PASSAGE}\n{filler(14)}",
        "When did the lemon market of Zurich open? In 1802.",
        QUESTION.upper().replace(" ", "\u00a0— "),
        None,
        "",
    ]
    clusters = resolve(method(quiz), texts)
    expected = {0: "quiz:1", 1: "quiz:1", 2: "quiz:1", 4: "quiz:2", 7: "quiz:3", 8: "quiz:1"}
    assert held(clusters) == expected
    data = texts[0].encode()  # type: ignore[union-attr]
    assert [data[a:b].decode() for a, b in spans_of(clusters)[0]] == [QUESTION.rstrip("?")]
    scores = dict(
        zip(clusters.members["doc"].to_pylist(), clusters.members["score"].to_pylist(), strict=True)
    )
    assert scores[0] == scores[8] == scores[4] == 1.0
    assert scores[1] == pytest.approx(10 / 17)
    (table,) = [block for block in blocks(clusters, Table) if block.columns[0] == "evaluation set"]
    assert table.rows == (("quiz", 3, 3, 1.0, 6, 1, 0),)


def test_the_best_item_names_the_document_and_every_item_counts(resolve: Resolve, quiz: str) -> None:
    words = QUESTION.split()
    text = f"{filler(1)} {' '.join(words[6:])} {filler(2)} {SHORT} A finch. {filler(3)}"
    clusters = resolve(method(quiz), [text])
    assert held(clusters) == {0: "quiz:2"}
    assert clusters.members["score"].to_pylist() == [1.0]
    assert len(spans_of(clusters)[0]) == 2
    (items,) = [block for block in blocks(clusters, Table) if block.columns[0] == "item"]
    assert [row[:2] for row in items.rows] == [("quiz:1", 1), ("quiz:2", 1)]


def test_common_phrases_are_ignored_and_leaks_are_not(resolve: Resolve, tmp_path: Path) -> None:
    quotation = "We choose to go to the moon in this decade and do the other things"
    rows = [
        {"question": f"Who said “{quotation}” while the stadium of Rice was full?", "answer": "Kennedy"},
        {"question": QUESTION, "answer": ANSWER},
    ]
    path = evaluation(tmp_path, rows)
    quoting = [f"{filler(n)} {quotation}. {filler(n + 100)}" for n in range(15)]
    leaking = [f"{filler(n + 200)} {QUESTION} {filler(n + 300)}" for n in range(15)]
    clusters = resolve(method(path), [*quoting, *leaking])
    assert held(clusters) == dict.fromkeys(range(15, 30), "quiz:2")
    common = [b for b in blocks(clusters, Table) if b.columns[0] == "n-gram"]
    assert common
    assert common[0].rows[0][1:] == (15, "quiz:1")
    assert common[0].rows[0][0] in quotation
    # In few documents it may be a leak; nothing tells yet that it is common.
    assert held(resolve(method(path), quoting[:3])) == dict.fromkeys(range(3), "quiz:1")


@pytest.mark.parametrize("items", [1, 2, 8, 10])
def test_an_instruction_that_items_share_marks_no_document(
    resolve: Resolve, tmp_path: Path, items: int
) -> None:
    frame = "Read the two statements below with care, compare them, and say which of them is true for all people: "
    names = ["amber", "bronze", "cedar", "denim", "ebony", "flint", "grape", "hazel", "ivory", "jade"]
    tails = [f"the {name} kettle boiled over twice on the old {name} stove" for name in names]
    path = evaluation(tmp_path, [{"question": frame + tail, "answer": "both"} for tail in tails[:items]])
    clean = [f"{filler(n)} {frame} {filler(n + 100)}" for n in range(30)]
    leak = f"{filler(200)} {frame}{tails[0]} {filler(201)}"
    assert held(resolve(method(path), [*clean, leak])) == {30: "quiz:1"}


@pytest.mark.parametrize(
    ("question", "answer", "phrase"),
    [
        ("東京の古い鐘の高さは何メートルですか", "十二メートル", "東京の古い鐘の高さは市の人が知って"),
        ("中华人民共和国的首都是哪里", "北京", "中华人民共和国的首都很大"),
        ("เมืองหลวงของประเทศไทยคืออะไร", "กรุงเทพ", "เมืองหลวงของประเทศไทยมีแม่น้ำ"),
    ],
)
def test_characters_are_not_words(
    resolve: Resolve, tmp_path: Path, question: str, answer: str, phrase: str
) -> None:
    path = evaluation(tmp_path, [{"question": question, "answer": answer}])
    texts = [f"{filler(1)} {phrase} {filler(2)}", f"{filler(3)} {question}? {answer}! {filler(4)}"]
    assert held(resolve(method(path), texts)) == {1: "quiz:1"}


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (
            {
                "context": "Robin lent the ladder to the neighbor who had lost his keys on Monday.",
                "question": "Why did Robin?",
                "answerA": "kind",
                "answerB": "bored",
                "answerC": "angry",
                "label": "1",
            },
            "Robin lent the ladder to the neighbor who had lost his keys on Monday. Why did Robin? A. kind B. bored",
        ),
        (
            {
                "premise": "The lamp above the kitchen table went dark while the soup was boiling.",
                "question": "cause",
                "choice1": "A fuse blew.",
                "choice2": "The soup was cold.",
                "label": 0,
            },
            "The lamp above the kitchen table went dark while the soup was boiling. What was the cause? A fuse blew.",
        ),
    ],
)
def test_items_whose_question_is_short_or_a_label_are_found(
    resolve: Resolve, tmp_path: Path, row: dict, text: str
) -> None:
    path = evaluation(tmp_path, [row])
    assert held(resolve(method(path), [filler(1), f"{filler(2)} {text} {filler(3)}"])) == {1: "quiz:1"}


def test_items_that_cannot_be_found_are_counted(resolve: Resolve, tmp_path: Path) -> None:
    path = evaluation(
        tmp_path, [{"question": "Why?", "answer": "Rain"}, {"question": QUESTION, "answer": ANSWER}]
    )
    (alarm,) = blocks(resolve(method(path), [filler(1)]), Alarm)
    assert "1 of 2 in quiz" in alarm.text


def test_no_effect_is_said(resolve: Resolve, quiz: str) -> None:
    clusters = resolve(method(quiz), [filler(1), None])
    assert clusters.members.num_rows == 0
    assert "no effect" in blocks(clusters, Prose)[0].text
    assert not blocks(clusters, Samples)


# -- the kernel against plain Python -----------------------------------------------------------

WORDS = st.sampled_from(["one", "two", "Café", "cafe", "ZÜRICH", "4.2", "—", "six"])
PART = st.lists(WORDS, max_size=9).map(" ".join)
ITEMS = st.lists(st.tuples(PART, PART, PART, PART), min_size=1, max_size=5)


def grams(text: str, ngram: int) -> list[tuple[str, ...]]:
    words = reference.words(text, fold_numbers=False)
    return [tuple(words[at : at + ngram]) for at in range(len(words) - ngram + 1)]


def looked_for(items: Sequence[tuple[str, ...]], ngram: int, max_items: int) -> set[tuple[str, ...]]:
    """N-grams of all parts, those in too many different questions left out."""
    questions: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    everything = set()
    for item in items:
        for place, part in enumerate(item):
            for gram in grams(part, ngram):
                everything.add(gram)
                if place < 3:
                    questions.setdefault(gram, set()).add(tuple(reference.words(item[0], fold_numbers=False)))
    return {gram for gram in everything if len(questions.get(gram, ())) <= max_items}


def shares(
    text: str, item: tuple[str, ...], known: set[tuple[str, ...]], ngram: int
) -> list[tuple[int, int]]:
    """Words found, and words that could be, of question, answer and choices; the text is one window."""
    there = set(grams(text, ngram))
    counts = []
    for part in item[:3]:
        own = grams(part, ngram)
        could = {at + i for at, gram in enumerate(own) if gram in known for i in range(ngram)}
        does = {at + i for at, gram in enumerate(own) if gram in known & there for i in range(ngram)}
        counts.append((len(does), len(could)))
    return counts


def covered_in_text(text: str, item: tuple[str, ...], known: set[tuple[str, ...]], ngram: int) -> int:
    wanted = {gram for part in item[:3] for gram in grams(part, ngram)} & known
    return len({at + i for at, gram in enumerate(grams(text, ngram)) if gram in wanted for i in range(ngram)})


@given(
    ITEMS,
    st.lists(PART, max_size=4),
    st.integers(2, 4),
    st.integers(1, 3),
    st.integers(2, 8),
    st.sampled_from([0.3, 0.5, 1.0]),
)
def test_the_kernel_finds_what_the_definition_says(
    items: list[tuple[str, ...]],
    texts: list[str],
    ngram: int,
    max_items: int,
    min_words: int,
    threshold: float,
) -> None:
    columns = [pa.array([item[part] for item in items], pa.large_string()) for part in range(4)]
    index = _kernels.Evaluation(*columns, ngram=ngram, max_items=max_items)
    known = looked_for(items, ngram, max_items)
    assert (len(index), index.ngrams) == (len(items), len(known))
    # The item itself and half of it, so that something is found.
    texts = [*texts, items[0][0], " ".join(items[-1][:3]), " ".join(items[0][0].split()[2:])]
    text = pa.array(texts, pa.large_string())
    assert [len(hits) for hits in index.hits(text).to_pylist()] == [
        len(set(grams(t, ngram)) & known) for t in texts
    ]
    spans, matches = index.contamination(text, threshold=threshold, min_words=min_words)
    scores = {(row["row"], row["item"]): row["score"] for row in matches.to_pylist() if row["score"] > 0}
    candidates = index.candidates(index.hits(text), threshold=threshold, min_words=min_words).to_pylist()
    for row, text_of_row in enumerate(texts):
        for number, item in enumerate(items):
            expected = expected_score(text_of_row, item, known, ngram, min_words, threshold)
            assert scores.get((row, number), 0.0) == pytest.approx(expected), (text_of_row, item)
            assert candidates[row] or not expected
        assert bool(spans[row].as_py()) == any(at == row for at, _ in scores)


def expected_score(
    text: str,
    item: tuple[str, ...],
    known: set[tuple[str, ...]],
    ngram: int,
    min_words: int,
    threshold: float,
) -> float:
    parts = shares(text, item, known, ngram)
    covered = covered_in_text(text, item, known, ngram)
    views = [*parts, (sum(n for n, _ in parts), sum(n for _, n in parts))]
    best = max(
        (min(does, covered) / could for does, could in views if could and min(does, covered) >= min_words),
        default=0.0,
    )
    if best >= threshold:
        return best
    does, could = parts[0]
    short = 0 < could < min_words and does == could
    if short and answer_is_there(text, item, known, ngram):
        return 1.0
    beside = could < min_words and stands_beside_passage(text, item, known, ngram, min_words, threshold)
    if beside or stands_beside_answer(text, item, known, ngram, min_words):
        return 1.0
    return 0.0


def stands_beside_answer(
    text: str, item: tuple[str, ...], known: set[tuple[str, ...]], ngram: int, min_words: int
) -> bool:
    """Whether the text holds a question that has no n-gram, and apart from it the whole answer."""
    question, answer, words = (reference.words(part, fold_numbers=False) for part in (item[0], item[1], text))
    asked, answered, _ = shares("", item, known, ngram)
    if not question or asked[1] or not answer or answered[1] < len(answer):
        return False
    if len(question) + len(answer) < min_words:
        return False
    first = next((at for at in range(len(words)) if words[at : at + len(question)] == question), None)
    starts = [at for at in range(len(words)) if words[at : at + len(answer)] == answer]
    return first is not None and any(
        first + len(question) <= at or first >= at + len(answer) for at in starts
    )


def stands_beside_passage(
    text: str,
    item: tuple[str, ...],
    known: set[tuple[str, ...]],
    ngram: int,
    min_words: int,
    threshold: float,
) -> bool:
    """Whether the text holds the passage, and outside of it the question."""
    question, passage, words = (
        reference.words(part, fold_numbers=False) for part in (item[0], item[3], text)
    )
    ((does, could),) = shares(text, ("", "", item[3]), known, ngram)[2:]
    read = could > 0 and could + len(question) >= min_words and does / could >= threshold
    return read and len(question) >= 3 and holds(words, question) and not holds(passage, question)


def holds(words: Sequence[str], some: Sequence[str]) -> bool:
    return any(words[at : at + len(some)] == some for at in range(len(words)))


def answer_is_there(text: str, item: tuple[str, ...], known: set[tuple[str, ...]], ngram: int) -> bool:
    """Anywhere, as texts here are short; outside of what was found where the question holds it too."""
    answer = reference.words(item[1], fold_numbers=False)
    words = reference.words(text, fold_numbers=False)
    places = [at for at in range(len(words)) if answer and words[at : at + len(answer)] == answer]
    question = reference.words(item[0], fold_numbers=False)
    if not any(question[at : at + len(answer)] == answer for at in range(len(question))):
        return bool(places)
    wanted = {gram for part in item for gram in grams(part, ngram)} & known
    hits = [at for at, gram in enumerate(grams(text, ngram)) if gram in wanted]
    # The window grows hit by hit: any of its states may leave the answer outside.
    return any(
        at + len(answer) <= hits[0] or at >= stop + ngram
        for at in places
        for stop in hits
        if whole_by(text, item, known, ngram, stop)
    )


def whole_by(text: str, item: tuple[str, ...], known: set[tuple[str, ...]], ngram: int, stop: int) -> bool:
    """Whether the question is found whole in the n-grams up to this one."""
    there = set(grams(text, ngram)[: stop + 1])
    return all(gram in there for gram in grams(item[0], ngram) if gram in known) or not known


# -- runs --------------------------------------------------------------------------------------


def pool(folder: Path) -> Path:
    folder.mkdir()
    texts = [filler(n) for n in range(60)]
    texts[7] += f"\n{QUESTION}\n{filler(70)}"
    texts[31] = f"{filler(71)}\n{SHORT} — A finch.\n"
    rows = [{"id": f"d{n}", "text": text} for n, text in enumerate(texts)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def run(folder: Path, output: Path, quiz: str, action: str, **options: object) -> cupel.Result:
    step = {"decontaminate": {"against": [quiz], "action": action}}
    recipe = cupel.Recipe.from_dict({"name": "clean", "steps": [step]})
    return cupel.refine(recipe, input=folder, output=output, **options)


def table(output: Path, kind: str) -> list[dict]:
    rows = [
        row for path in sorted((output / kind).glob("*.parquet")) for row in pq.read_table(path).to_pylist()
    ]
    return sorted(rows, key=lambda row: row["doc"])


def test_a_run_drops_them_and_says_why(tmp_path: Path, quiz: str) -> None:
    result = run(pool(tmp_path / "pool"), tmp_path / "out", quiz, "drop", report=True)
    dropped = {row["id"]: row for row in table(result.output, "ledger") if row["status"] == "dropped"}
    assert set(dropped) == {"d7", "d31"}
    assert {row["reason"] for row in dropped.values()} == {"contaminated"}
    assert (dropped["d7"]["value"], dropped["d7"]["survivor"]) == ("100.0% of quiz:1", "quiz:1")
    assert dropped["d31"]["limit"] == "less than 40% of an evaluation item"
    assert [row["survivor"] for row in table(result.output, "clusters")] == ["quiz:1", "quiz:2"]
    assert "d7" not in {row["id"] for row in table(result.output, "data")}
    page = (result.output / "report.html").read_text()
    assert "Contamination by evaluation sets" in page


def test_the_list_of_clusters_tells_items_from_documents(tmp_path: Path, quiz: str) -> None:
    result = run(pool(tmp_path / "pool"), tmp_path / "out", quiz, "drop")
    Path(quiz).unlink()  # what was found is listed wherever the items have gone
    clusters = cupel.clusters(result.output)
    assert {cluster.survivor for cluster in clusters} == {"quiz:1", "quiz:2"}
    (table,) = clusters_page(result.output, clusters).sections[0].blocks
    roles = {(row[3], row[6]) for row in table.rows}
    assert roles == {
        ("quiz:1", "evaluation item"),
        ("d7", "contaminated"),
        ("quiz:2", "evaluation item"),
        ("d31", "contaminated"),
    }


def test_cut_and_mark_keep_the_documents(tmp_path: Path, quiz: str) -> None:
    folder = pool(tmp_path / "pool")
    cut = table(run(folder, tmp_path / "cut", quiz, "cut").output, "data")
    assert len(cut) == 60
    assert "nineteen lemons" not in "".join(row["text"] for row in cut)
    assert filler(70) in cut[7]["text"]
    marked = table(run(folder, tmp_path / "mark", quiz, "mark").output, "data")
    contaminated = {row["id"]: row for row in marked if row["decontaminate_score"] is not None}
    assert {id: row["decontaminate_survivor"] for id, row in contaminated.items()} == {
        "d7": "quiz:1",
        "d31": "quiz:2",
    }
    (span,) = contaminated["d7"]["decontaminate_spans"]
    assert contaminated["d7"]["text"].encode()[span["start"] : span["stop"]].decode() == QUESTION.rstrip("?")


def test_shards_do_not_matter(tmp_path: Path, quiz: str) -> None:
    folder = pool(tmp_path / "pool")
    results = [
        run(folder, tmp_path / f"out-{size}", quiz, "drop", target_shard_bytes=size)
        for size in (1 << 20, 3_000)
    ]
    few, many = (table(result.output, "clusters") for result in results)
    assert few == many
    hashes = {result.manifest["content_hash"] for result in results}
    assert len(hashes) == 1


def test_two_evaluation_sets_have_a_row_each(resolve: Resolve, tmp_path: Path) -> None:
    first = evaluation(tmp_path, [{"question": QUESTION, "answer": ANSWER}], "sums")
    second = evaluation(tmp_path, [{"question": SHORT, "answer": "A finch"}, {"question": "Why?"}], "birds")
    clusters = resolve(Decontaminate.from_options({"against": [first, second]}), [QUESTION, filler(1)])
    (sets,) = [block for block in blocks(clusters, Table) if block.columns[0] == "evaluation set"]
    assert [row[:5] + row[6:] for row in sets.rows] == [
        ("birds", 2, 0, 0.0, 0, 1),
        ("sums", 1, 1, 1.0, 1, 0),
    ]


def test_items_that_change_while_a_run_goes_on_are_refused(tmp_path: Path, quiz: str) -> None:
    view = in_memory(method(quiz), [filler(1), QUESTION])
    Path(quiz).write_text(json.dumps({"question": filler(2), "answer": "x"}))
    with pytest.raises(BadInput, match=re.escape("changed while the run went on")):
        method(quiz).decide(view, Resources(str(tmp_path)))


def test_options_are_checked(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="against"):
        Decontaminate.from_options({})
    with pytest.raises(BadInput, match="no such file or folder"):
        run(pool(tmp_path / "pool"), tmp_path / "out", str(tmp_path / "missing.jsonl"), "drop")
