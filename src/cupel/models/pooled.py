"""A small pooled transformer over token embeddings: a classifier of texts that reads far and stays cheap.

Tokens are averaged in blocks, so that a transformer of a few layers sees a text of 4,096 tokens as 128 vectors. Averaging
before attention is what keeps it cheap: nearly all of the arithmetic is on blocks, and what a block says is what bags of
words say well (Joulin et al. 2016), while attention over blocks sees where in a text something stands and beside what.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cupel.errors import BadInput, BadOption, MissingExtra
from cupel.models.folder import digest_file
from cupel.models.model import Model
from cupel.models.tokenizer import Tokenizer, train_tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PooledClassifier", "PooledTraining", "train_pooled"]

WEIGHTS, CONFIG, TOKENIZER = "pooled.safetensors", "pooled.json", "tokenizer.json"
LABELS = ("negative", "positive")
CHARACTERS_PER_TOKEN = 16
"""A text is cut to so many for each token that counts, before it is tokenized."""
TOKENIZER_BYTES = 20_000_000
"""Text that the tokenizer learns from, at most."""


@dataclass(frozen=True)
class PooledTraining:
    """Shape of the model, and how it is trained.

    Attributes
    ----------
    vocabulary
        Tokens of the byte-level BPE that is trained on the texts.
    dim
        Floats per vector; a multiple of 4 × the number of heads.
    layers, heads
        Of the transformer over blocks.
    block
        Tokens averaged into one vector.
    max_tokens
        Read of each text, from its beginning; a multiple of `block`.
    epochs
        Passes over the texts.
    batch
        Texts per step.
    learning_rate
        The highest; it rises over the first tenth of the steps and falls to 0 by a cosine.
    seed
        Of the first weights and of the order of the texts.

    Raises
    ------
    BadOption
        A value is out of range.
    """

    vocabulary: int = 16_384
    dim: int = 64
    layers: int = 2
    heads: int = 4
    block: int = 32
    max_tokens: int = 4096
    epochs: int = 2
    batch: int = 32
    learning_rate: float = 2e-3
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low in (
            ("vocabulary", 257),
            ("dim", 4),
            ("layers", 1),
            ("heads", 1),
            ("block", 1),
            ("max_tokens", 1),
            ("epochs", 1),
            ("batch", 1),
        ):
            if getattr(self, name) < low:
                raise BadOption(f"{name} is {getattr(self, name)}, expected {low} or more")
        if self.dim % self.heads:
            raise BadOption(f"dim is {self.dim}, expected a multiple of the {self.heads} heads")
        if self.max_tokens % self.block:
            raise BadOption(
                f"max_tokens is {self.max_tokens}, expected a multiple of the block of {self.block}"
            )
        if not 0 < self.learning_rate < 1:
            raise BadOption(f"learning_rate is {self.learning_rate}, expected a number above 0 and below 1")


class PooledClassifier(Model):
    """A pooled transformer that `train_pooled` wrote, asked for the probability of `negative` and `positive`.

    Each text is run alone, on one thread, and texts run side by side, so no score depends on the texts beside it.

    Parameters
    ----------
    reference
        How it was named.
    folder
        What `train_pooled` wrote.

    Raises
    ------
    BadInput
        A file is missing or cannot be read.
    MissingExtra
        PyTorch or safetensors is not installed.
    """

    abilities = ("classify",)
    labels = LABELS

    def __init__(self, reference: str, folder: Path) -> None:
        try:
            import torch
            from safetensors import SafetensorError
            from safetensors.torch import load_file
        except ImportError:
            raise MissingExtra("a pooled classifier", "lab") from None
        self.reference = reference
        try:
            self._shape = PooledTraining(**json.loads((folder / CONFIG).read_text("utf-8")))
            state = load_file(folder / WEIGHTS)
        except (OSError, ValueError, TypeError, SafetensorError) as error:
            raise BadInput(f"{folder}: not a pooled classifier that can be read: {error}") from None
        self.digest = digest_file(folder / WEIGHTS)
        self._tokenizer = Tokenizer.load(folder / TOKENIZER)
        self._net = _network(self._shape)
        try:
            self._net.load_state_dict(state)
        except RuntimeError as error:
            raise BadInput(f"{folder / WEIGHTS}: its weights do not fit {CONFIG}: {error}") from None
        self._net.eval()
        self._workers = ThreadPoolExecutor(
            torch.get_num_threads(), thread_name_prefix="cupel", initializer=lambda: torch.set_num_threads(1)
        )

    def classify(self, texts: pa.Array) -> NDArray[np.float32]:
        """One row per text, the probabilities of `negative` and `positive`; NaN for null and for a text without tokens."""
        rows = np.full((len(texts), 2), np.nan, np.float32)
        tokens, offsets = _encode(self._tokenizer, texts, self._shape.max_tokens)
        places = np.flatnonzero((np.diff(offsets) > 0) & np.asarray(texts.is_valid()))
        own = [tokens[offsets[place] : offsets[place + 1]] for place in places]
        for place, positive in zip(places, self._workers.map(self._score, own), strict=True):
            rows[place] = 1 - positive, positive
        return rows

    def _score(self, tokens: NDArray[np.int64]) -> float:
        import torch

        with torch.inference_mode():
            logit = self._net(*_batch([tokens], self._shape))
            return float(torch.sigmoid(logit)[0])


def train_pooled(texts: pa.Array, positive: NDArray[np.bool_], options: PooledTraining, folder: Path) -> None:
    """Train a classifier and write it into a folder: tokenizer, weights and shape.

    Both classes weigh the same. The same texts and options give the same bytes on one kind of processor, whatever the
    number of threads: a single one trains.

    Parameters
    ----------
    texts
        Strings, without nulls.
    positive
        Which of them are of the positive class; some are and some are not.

    Raises
    ------
    BadInput
        A class is empty, or the training diverges.
    MissingExtra
        PyTorch, safetensors or tokenizers is not installed.
    """
    try:
        import torch
        from safetensors.torch import save_file
    except ImportError:
        raise MissingExtra("training a pooled classifier", "lab") from None
    if not positive.any() or positive.all():
        raise BadInput("a classifier needs texts of both classes")
    train_tokenizer(_sample(texts), options.vocabulary, folder / TOKENIZER)
    tokenizer = Tokenizer.load(folder / TOKENIZER)
    shape = PooledTraining(**{**asdict(options), "vocabulary": tokenizer.vocabulary})
    tokens, offsets = _encode(tokenizer, texts, shape.max_tokens)
    places = np.flatnonzero(np.diff(offsets) > 0)
    weights = np.where(positive, 0.5 / positive[places].sum(), 0.5 / (~positive[places]).sum()) * len(places)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        torch.manual_seed(shape.seed)
        net = _network(shape)
        optimizer = torch.optim.AdamW(net.parameters(), lr=shape.learning_rate, weight_decay=0.01)
        steps = shape.epochs * -(-len(places) // shape.batch)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
        draw = np.random.default_rng(shape.seed)
        for _ in range(shape.epochs):
            for chosen in _batches(places, offsets, shape.batch, draw):
                rows = [tokens[offsets[place] : offsets[place + 1]] for place in chosen]
                logits = net(*_batch(rows, shape))
                targets = torch.from_numpy(positive[chosen].astype(np.float32))
                weight = torch.from_numpy(weights[chosen].astype(np.float32))
                loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, weight)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()
                schedule.step()
        state = {name: value.contiguous() for name, value in net.state_dict().items()}
        if not all(bool(torch.isfinite(value).all()) for value in state.values()):
            raise BadInput("the training diverges; set a smaller learning_rate")
    finally:
        torch.set_num_threads(threads)
    save_file(state, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(asdict(shape), indent=1, sort_keys=True) + "\n", "utf-8")


def _network(shape: PooledTraining) -> Any:
    """The model: (tokens, starts of blocks, texts of blocks) to logits."""
    import torch
    from torch import nn

    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.EmbeddingBag(shape.vocabulary, shape.dim, mode="mean")
            nn.init.normal_(self.tokens.weight, std=0.1)
            self.places = nn.Embedding(shape.max_tokens // shape.block, shape.dim)
            nn.init.normal_(self.places.weight, std=0.02)
            layer = nn.TransformerEncoderLayer(
                shape.dim,
                shape.heads,
                4 * shape.dim,
                dropout=0.0,
                activation="gelu",
                batch_first=True,
                norm_first=True,
            )
            self.layers = nn.TransformerEncoder(layer, shape.layers, enable_nested_tensor=False)
            self.norm = nn.LayerNorm(shape.dim)
            self.out = nn.Linear(shape.dim, 1)

        def forward(self, tokens: torch.Tensor, starts: torch.Tensor, blocks: torch.Tensor) -> torch.Tensor:
            """`blocks` holds how many blocks each text has."""
            vectors = self.tokens(tokens, starts)
            longest = int(blocks.max())
            present = torch.arange(longest)[None, :] < blocks[:, None]
            padded = vectors.new_zeros((len(blocks), longest, shape.dim))
            padded[present] = vectors
            padded = padded + self.places.weight[:longest]
            hidden = self.layers(padded, src_key_padding_mask=None if len(blocks) == 1 else ~present)
            kept = hidden * present[..., None]
            pooled = self.norm(kept.sum(dim=1) / blocks[:, None])
            logits: torch.Tensor = self.out(pooled)[:, 0]
            return logits

    return Pooled()


def _batch(rows: list[NDArray[np.int64]], shape: PooledTraining) -> tuple[Any, Any, Any]:
    import torch

    sizes = np.array([len(row) for row in rows])
    first = np.cumsum(sizes) - sizes
    starts = np.concatenate(
        [begin + np.arange(0, size, shape.block) for begin, size in zip(first, sizes, strict=True)]
    )
    blocks = -(-sizes // shape.block)
    return (
        torch.from_numpy(np.concatenate(rows).astype(np.int64)),
        torch.from_numpy(starts.astype(np.int64)),
        torch.from_numpy(blocks.astype(np.int64)),
    )


def _batches(
    places: NDArray[np.int64], offsets: NDArray[np.int64], size: int, draw: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Texts in random batches of similar length, so that little is padding."""
    shuffled = draw.permutation(places)
    pool = 50 * size
    groups = []
    for start in range(0, len(shuffled), pool):
        near = shuffled[start : start + pool]
        near = near[np.argsort(offsets[near + 1] - offsets[near], kind="stable")]
        groups += [near[at : at + size] for at in range(0, len(near), size)]
    for group in draw.permutation(len(groups)):
        yield groups[group]


def _rate(step: int, steps: int) -> float:
    rising = max(1, steps // 10)
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + float(np.cos(np.pi * min(1.0, (step - rising) / max(1, steps - rising)))))


def _encode(
    tokenizer: Tokenizer, texts: pa.Array, max_tokens: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first tokens of each text, packed end to end, and where those of each begin."""
    beginnings = pc.utf8_slice_codeunits(
        pc.fill_null(pc.cast(texts, pa.large_string()), ""), 0, CHARACTERS_PER_TOKEN * max_tokens
    )
    packed, offsets = tokenizer.encoder.encode(beginnings, threads=1)
    sizes = np.minimum(np.diff(offsets) - 1, max_tokens)  # each text ends with a token of its own
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    within = np.arange(starts[-1]) - np.repeat(starts[:-1], sizes)
    return packed[np.repeat(offsets[:-1], sizes) + within].astype(np.int64), starts


def _sample(texts: pa.Array) -> Iterator[str]:
    """Texts evenly spaced over all of them, until there are bytes enough for a tokenizer."""
    total = pc.sum(pc.binary_length(texts)).as_py() or 0
    step = max(1, round(total / TOKENIZER_BYTES))
    for place in range(0, len(texts), step):
        yield texts[place].as_py()
