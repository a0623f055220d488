"""The laws of the house for the Rust of the kernels: no module uses one that uses it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

KERNELS = Path(__file__).parent.parent / "crates" / "cupel-kernels" / "src"

Module = tuple[str, ...]
"""`("text", "words")` for `crate::text::words`; the crate itself is `()`."""


def test_no_modules_use_each_other_in_a_circle() -> None:
    uses = _uses(KERNELS)
    assert ("text", "spans") in uses[("text", "words")]
    assert ("parallel",) in uses[("bpe",)]
    _check_no_circles(uses)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"a/one.rs": "use super::two::Two;", "a/two.rs": "use crate::a::one::One;"}, id="files"),
        pytest.param({"a/one.rs": "use crate::b::Thing;", "b/thing.rs": "use crate::a::two;"}, id="folders"),
        pytest.param({"a/mod.rs": "mod one;\nuse one::One;", "a/one.rs": "use super::Options;"}, id="parent"),
        pytest.param({"a/one.rs": "fn f() { super::two::g() }", "a/two.rs": "use super::{one};"}, id="paths"),
    ],
)
def test_a_planted_circle_is_found(change: Mapping[str, str], tmp_path: Path) -> None:
    sources = {
        "lib.rs": "pub mod a;\npub mod b;",
        "a/mod.rs": "pub mod one;\npub mod two;\npub struct Options;",
        "a/one.rs": "use super::two::Two; // super::two uses super::one\n#[cfg(test)]\nmod tests { use crate::b; }",
        "a/two.rs": "pub struct Two;\nmod inner {\n    use super::Two;\n}",
        "b/mod.rs": "mod thing;\npub use thing::Thing;",
        "b/thing.rs": "use crate::a::one::One;",
    }
    _write(tmp_path, sources)
    _check_no_circles(_uses(tmp_path))
    _write(tmp_path, change)
    with pytest.raises(CycleError):
        _check_no_circles(_uses(tmp_path))


def _write(root: Path, sources: Mapping[str, str]) -> None:
    for name, text in sources.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)


def _check_no_circles(uses: Mapping[Module, set[Module]]) -> None:
    """Within every folder: its files, its subfolders (each as a whole) and its own `mod.rs`.

    Raises
    ------
    CycleError
        With the modules of a circle.
    """
    graphs: dict[Module, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for user, targets in uses.items():
        for used in targets:
            shared = next((i for i, (a, b) in enumerate(zip(user, used, strict=False)) if a != b), None)
            depth = min(len(user), len(used)) if shared is None else shared
            folder = user[:depth]
            names = ["::".join(module[: depth + 1]) or "crate" for module in (user, used)]
            if names[0] != names[1]:
                graphs[folder][names[0]].add(names[1])
    for graph in graphs.values():
        list(TopologicalSorter(graph).static_order())


def _uses(root: Path) -> dict[Module, set[Module]]:
    """The modules that each module names outside of its tests; a name that is re-exported counts as where it is from."""
    sources = {
        _module(path, root): _code(path) for path in sorted(root.rglob("*.rs")) if path.stem != "tests"
    }
    exports = {
        (*module, path[-1]): _absolute(path, module, sources)
        for module, code in sources.items()
        for path in _paths_of_uses(code, "pub use", "pub(crate) use", "pub(super) use")
    }
    uses: dict[Module, set[Module]] = {}
    for module, code in sources.items():
        children = [other[-1] for other in sources if other and other[:-1] == module]
        heads = "|".join(["crate", "super", "self", *map(re.escape, children)])
        inline = [tuple(path.split("::")) for path in re.findall(rf"(?<![\w:])(?:{heads})(?:::\w+)+", code)]
        paths = [*_paths_of_uses(code, "use"), *inline]
        absolute = {_absolute(path, module, sources) for path in paths}
        targets = {_owner(exports.get(path, path), sources) for path in absolute if path is not None}
        uses[module] = targets - {module}
    return uses


def _module(path: Path, root: Path) -> Module:
    parts = path.relative_to(root).with_suffix("").parts
    return parts[:-1] if parts[-1] in ("mod", "lib") else parts


def _code(path: Path) -> str:
    """The text of a file without comments and strings, up to its tests, which stand last."""
    text = re.sub(r"//[^\n]*", "", path.read_text())
    text = re.split(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*mod \w+ \{", text)[0]
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)
    # A module within a file counts as part of it: what is `super` there is the file.
    return re.sub(
        r"\bmod \w+ \{.*?^\}",
        lambda inner: re.sub(r"(?<!::)\bsuper::", "self::", inner[0]),
        text,
        flags=re.S | re.M,
    )


def _paths_of_uses(code: str, *starts: str) -> Iterator[Module]:
    """Every path that the declarations name, braces written out."""
    for start in starts:
        for tree in re.findall(rf"\b{re.escape(start)} ([^;]+);", code):
            for path in _written_out(re.sub(r"\s+as \w+|\s", "", tree)):
                yield tuple(path.removesuffix("::self").split("::"))


def _written_out(tree: str) -> list[str]:
    """`a::{b, c::{d}}` as `a::b`, `a::c::d`."""
    head, brace, inner = tree.partition("{")
    if not brace:
        return [tree]
    parts, depth = [""], 0
    for character in inner[: inner.rindex("}")]:
        depth += (character == "{") - (character == "}")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [head + path for part in parts if part for path in _written_out(part)]


def _absolute(path: Module, module: Module, sources: Mapping[Module, str]) -> Module | None:
    """The path from the crate on; None for another crate's."""
    if path[0] == "crate":
        return path[1:]
    relative = path[0] in ("self", "super")
    while path and path[0] in ("self", "super"):
        module = module[:-1] if path[0] == "super" else module
        path = path[1:]
    if relative:
        return module + path
    return module + path if (*module, path[0]) in sources else None


def _owner(path: Module | None, sources: Mapping[Module, str]) -> Module:
    """The module that a path leads to: the longest part of it that is one."""
    path = path or ()
    return next(path[:size] for size in range(len(path), -1, -1) if path[:size] in sources)
