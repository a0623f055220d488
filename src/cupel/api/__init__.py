"""What `import cupel` offers: each command of the command line as a function."""

from cupel.api.catalog import methods, papers, recipes, scales
from cupel.api.lab import assay, attribute, audit, examine, plan_assay, study, update
from cupel.api.runs import annotate, check, dedup, inspect, refine
from cupel.contract import KeptFinding, load_methods
from cupel.corpus import Corpus
from cupel.corpus.convert import Conversion, convert
from cupel.corpus.read import ReadOptions
from cupel.corpus.remote import IOOptions
from cupel.engine import Engine
from cupel.lab.options import AssayOptions
from cupel.lab.plan import AssayPlan
from cupel.lab.result import Assay
from cupel.lab.scale import Scale
from cupel.literature.catalog import LiteratureEntry
from cupel.models.budget import Budget
from cupel.recipe.asking import Asking
from cupel.recipe.check import Check
from cupel.recipe.clusters import Cluster, Difference, clusters, difference
from cupel.recipe.fitting import FittedArtifact, fit
from cupel.recipe.history import Comparison, Story, compare, sample, why
from cupel.recipe.job import OutputOptions
from cupel.recipe.profile import Profile
from cupel.recipe.recipe import Recipe
from cupel.recipe.run import Result
from cupel.recipe.verify import Verification, verify
from cupel.reproduction.run import claims, run_claim
from cupel.store.cleaning import CacheContent, cache

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
