"""Typed stub of the Rust kernels. Arrow arrays come in and go out through the PyCapsule interface."""

from collections.abc import Sequence
from typing import Any, Protocol

import pyarrow as pa

class ArrowTable(Protocol):
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...
    @property
    def __arrow_c_schema__(self) -> object: ...

class ArrowArray(Protocol):
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

__version__: str

# --- language

class LanguageModel:
    """A fastText supervised model; `ValueError` for bytes that are not one."""

    def __init__(self, model: bytes) -> None: ...
    @property
    def labels(self) -> list[str]: ...
    def identify(
        self, text: ArrowArray, *, max_bytes: int | None = None, as_it_is: bool = False
    ) -> ArrowArray: ...

# --- fasttext

class FastTextModel:
    """A supervised fastText model; `ValueError` for bytes that are not one."""

    def __init__(self, model: bytes) -> None: ...
    @property
    def labels(self) -> list[str]: ...
    def classify(self, text: ArrowArray, *, threads: int | None = None) -> pa.FixedSizeListArray:
        """The probability of each label, float32; null (over NaN) where the text is null or nothing is known."""

def train_fasttext(
    text: ArrowArray,
    labels: ArrowArray,
    *,
    dim: int,
    epochs: int,
    learning_rate: float,
    word_ngrams: int,
    min_count: int,
    min_subword: int,
    max_subword: int,
    buckets: int | None,
    seed: int,
) -> bytes:
    """The bytes of a fastText model file; `ValueError` says why columns or options cannot be used."""

# --- bpe

class ByteLevelBpe:
    """A byte-level BPE encoder; `ValueError` says why for a tokenizer.json that is not followed exactly."""

    def __init__(self, tokenizer_json: bytes) -> None: ...
    @property
    def largest_id(self) -> int: ...
    def encode(
        self, text: pa.Array, end_of_text: int, *, threads: int | None = None
    ) -> tuple[pa.Array, pa.Array]:
        """Tokens of all texts, `end_of_text` after each (uint16 where all ids fit, else uint32); offsets (int64)."""

# --- dedup
# `text` is string, large_string or string_view. A null row gives null (an empty list in `shingles`).

def text_hash(text: pa.Array) -> pa.FixedSizeBinaryArray:
    """XXH3-128 of each text's UTF-8 bytes: 16 bytes, big-endian (canonical)."""

def normalized_hash(
    text: pa.Array,
    *,
    nfc: bool = True,
    lowercase: bool = False,
    strip_punctuation: bool = False,
    collapse_white_space: bool = True,
    drop_invisible: bool = True,
) -> pa.FixedSizeBinaryArray:
    """XXH3-128 of each normalised text: 16 bytes, big-endian."""

def content_hash(columns: Sequence[pa.Array]) -> bytes:
    """16 bytes: the rows' hashes (columns of text or binary, length-prefixed), summed modulo 2^128."""

def add_hashes(left: bytes, right: bytes) -> bytes:
    """The content hash of two parts put together; 16 zero bytes are the hash of nothing."""

def minhash(
    text: pa.Array,
    *,
    ngram: int = 5,
    bands: int = 14,
    rows: int = 8,
    seed: int = 1,
    fold_numbers: bool = False,
    ignore_symbols: bool = False,
) -> pa.RecordBatch:
    """Columns `band_0` ... (uint64); null where the text has no word."""

def minhash_signature(
    text: pa.Array,
    *,
    ngram: int = 5,
    bands: int = 14,
    rows: int = 8,
    seed: int = 1,
    fold_numbers: bool = False,
    ignore_symbols: bool = False,
) -> pa.FixedSizeListArray:
    """The `bands * rows` minima of each text (uint32); null where the text has no word."""

def shingles(
    text: pa.Array,
    *,
    ngram: int = 5,
    fold_numbers: bool = False,
    ignore_symbols: bool = False,
    part: int = 0,
    parts: int = 1,
) -> pa.LargeListArray:
    """The sorted distinct shingle hashes (uint64) of each text; of `parts` hash ranges, only `part`."""

def word_hashes(
    text: pa.Array, *, fold_numbers: bool = False, ignore_symbols: bool = False, most: int = 1 << 20
) -> pa.LargeListArray:
    """The hash (uint64) of each word of each text, in order, of the first `most`."""

def simhash(
    text: pa.Array, *, ngram: int = 3, fold_numbers: bool = False, ignore_symbols: bool = False
) -> pa.Array:
    """The fingerprint (uint64) of each text; null where it has no word."""

def simhash_keys(fingerprints: pa.Array, max_distance: int, number: int) -> pa.Array:
    """Key `number` of (d + 2)(d + 1) / 2: fingerprints within d bits of each other share one of them."""

def buckets(keys: pa.Array, docs: pa.Array) -> pa.LargeListArray:
    """Documents (int64) of every key that two or more share; keys are uint64 or 16 bytes."""

def union(buckets: Sequence[pa.Array]) -> pa.RecordBatch:
    """`doc`, `component` (its lowest document): all documents of a bucket are joined."""

def verify(
    buckets: Sequence[pa.Array],
    docs: pa.Array,
    offsets: pa.Array,
    values: pa.Array,
    *,
    threshold: float,
    max_comparisons: int = 256,
    threads: int | None = None,
    measure: str = "jaccard",
) -> tuple[pa.RecordBatch, dict[str, int], pa.RecordBatch, pa.RecordBatch]:
    """Components (`doc`, `component`) of pairs at or above `threshold`; counts, histogram, some pairs.

    `measure` is jaccard or containment (of sorted sets), or edit (of sequences). The outcome is the
    same for any number of `threads`; all cores that there are if none is given.
    """

def verify_fingerprints(
    buckets: Sequence[pa.Array],
    docs: pa.Array,
    fingerprints: pa.Array,
    *,
    threshold: float,
    max_comparisons: int = 256,
    threads: int | None = None,
) -> tuple[pa.RecordBatch, dict[str, int], pa.RecordBatch, pa.RecordBatch]:
    """As `verify`, by the share of the 64 bits that two fingerprints have in common."""

def similarities(
    docs: pa.Array,
    offsets: pa.Array,
    values: pa.Array,
    left: pa.Array,
    right: pa.Array,
    *,
    threads: int | None = None,
    measure: str = "jaccard",
) -> pa.Array:
    """How alike (float64) each pair of documents is; null where one has no set."""

def survivors(docs: pa.Array, component: pa.Array, priority: pa.Array) -> pa.RecordBatch:
    """`doc`, `cluster` (the survivor's document), `size`, `kept`: highest priority, then lowest document."""

def text_units(
    text: pa.Array,
    *,
    unit: str = "line",
    normalize: bool = False,
    zero_digits: bool = False,
    min_characters: int = 1,
    run: int = 1,
) -> tuple[pa.LargeListArray, pa.LargeListArray]:
    """Each text's runs of lines, paragraphs or sentences, shorter ones left out: hashes (uint64), and `start`,
    `stop` in bytes."""

def picked_spans(places: pa.Array, picked: pa.Array) -> pa.LargeListArray:
    """Those places that `picked` (lists of booleans) names; places that touch become one."""

def cut_spans(text: pa.Array, spans: pa.Array) -> pa.Array:
    """Each text without its spans, white space kept where words would join; `ValueError` for spans that do
    not fit."""

def whole_spans(text: pa.Array, spans: pa.Array, whole: str) -> pa.LargeListArray:
    """Spans made smaller until they cut through no grapheme cluster (`graphemes`), or no word either (`words`)."""

def minimizers(text: pa.Array, length: int, base: int) -> pa.RecordBatch:
    """`hash`, `start`, `windows`: stretches of windows of `length` bytes with one minimizer."""

def repeats(
    data: pa.Array, stretches: pa.RecordBatch, length: int, token: int = 1, min_occurrences: int = 2
) -> pa.RecordBatch:
    """`start`, `stop`, `first` of later copies in the one value of `data` (large_binary), whose windows begin
    every `token` bytes, of windows that stand at least `min_occurrences` times."""

def word_tokens(text: pa.Array) -> pa.Array:
    """For each text its words' hashes, eight bytes each (large_binary)."""

def word_places(text: pa.Array) -> pa.Array:
    """For each text where its words stand: `start`, `stop` in bytes."""

class Seen:
    """Hashes seen so far, each with the document that held it first; room for so many `expected` distinct ones."""

    def __init__(self, expected: int = 0) -> None: ...
    def __len__(self) -> int: ...
    def mark(self, docs: pa.Array, lists: pa.Array, *, part: int = 0, parts: int = 1) -> pa.LargeListArray:
        """For each hash: the document that held it before; null where it is new or of another part."""

    def entries(self) -> tuple[pa.Array, pa.Array]:
        """All hashes, ascending, and their first documents."""

class Bloom:
    """A Bloom filter over n-grams of words that keeps the rate asked for."""

    def __init__(self, ngrams: int, false_positive_rate: float) -> None: ...
    @staticmethod
    def from_bytes(data: bytes) -> Bloom: ...
    def to_bytes(self) -> bytes: ...
    def remember(self, earlier: bytes) -> None:
        """What this other filter has seen counts as seen from now on."""

    @staticmethod
    def bytes_for(ngrams: int, false_positive_rate: float) -> int:
        """Memory that a filter takes."""

    def fill(self) -> float:
        """Share of bits that are set."""

    @staticmethod
    def count_ngrams(text: pa.Array, *, ngram: int, unit: str | None = None) -> pa.Array:
        """How many n-grams (int64) each text has."""

    def mark(
        self,
        text: pa.Array,
        *,
        ngram: int,
        min_words: int,
        threshold: float,
        unit: str | None = None,
        threads: int = 1,
    ) -> tuple[pa.LargeListArray, pa.Array, int]:
        """Copied units as spans, the share of n-grams seen, and how many n-grams there were."""

def k_center(
    vectors: pa.Array, budget: int, *, first: int = 0, metric: str = "cosine", threads: int = 1
) -> tuple[pa.RecordBatch, float]:
    """Row `first`, then `budget` - 1 times the vector farthest from all that are chosen; equal ones: the lowest row.

    `vectors` are fixed-size lists of float16 or float32, `metric` is `cosine` (1 - cos) or `euclidean`. Gives `row`
    (int64) in the order of choice with its `distance` (float32) to the nearest row chosen before, null for the
    first; and the largest distance of any vector to the nearest chosen one.
    """

class NgramModel:
    """An n-gram language model of words (interpolated Kneser-Ney)."""

    def __init__(self, order: int) -> None: ...
    @staticmethod
    def load(file: pa.Array, *, threads: int = 1) -> NgramModel:
        """The model of a file's bytes (uint8); ValueError for any other bytes."""

    @property
    def order(self) -> int:
        """Words of the longest n-gram."""

    @property
    def entries(self) -> int:
        """Different n-grams of all orders."""

    @property
    def bytes(self) -> int:
        """Memory that the tables take."""

    def add(self, text: pa.Array, *, threads: int = 1) -> None:
        """Count the n-grams of each text."""

    def log_probs(self, text: pa.Array, *, threads: int = 1) -> pa.RecordBatch:
        """`log_prob` (float64), the sum of ln p over each text's words, null where there is none; `words` (int64)."""

    def part(self, number: int) -> pa.Array:
        """The bytes (uint8) of a part of the file: 0 for the header, else the n-grams of this order."""

class Evaluation:
    """Evaluation items by the n-grams of their parts: text columns of one length, null for no part.

    Numbers of n-grams, as `strays` and `first_places` give them, go from 0 to `ngrams`.
    """

    def __init__(
        self,
        question: pa.Array,
        answer: pa.Array,
        choices: pa.Array,
        passage: pa.Array,
        *,
        ngram: int,
        max_items: int,
    ) -> None: ...
    def __len__(self) -> int: ...
    @property
    def ngrams(self) -> int: ...
    @property
    def digest(self) -> int: ...
    def hits(self, text: pa.Array) -> pa.LargeListArray:
        """Hashes (uint64, ascending) of the n-grams of each text that are looked for."""

    def strays(self, hits: pa.Array) -> pa.Array:
        """Numbers (uint32) of n-grams in documents that hold no item with them nearly whole."""

    def present(self, hits: pa.Array) -> pa.Array:
        """Numbers (uint32, once per document) of the n-grams in documents."""

    def uneven(self, counts: list[int]) -> pa.Array:
        """Whether each n-gram is in far more documents (`counts`) than the rest of every item that has it."""

    def without(self, common: pa.Array) -> Evaluation:
        """The same without the n-grams that `common` (a boolean for each) names."""

    def candidates(self, hits: pa.Array, *, threshold: float, min_words: int) -> pa.Array:
        """Whether each document has n-grams enough of one item or passage, wherever they stand."""

    def contamination(
        self, text: pa.Array, *, threshold: float, min_words: int
    ) -> tuple[pa.LargeListArray, pa.RecordBatch]:
        """Spans of items in each text; `row`, `item`, `score`, and the share found of each part."""

    def first_places(self) -> pa.RecordBatch:
        """Of each n-gram: `item`, `part` (0 to 3), `start`, `stop` (bytes of that part)."""

    def searchable(self, *, threshold: float, min_words: int) -> pa.BooleanArray:
        """Whether each item could be found in any document; others are too short, or made of common phrases."""

# --- edits: a record batch of `text` and the edit's counts

def edit_c4_lines(
    text: ArrowArray,
    *,
    require_terminal_punctuation: bool = True,
    min_words_per_line: int = 3,
    max_word_length: int | None = 1000,
    remove_citations: bool = True,
    remove_javascript: bool = True,
    remove_policy: bool = True,
) -> ArrowArray: ...
def edit_refinedweb_lines(
    text: ArrowArray,
    *,
    max_uppercase_fraction: float,
    max_words_of_short_line: int,
    start: list[str],
    end: list[str],
    anywhere: list[str],
) -> ArrowArray: ...
def mask_pii(
    text: ArrowArray,
    *,
    email: str | None = None,
    ipv4: str | None = None,
    ipv6: str | None = None,
    phone: str | None = None,
    as_datatrove: bool = False,
) -> ArrowArray: ...
def remove_urls(text: ArrowArray, *, matching: str, tlds: list[str], replacement: str) -> ArrowArray: ...
def count_secrets(
    text: ArrowArray, *, assigned: bool, min_entropy: float, min_hex_entropy: float
) -> ArrowArray: ...
def mask_secrets(
    text: ArrowArray, *, assigned: bool, min_entropy: float, min_hex_entropy: float, replacement: str
) -> ArrowArray: ...
def clean_whitespace(
    text: ArrowArray,
    *,
    collapse_spaces: bool = True,
    keep_indentation: bool = True,
    strip_line_ends: bool = True,
    max_blank_lines: int | None = 1,
) -> ArrowArray: ...
def normalize_unicode(text: ArrowArray, form: str) -> ArrowArray: ...

class UnicodeScreen:
    """Finds texts that a repairer of Unicode may change; never passes over one."""

    def __init__(
        self, characters: str, *, mojibake: str | None = None, entities: bool = True, form: str | None = None
    ) -> None: ...
    def suspects(self, text: ArrowArray) -> Any: ...

# --- rows

class RowLayout:
    """Which field of a JSON object is what: the first of `text` that is there, `id`, `source`, `url`."""

    def __init__(
        self,
        *,
        text: list[str],
        id: str,
        source: str,
        url: str,
        default_source: str,
        most_bytes: int,
    ) -> None: ...

def read_rows(
    data: bytes,
    start: int,
    stop: int,
    layout: RowLayout,
    *,
    first_doc: int,
    first_position: int,
    numbered: bool,
) -> tuple[pa.RecordBatch, list[tuple[int, int, int, int]], int]:
    """Documents in the lines `data[start:stop]`: `doc`, `id`, `text`, `source`, `url`, `position`, `metadata`.

    Then the lines that are no plain document and not blank, each as (documents before it, its number from 0, start
    and stop in `data`), and how many lines there are. `doc` and `position` count lines where `numbered`, else bytes.
    `ValueError` for bytes that `data` does not have.
    """

# --- fields
# `metadata` is text: in each row one JSON object. `ValueError` for a row that is none.

def field_kinds(metadata: pa.Array) -> pa.RecordBatch:
    """`name`, `kinds` (bits, see `cupel.corpus.fields`), `rows` (with a value) of every top-level field."""

def split_fields(metadata: pa.Array, names: Sequence[str], types: Sequence[pa.DataType]) -> pa.RecordBatch:
    """A column of each name, then `metadata`: the objects without these fields.

    Types are bool, int64, uint64, double, large_string or a large_list of one of them; a value
    of another type stays in its object, a missing field is null.
    """

def field_at_path(metadata: pa.Array, path: str) -> pa.Array:
    """The JSON text of a nested field (`meta.quality.score`) in each object; null where it is missing or null."""

def field_scalars(values: pa.Array, *, json: bool) -> pa.RecordBatch:
    """Columns `row`, `text`, `number`, `boolean`: a row for each scalar, or each element of a list.

    `json`: rows are the text of JSON values; otherwise they are strings.
    """

# --- charsets: labels and decoders of the WHATWG Encoding Standard

def charset_name(label: str) -> str | None:
    """The standard's name for a label, in lower case; None for a label that it does not know."""

def detect_charset(data: bytes) -> str:
    """The legacy charset that Firefox would take unlabeled bytes for; never UTF-8."""

def decode(data: bytes, label: str) -> tuple[str, int]:
    """The text, and how many ill-formed sequences became U+FFFD; `KeyError` for an unknown label.

    A byte order mark stays in the text.
    """

# --- signals
# `text` is string, large_string or string_view.

def measure(
    text: pa.Array,
    columns: list[str],
    *,
    segmentation: str = "unicode",
    stop_words: list[str] | None = None,
    bad_words: list[str] | None = None,
) -> ArrowTable:
    """Exactly the asked columns; `KeyError` for a name there is not. A null text counts as an empty one."""

def measured_text(text: pa.Array) -> ArrowArray:
    """large_string: the texts without invisible marks, and without blanks at line ends."""

def signal_columns() -> list[str]:
    """All columns that `measure` knows."""

def words(text: pa.Array, segmentation: str = "unicode") -> ArrowArray:
    """A list of words (large_string) per text; null where it is null."""

def count_words(text: pa.Array, segmentation: str = "unicode") -> int:
    """How many words all texts have together."""

def sentences(text: pa.Array) -> ArrowArray:
    """A list of sentences (large_string) per text; null where it is null."""
