"""References: what is written is checked without loading anything."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cupel.errors import BadOption, CupelError, UnknownName
from cupel.models.reference import ABILITIES, SCHEMES, Reference, check_reference, parse_reference


@pytest.mark.parametrize(
    ("text", "scheme", "target", "revision"),
    [
        ("hf:org/name", "hf", "org/name", None),
        ("hf:org/na.me-1@v2.0", "hf", "org/na.me-1", "v2.0"),
        ("hf:org/name@refs/pr/3", "hf", "org/name", "refs/pr/3"),
        ("org/name@main", "hf", "org/name", "main"),
        ("./org/name", "folder", "./org/name", None),
        ("/models/東京", "folder", "/models/東京", None),
        ("one-word", "folder", "one-word", None),
        ("a/b/c", "folder", "a/b/c", None),
        ("./odd:name", "folder", "./odd:name", None),
        ("gguf:dir/m.gguf", "gguf", "dir/m.gguf", None),
        ("trial:out/trials/0", "trial", "out/trials/0", None),
        ("ngram:fitted/1e10", "ngram", "fitted/1e10", None),
        ("fasttext:lid.bin", "fasttext", "lid.bin", None),
    ],
)
def test_references_are_taken_apart(text: str, scheme: str, target: str, revision: str | None) -> None:
    assert parse_reference(text) == Reference(text, scheme, target, revision)


def test_an_endpoint_has_an_address_and_a_name() -> None:
    text = "openai:http://127.0.0.1:8000/v1/#org/name:tag"
    assert parse_reference(text) == Reference(text, "openai", "http://127.0.0.1:8000/v1", name="org/name:tag")
    check_reference("openai:https://[::1]/v1#m", "generate")


def test_a_login_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(BadOption, match="put the key into OPENAI_API_KEY") as raised:
        parse_reference("openai:http://user:s3cret@host/v1#m")
    assert "s3cret" not in str(raised.value)


def test_a_folder_goes_before_a_name_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_reference("org/name").scheme == "hf"
    Path("org/name").mkdir(parents=True)
    assert parse_reference("org/name").scheme == "folder"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", BadOption, "expected a reference such as"),
        ("  ", BadOption, "expected a reference such as"),
        ("a\0b", BadOption, "expected a reference such as"),
        ("gguf:", BadOption, "nothing follows the scheme; expected gguf:file"),
        ("hf:name", BadOption, "expected org/name or org/name@revision after hf:"),
        ("hf:org/name@", BadOption, "expected org/name or org/name@revision"),
        ("hf:org/name@a b", BadOption, "expected org/name or org/name@revision"),
        ("hf:../x", BadOption, "expected org/name or org/name@revision"),
        ("openai:http://host/v1", BadOption, "expected #name at its end"),
        ("openai:host/v1#m", BadOption, "expected an address such as http://host:port/v1"),
        ("openai:ftp://host/v1#m", BadOption, "expected an address such as http://host:port/v1"),
        ("openai:http://host:x/v1#m", BadOption, "its address cannot be read"),
        ("openai:http://[host/v1#m", BadOption, "its address cannot be read"),
        ("openai:http://host/v1?a=b#m", BadOption, "without query and spaces"),
        ("openai:http://host/v 1#m", BadOption, "without query and spaces"),
        ("fastext:m.bin", UnknownName, "no scheme is called 'fastext'; did you mean 'fasttext'"),
        ("folder:x", UnknownName, "no scheme is called 'folder'"),
    ],
)
def test_malformed_references_are_refused(text: str, error: type[CupelError], message: str) -> None:
    with pytest.raises(error, match=message) as raised:
        parse_reference(text, "step 'semdedup', option 'model'")
    assert str(raised.value).startswith("step 'semdedup', option 'model': model '")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gguf:none.gguf", "no such file"),
        ("fasttext:none.bin", "no such file"),
        ("trial:none", "no such folder"),
        ("ngram:none", "no such folder"),
        ("ngram:.", r"no \*\.ngram; expected the folder of an n-gram model"),
        ("./none", "no such folder; a model of the Hugging Face hub is named hf:org/name"),
        ("trial:.", "no config.json; expected the folder of a finished trial"),
        (".", "no model lies there"),
    ],
)
def test_what_is_not_there_is_said(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (ability, *_) = SCHEMES[parse_reference(text).scheme].abilities
    with pytest.raises(BadOption, match=message):
        check_reference(text, ability)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("ability", ABILITIES)
def test_a_scheme_without_the_ability_is_refused_before_anything_is_looked_at(
    scheme: str, ability: str
) -> None:
    text = {"folder": "./none", "hf": "hf:org/name", "openai": "openai:http://host/v1#m"}.get(
        scheme, f"{scheme}:none"
    )
    if ability in SCHEMES[scheme].abilities:
        return
    able = [other.form for other in SCHEMES.values() if ability in other.abilities]
    can = re.sub(", ([^,]*)$", r" and \1", ", ".join(SCHEMES[scheme].abilities))
    with pytest.raises(
        BadOption, match=f"it can be asked for {can}, not for {ability}; models that can: "
    ) as raised:
        check_reference(text, ability)
    assert str(raised.value).endswith(", ".join(able))


def test_an_unknown_ability_is_refused() -> None:
    with pytest.raises(UnknownName, match="no ability is called 'logprobs'; did you mean 'log_probs'"):
        check_reference("hf:org/name", "logprobs")


def test_a_folder_says_what_its_model_can_do(tmp_path: Path) -> None:
    def write(name: str, value: object) -> None:
        (tmp_path / name).write_text(json.dumps(value))

    write("config.json", {"architectures": ["BertModel"]})
    check_reference(str(tmp_path), "embed")
    with pytest.raises(BadOption, match="it can be asked for embed, not for generate"):
        check_reference(str(tmp_path), "generate")
    write("config.json", {"architectures": ["LlamaForCausalLM"]})
    for ability in ("embed", "generate", "log_probs"):
        check_reference(str(tmp_path), ability)
    write("modules.json", [])
    with pytest.raises(BadOption, match="it can be asked for embed, not for log_probs"):
        check_reference(str(tmp_path), "log_probs")


def test_offline_a_model_of_the_hub_must_be_in_the_cache(
    hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    check_reference("hf:cupel/tiny", "log_probs")
    check_reference("hf:cupel/tiny@main", "log_probs")
    with pytest.raises(
        BadOption, match="not in the cache of the Hugging Face hub, and HF_HUB_OFFLINE is set"
    ):
        check_reference("hf:cupel/other", "log_probs")
    with pytest.raises(BadOption, match="not in the cache"):
        check_reference("hf:cupel/tiny@v2", "log_probs")


def test_checking_loads_no_heavy_library(trial: Path) -> None:
    code = (
        "import json, sys\n"
        "from cupel.models.reference import check_reference\n"
        f"check_reference({f'trial:{trial}'!r}, 'generate')\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "pyarrow", "numpy", "tokenizers"} & set(json.loads(done.stdout))
