"""Refine training data and assay what it is worth.

>>> import cupel
>>> corpus = cupel.Corpus.read(["pool/"])  # doctest: +SKIP
>>> result = cupel.refine("fineweb", input="pool/", output="refined/")  # doctest: +SKIP

Nothing heavy is imported until one of these names is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cupel.api import (
        Asking,
        Assay,
        AssayOptions,
        Budget,
        Cluster,
        Comparison,
        Corpus,
        Difference,
        Engine,
        FittedArtifact,
        IOOptions,
        KeptFinding,
        OutputOptions,
        Profile,
        ReadOptions,
        Recipe,
        Result,
        Scale,
        Story,
        Verification,
        annotate,
        assay,
        built_in_recipes,
        clusters,
        compare,
        difference,
        examine,
        fit,
        inspect,
        refine,
        sample,
        verify,
        why,
    )

__all__ = [
    "Asking",
    "Budget",
    "Assay",
    "AssayOptions",
    "Cluster",
    "Comparison",
    "Corpus",
    "Difference",
    "Engine",
    "FittedArtifact",
    "IOOptions",
    "KeptFinding",
    "OutputOptions",
    "Profile",
    "ReadOptions",
    "Recipe",
    "Result",
    "Scale",
    "Story",
    "Verification",
    "annotate",
    "assay",
    "built_in_recipes",
    "clusters",
    "compare",
    "difference",
    "examine",
    "fit",
    "inspect",
    "refine",
    "sample",
    "verify",
    "why",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("cupel.api"), name)
    if name == "__version__":
        from cupel.release import version

        return version()
    raise AttributeError(f"module 'cupel' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
