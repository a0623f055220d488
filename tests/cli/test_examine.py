"""Commands of kinds as they are typed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cupel.cli._app import EXAMPLES, app
from cupel.cli._examine import KINDS, kinds_by_command
from tests import warm


def cupel(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "110", "NO_COLOR": "1"}
    return subprocess.run(
        [warm.cupel(), *map(str, arguments)], capture_output=True, text=True, env=environment
    )


def test_the_listed_commands_are_those_that_kinds_declare() -> None:
    """The list exists so that help need not load the methods; the kinds say what must stand in it."""
    ours = {name for name, kind in kinds_by_command().items() if kind.__module__.startswith("cupel.")}
    assert set(KINDS) == ours
    registered = {command.name for command in app.registered_commands}
    assert registered >= ours
    assert set(EXAMPLES) >= ours


@pytest.mark.parametrize("command", sorted(KINDS))
def test_help_lists_the_methods_of_the_kind(command: str) -> None:
    shown = cupel(command, "--help").stdout
    assert "Methods:" in shown
    assert f"cupel {command}" in shown.partition("Examples:")[2]


@pytest.mark.parametrize(
    ("command", "method", "said"),
    [
        (
            "attribute",
            "cartography",
            ["TRIAL...", "--skip", "[default: 0]", "--output", "Dataset Cartography: Mapping"],
        ),
        (
            "audit",
            "verbatim",
            ["MODEL...", "--documents", "[default: none]", "--prompt", "Quantifying Memorization"],
        ),
        (
            "study",
            "random-mixtures",
            ["POOL...", "--scale", "[default: nano]", "--workers", "RegMix: Data Mixture"],
        ),
        (
            "update",
            "uniform-soup",
            ["MODEL...", "--held-out", "two or more models", "Model soups: averaging"],
        ),
    ],
)
def test_help_of_a_method_is_made_from_its_card(command: str, method: str, said: list[str]) -> None:
    shown = cupel(command, method, "--help")
    assert shown.returncode == 0
    *on_help, paper = said
    for words in on_help:
        assert words in shown.stdout
    assert "--finding" not in shown.stdout
    card = cupel("methods", method).stdout
    assert f"cupel {command} {method}" in card
    assert paper in " ".join(card.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["attribute", "cartografy", "x", "-o", "out"], "did you mean 'cartography'"),
        (["audit", "cartography", "x", "-o", "out"], "no audit is called 'cartography'"),
        (["attribute", "cartography", "-o", "out"], "0 given as TRIAL; expected one or more"),
        (["attribute", "cartography", "nowhere", "-o", "out"], "nowhere: no such folder"),
        (["attribute", "cartography", "nowhere", "-o", "out", "--skp", "1"], "did you mean '--skip'"),
        (["attribute", "cartography", "x", "-o", "out", "--finding", "y"], "no option is called '--finding'"),
        (["audit", "verbatim", "trial:nowhere", "-o", "out", "--documents", "x"], "no such folder"),
        (["audit", "verbatim", "ggfu:x", "-o", "out", "--documents", "x"], "did you mean 'gguf'"),
        (["update", "uniform-soup", "one", "-o", "out"], "expected 2 or more"),
        (["study", "random-mixtures", "a", "b", "-o", "out", "--scale", "nanno"], "did you mean 'nano'"),
        (["study", "random-mixtures", "a", "b", "-o", "out", "--mixtures", "2"], "option 'mixtures' is 2"),
        (["annotate", "nowhere", "-i", "x", "-o", "out"], "finding nowhere is not there"),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for pool in ("a", "b"):
        (tmp_path / f"{pool}").write_text("some text")
    done = cupel(*arguments)
    assert done.returncode == 1, done.stdout
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert not (tmp_path / "out").exists()


def test_a_misspelt_command_gets_a_hint() -> None:
    done = cupel("atribute", "cartography")
    assert done.returncode == 2
    assert "Did you mean 'attribute'" in done.stderr
