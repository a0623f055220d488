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
        AssayPlan,
        Budget,
        CacheContent,
        Check,
        Cluster,
        Comparison,
        Conversion,
        Corpus,
        Difference,
        Engine,
        FittedArtifact,
        IOOptions,
        KeptFinding,
        LiteratureEntry,
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
        attribute,
        audit,
        cache,
        check,
        claims,
        clusters,
        compare,
        convert,
        dedup,
        difference,
        examine,
        fit,
        inspect,
        load_methods,
        methods,
        papers,
        plan_assay,
        recipes,
        refine,
        run_claim,
        sample,
        scales,
        study,
        update,
        verify,
        why,
    )

__all__ = [
    "Asking",
    "Assay",
    "AssayOptions",
    "AssayPlan",
    "Budget",
    "CacheContent",
    "Check",
    "Cluster",
    "Comparison",
    "Conversion",
    "Corpus",
    "Difference",
    "Engine",
    "FittedArtifact",
    "IOOptions",
    "KeptFinding",
    "LiteratureEntry",
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
    "attribute",
    "audit",
    "cache",
    "check",
    "claims",
    "clusters",
    "compare",
    "convert",
    "dedup",
    "difference",
    "examine",
    "fit",
    "inspect",
    "load_methods",
    "methods",
    "papers",
    "plan_assay",
    "recipes",
    "refine",
    "run_claim",
    "sample",
    "scales",
    "study",
    "update",
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
