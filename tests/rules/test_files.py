"""The YAML files: complete, sourced, and refused with a clear message when broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from cupel.errors import BadOption, UnknownName
from cupel.rules import RuleSet, methods, read_rule_set

NAMES = {
    "c4",
    "dclm-heuristics",
    "fineweb",
    "gopher-quality",
    "gopher-repetition",
    "language",
    "length",
    "massivetext",
    "refinedweb",
    "starcoder",
    "url-blocklist",
    "url-exact-blocklist",
    "url-pattern-blocklist",
    "url-word-limits",
}


def test_all_rule_sets_are_there() -> None:
    assert {rule_set.name for rule_set in methods()} == NAMES


@pytest.mark.parametrize("rule_set", methods(), ids=lambda rule_set: rule_set.name)
def test_every_rule_says_why_and_where_from(rule_set: type[RuleSet]) -> None:
    assert rule_set.kind == "rules"
    assert rule_set.limits
    assert not rule_set.title().endswith(".")
    assert len({rule.name for rule in rule_set.rules}) == len(rule_set.rules) < 127
    for rule in rule_set.rules:
        assert rule.why.endswith("."), rule.name
        assert rule.source, rule.name
        assert rule.name in rule_set.Options.model_fields
        assert rule_set.Options.model_fields[rule.name].description
        assert f"`{rule.name}`" in (rule_set.__doc__ or "")


@pytest.mark.parametrize("rule_set", methods(), ids=lambda rule_set: rule_set.name)
def test_options_give_a_json_schema(rule_set: type[RuleSet]) -> None:
    schema = rule_set.Options.model_json_schema()
    assert set(schema["properties"]) == {rule.name for rule in rule_set.rules}
    assert schema["additionalProperties"] is False


def test_included_rules_come_first_and_whole() -> None:
    sets = {rule_set.name: rule_set for rule_set in methods()}
    assert sets["massivetext"].rules == sets["gopher-quality"].rules + sets["gopher-repetition"].rules
    assert sets["refinedweb"].rules[-1].signal == "refinedweb_removed_word_fraction"
    assert sets["refinedweb"].needs_edit == "refinedweb-lines"
    assert sets["c4"].needs_edit == "c4-lines"


GOOD = """
name: mine
title: Mine
description: My rules.
rules:
  - {name: min_words, signal: word_count, at_least: 3, why: Why., source: me}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_all_it_takes(tmp_path: Path) -> None:
    mine = read_rule_set(write(tmp_path, GOOD))
    assert mine.name == "mine"
    assert mine.from_options({"min_words": 4}).rules[0].threshold == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: mine", "name: My Rules", "kebab-case"),
        ("at_least: 3", "atleast: 3", "did you mean 'at_least'"),
        ("at_least: 3", "at_least: 3, at_most: 5", "has 2 tests"),
        ("at_least: 3, ", "", "has 0 tests"),
        ("at_least: 3", "at_least: null", "must say its type"),
        (", source: me", "", "rules.0.source"),
        ("name: min_words", "name: min-words", "snake_case"),
        ("description: My rules.", "description: [", "not readable as YAML"),
        (
            "description: My rules.",
            "descripton: My rules.",
            "did you mean 'description'",
        ),
        (
            "description: My rules.",
            "description: !!python/object/apply:os.getcwd []",
            "not readable as YAML",
        ),
        ("rules:", "include: [c4]\nrules:", "'c4'"),
        ("rules:", "utility: qualty\nrules:", "did you mean 'quality'"),
        ("rules:", "stages: [pretrainin]\nrules:", "did you mean 'pretraining'"),
    ],
)
def test_a_broken_file_is_refused_by_name(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises((BadOption, UnknownName), match=message) as error:
        read_rule_set(path)
    assert "mine.yaml" in str(error.value)


def test_a_file_names_its_place_in_the_taxonomy(tmp_path: Path) -> None:
    mine = read_rule_set(write(tmp_path, GOOD))
    assert (mine.utility, mine.mechanism, mine.stages) == ("heuristics", "threshold", ("pretraining",))
    placed = GOOD.replace("rules:", "utility: domain\nstages: [alignment]\nrules:")
    (tmp_path / "placed").mkdir()
    mine = read_rule_set(write(tmp_path / "placed", placed))
    assert (mine.utility, mine.mechanism, mine.stages) == ("domain", "threshold", ("alignment",))


def test_two_rules_of_one_name(tmp_path: Path) -> None:
    rule = GOOD.strip().splitlines()[-1]
    with pytest.raises(BadOption, match="two rules are called 'min_words'"):
        read_rule_set(write(tmp_path, GOOD.rstrip() + "\n" + rule + "\n"))
