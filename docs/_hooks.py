"""mkdocs hooks: a page for each method, from its card; nothing is written by hand."""

from __future__ import annotations

from typing import Any

from mkdocs.structure.files import File, Files

from cupel.cards import card_markdown
from cupel.contract import all_methods, methods_by_heading


def on_files(files: Files, config: Any) -> Files:
    """Add `methods/NAME.md` for every method, and an index of all by kind."""
    lines = ["# Methods", "", "Every method there is, from its card: `cupel methods NAME` prints the same."]
    for heading, listed in methods_by_heading().items():
        lines += ["", f"## {heading}", ""]
        lines += [f"- [{name}]({name}.md): {method.title()}" for name, method in listed.items()]
    files.append(File.generated(config, "methods/index.md", content="\n".join(lines)))
    for name, method in all_methods().items():
        files.append(File.generated(config, f"methods/{name}.md", content=card_markdown(method)))
    return files
