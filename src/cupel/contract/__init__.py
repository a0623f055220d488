"""The contract: the kinds of methods, how a method describes itself, and how methods are discovered.

A kind is an abstract subclass of `Method` that declares `kind`, `heading` and, where its methods live in
Cupel, its `room`. A method is one class in one file of its kind's room, or one YAML file in `rules/`. It is
discovered by its location; nothing registers it. Third parties add methods, and kinds, through the entry point
`cupel.methods`, which names a module.
"""

from cupel.contract.annotations import Annotates, NamesFinding
from cupel.contract.asks import Asks, NamesModel
from cupel.contract.attributions import Attribution
from cupel.contract.audits import Audit
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
from cupel.contract.edits import Edit, Edited, Revise
from cupel.contract.evaluations import EvaluationMethod
from cupel.contract.extraction import Extraction, Extractor
from cupel.contract.finding import DOCUMENT_TABLE, Argument, Bench, Finding, FindingMethod, TrialProgress
from cupel.contract.finding_folder import KeptFinding, is_finding, write_finding
from cupel.contract.fitted import Fitted, Learned, Learns, is_whole, learn, read_about
from cupel.contract.generators import (
    Births,
    Generate,
    Generator,
    KeepsOriginals,
    NewDocument,
    Refusal,
)
from cupel.contract.method import Column, Method, Options, Paper
from cupel.contract.options import (
    Acts,
    BoundsCopies,
    Compares,
    ComparesKeys,
    Computes,
    Keeps,
    PrefersSources,
    Remembers,
)
from cupel.contract.own_methods import OWN_METHODS, own_digests
from cupel.contract.registry import (
    all_methods,
    find_method,
    label_columns,
    load_methods,
    methods_by_heading,
    methods_of,
)
from cupel.contract.rules import Condition, Decision, Reason, Rule, Rules
from cupel.contract.signals import KernelSignal, Measure, Signal
from cupel.contract.studies import Study
from cupel.contract.taxonomy import MECHANISMS, STAGES, TRAINING, UTILITIES
from cupel.contract.training import Body, Objective, ScalePart
from cupel.contract.updates import MODEL, Update
from cupel.contract.view import NO_DOCUMENTS, Documents, Resources, View

__all__ = [
    "Acts",
    "Annotates",
    "Argument",
    "Asks",
    "Attribution",
    "Audit",
    "Bench",
    "Births",
    "Body",
    "BoundsCopies",
    "Clusters",
    "Column",
    "Compares",
    "ComparesKeys",
    "Computes",
    "Condition",
    "CorpusMethod",
    "DOCUMENT_TABLE",
    "Decision",
    "Dedup",
    "Documents",
    "Edit",
    "Edited",
    "EvaluationMethod",
    "Extraction",
    "Extractor",
    "Finding",
    "FindingMethod",
    "Fitted",
    "Generate",
    "Generator",
    "Keeps",
    "KeepsOriginals",
    "KeptFinding",
    "KernelSignal",
    "Learned",
    "Learns",
    "MECHANISMS",
    "MEMBERS",
    "MODEL",
    "Measure",
    "Method",
    "NO_DOCUMENTS",
    "NamesFinding",
    "NamesModel",
    "Need",
    "NewDocument",
    "OWN_METHODS",
    "Objective",
    "Options",
    "Paper",
    "PrefersSources",
    "Reason",
    "Refusal",
    "Remembers",
    "Resources",
    "Revise",
    "Rule",
    "Rules",
    "SPANS",
    "STAGES",
    "ScalePart",
    "Selector",
    "Signal",
    "Study",
    "TRAINING",
    "TrialProgress",
    "UTILITIES",
    "Update",
    "View",
    "WEIGHTLESS",
    "all_methods",
    "find_method",
    "is_finding",
    "is_whole",
    "label_columns",
    "learn",
    "load_methods",
    "methods_by_heading",
    "methods_of",
    "own_digests",
    "read_about",
    "write_finding",
]
