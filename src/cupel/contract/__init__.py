"""The contract: which kinds of methods there are, what a method says of itself, and how it is found.

A kind is an abstract subclass of `Method` that declares `kind`, `heading` and, where its methods live in
Cupel, its `room`. A method is one class in one file of its kind's room, or one YAML file in `rules/`. It is
found by being there; nothing registers it. Third parties add methods, and kinds, through the entry point
`cupel.methods`, which names a module.
"""

from cupel.contract.asks import Asks, NamesModel
from cupel.contract.corpus_methods import (
    MEMBERS,
    SPANS,
    WEIGHTLESS,
    Clusters,
    CorpusMethod,
    Dedup,
    Need,
    Selector,
)
from cupel.contract.edits import Edit, Edited
from cupel.contract.evaluations import EvaluationMethod
from cupel.contract.extraction import Extraction, Extractor
from cupel.contract.fitted import Fitted, Learned, Learns, is_whole, learn, read_about
from cupel.contract.method import Column, Method, Options, Paper
from cupel.contract.options import Acts, BoundsCopies, Keeps, PrefersSources, Remembers
from cupel.contract.registry import all_methods, find_method, label_columns, methods_by_heading, methods_of
from cupel.contract.rules import Decision, Reason, Rule, Rules
from cupel.contract.signals import KernelSignal, Measure, Signal
from cupel.contract.training import Body, Objective, ScalePart
from cupel.contract.view import NO_DOCUMENTS, Documents, Resources, View

__all__ = [
    "Asks",
    "NamesModel",
    "NO_DOCUMENTS",
    "is_whole",
    "read_about",
    "learn",
    "Selector",
    "Measure",
    "Learns",
    "Learned",
    "Fitted",
    "Documents",
    "CorpusMethod",
    "MEMBERS",
    "SPANS",
    "WEIGHTLESS",
    "Acts",
    "Body",
    "BoundsCopies",
    "Clusters",
    "Column",
    "Decision",
    "Dedup",
    "Edit",
    "Edited",
    "EvaluationMethod",
    "Extraction",
    "Extractor",
    "Keeps",
    "KernelSignal",
    "Method",
    "Need",
    "Objective",
    "Options",
    "Paper",
    "PrefersSources",
    "Reason",
    "Remembers",
    "Resources",
    "Rule",
    "Rules",
    "ScalePart",
    "Signal",
    "View",
    "all_methods",
    "find_method",
    "label_columns",
    "methods_by_heading",
    "methods_of",
]
