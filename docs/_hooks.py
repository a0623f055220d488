"""mkdocs hooks: a page for each method, from its card; nothing is written by hand."""

from __future__ import annotations

from typing import Any

from mkdocs.structure.files import File, Files

from cupel.cards import KINDS, card_markdown
from cupel.methods import all_methods


def on_files(files: Files, config: Any) -> Files:
    """Add `methods/NAME.md` for every method, and an index of all by kind."""
    lines = ["# Methods", "", "Every method there is, from its card: `cupel methods NAME` prints the same."]
    for kind in dict.fromkeys(method.kind for method in all_methods().values()):
        lines += ["", f"## {KINDS[kind]}", ""]
        lines += [f"- [{n}]({n}.md): {m.title()}" for n, m in all_methods().items() if m.kind == kind]
    files.append(File.generated(config, "methods/index.md", content="\n".join(lines)))
    for name, method in all_methods().items():
        files.append(File.generated(config, f"methods/{name}.md", content=card_markdown(method)))
    return files
