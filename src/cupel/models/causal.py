"""Causal language models of transformers: folders, trials of the lab and GGUF files."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from cupel.errors import BadInput, MissingExtra
from cupel.models.attention import (
    DistantAttention,
    attention_twin,
    check_layers,
    distant_attention,
    quarter,
    side_by_side,
)
from cupel.models.checkpoint import load_checkpoint, prefix_token, text_encoder
from cupel.models.folder import digest_file, digest_folder
from cupel.models.likelihood import BATCH_TOKENS, TokenRow, detail_rows, score_rows
from cupel.models.model import Answer, LogProbs, Message, Model, Request
from cupel.models.reference import CAUSAL
from cupel.models.sampling import continue_tokens
from cupel.models.token_stats import TokenStats
from cupel.models.windows import TextRows, context_length, text_rows

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CausalModel", "load_causal", "load_gguf"]


@dataclass(frozen=True)
class _Scored:
    """What a thread asked for last."""

    texts: pa.Array
    sums: LogProbs
    stats: TokenStats | None


class CausalModel(Model):
    """A causal language model and its tokenizer.

    On a CPU each text is run alone, on one thread, and texts run side by side: what comes back does not depend
    on the texts beside it. On other devices texts are run in batches, and the last digits may.

    Parameters
    ----------
    reference, digest
        As `Model` has them.
    model, tokenizer
        Of transformers; the tokenizer is a fast one.

    Attributes
    ----------
    detailed
        Keep what `token_stats` gives whenever `log_probs` is asked, which changes no log-probability. `load_model`
        sets it where token statistics are wanted, so that several methods that ask for the same texts in turn run the
        model once.
    tokens_run
        Tokens that the model was run over for log-probabilities since it was loaded, overlaps of windows included.
    """

    abilities = CAUSAL

    def __init__(self, reference: str, digest: str, model: Any, tokenizer: Any) -> None:
        import torch

        self.reference = reference
        self.digest = digest
        self.model = model
        self.tokenizer = tokenizer
        self.context = context_length(model)
        self.detailed = False
        self.tokens_run = 0
        self._counting = threading.Lock()
        self._last = threading.local()
        self._twin: Any = None
        self._ends = _ends(model, tokenizer)
        # Encoders of their own: those inside of a tokenizer of transformers refuse two threads at once.
        self._plain = text_encoder(tokenizer)
        self.segmentation = hashlib.blake2b(self._plain.to_str().encode(), digest_size=16).hexdigest()
        self._marked = text_encoder(tokenizer)
        self._marked.encode_special_tokens = False
        self._on_cpu = model.device.type == "cpu"
        self._workers = ThreadPoolExecutor(
            torch.get_num_threads() if self._on_cpu else 1,
            thread_name_prefix="cupel",
            initializer=lambda: torch.set_num_threads(1),  # of each worker's own
        )

    def log_probs(self, texts: pa.Array) -> LogProbs:
        """The log-probability of each text.

        The first token follows the BOS token (EOS where there is none); no end is predicted. A text longer than the
        context is scored in windows, as the lab's held-out evaluation does: every token once, with at least a
        quarter of the context before it.

        Parameters
        ----------
        texts : pyarrow.Array
            Strings.

        Raises
        ------
        BadInput
            The model gives no finite probabilities.
        """
        return self._read(texts, detailed=self.detailed).sums

    def token_stats(self, texts: pa.Array) -> TokenStats:
        """The log-probability, entropy, rank and place of every token of each text, in the windows of `log_probs`.

        Entropies are those of the whole vocabulary. About a tenth slower than `log_probs` for a vocabulary of 50,000.

        Parameters
        ----------
        texts : pyarrow.Array
            Strings.

        Raises
        ------
        BadInput
            The model gives no finite probabilities.
        """
        scored = self._read(texts, detailed=True)
        return cast(TokenStats, scored.stats)

    def attention(
        self,
        texts: pa.Array,
        *,
        layers: Sequence[int] = (0,),
        distance: int | None = None,
        min_tokens: int = 1,
        max_tokens: int = 4096,
    ) -> DistantAttention:
        """How much of its attention the model gives to distant tokens of each text; see `Model.attention`.

        Every window begins with the BOS token (EOS where there is none). Layers after the last that is looked at are not
        run, and no more than a block of the attention matrix is held. Texts are read one by one on every device.

        Raises
        ------
        BadOption
            The model does not have these layers.
        BadInput
            Its architecture keeps its attention to itself, or gives no finite weights.
        """
        with self._counting:
            if self._twin is None:
                self._twin = attention_twin(self.model)
        check_layers(self.model, layers)
        encoded = self._plain.encode_batch_fast(
            [text or "" for text in texts.to_pylist()], add_special_tokens=False
        )
        nulls = np.asarray(texts.is_null())
        length = min(max_tokens, self.context)
        prefix = prefix_token(self.tokenizer)

        def read(place: int) -> tuple[float, float]:
            tokens = np.array(encoded[place].ids, np.int64)
            if nulls[place] or len(tokens) < max(min_tokens, 1):
                return np.nan, np.nan
            results = [
                distant_attention(self._twin, window, layers, distance or quarter(len(window)))
                for window in side_by_side(tokens, prefix, length)
            ]
            strengths, variances = zip(*results, strict=True)
            return float(np.mean(strengths)), float(np.mean(variances))

        values = np.array([*self._workers.map(read, range(len(texts)))], np.float64).reshape(-1, 2)
        return DistantAttention(values[:, 0], values[:, 1])

    def _read(self, texts: pa.Array, *, detailed: bool) -> _Scored:
        """What the model says of texts; of those that this thread asked for last it is known."""
        last: _Scored | None = getattr(self._last, "scored", None)
        if last is not None and (last.stats is not None or not detailed) and last.texts.equals(texts):
            return last
        self._last.scored = None  # two batches are not held at once
        held = text_rows(
            self.model,
            self.tokenizer,
            self._plain,
            [text or "" for text in texts.to_pylist()],
            [f"text {place}" for place in range(len(texts))],
            ends=detailed,
        )
        scored = self._run(held.rows, detail_rows if detailed else score_rows)
        nats = np.zeros(len(texts))
        for owner, (log_probs, *_) in zip(held.owners, scored, strict=True):
            nats[owner] += log_probs.sum()
        complete = ~(np.asarray(texts.is_null()) | held.unknown)
        nats[~complete] = np.nan
        sums = LogProbs(nats, held.tokens, held.bytes)
        self._last.scored = _Scored(texts, sums, _stats(held, scored, complete) if detailed else None)
        read: _Scored = self._last.scored
        return read

    def _run(self, rows: Sequence[TokenRow], score: Any) -> list[Any]:
        with self._counting:
            self.tokens_run += sum(len(row.tokens) for row in rows)
        if self._on_cpu:
            return [*self._workers.map(lambda row: score(self.model, [row], batch_tokens=1)[0], rows)]
        scored: list[Any] = self._workers.submit(score, self.model, rows, batch_tokens=BATCH_TOKENS).result()
        return scored

    def generate(self, requests: Sequence[Request]) -> list[Answer]:
        """An answer to each request; one that does not fit the context is refused.

        Random choices depend on the request and its seed only.

        Raises
        ------
        BadInput
            A chat is asked of a model without a chat template, or the model gives no finite logits.
        """
        return list(self._workers.map(self._answer, requests))

    def _answer(self, request: Request) -> Answer:
        from jinja2 import TemplateError  # transformers renders templates with it, in its sandbox

        try:
            tokens = self._prompt(request)
        except TemplateError as error:
            return Answer(None, f"the model's chat template refuses it: {error}")
        if len(tokens) + request.max_tokens > self.context:
            return Answer(
                None,
                f"{len(tokens)} tokens and {request.max_tokens} new ones do not fit the context of {self.context}",
            )
        draws = np.random.default_rng(request.seed).random((1, request.max_tokens))
        (made,) = continue_tokens(self.model, [tokens], draws, request.temperature, self._ends)
        text = self.tokenizer.decode(made, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Answer(text, "", len(tokens), len(made))

    def _prompt(self, request: Request) -> list[int]:
        if request.text:
            plain = self._plain.encode(request.text, add_special_tokens=False).ids
            return [prefix_token(self.tokenizer), *plain]
        if not self.tokenizer.chat_template:
            raise BadInput(
                f"model '{self.reference}' has no chat template, so it cannot answer a chat; ask it to continue a "
                "text, or take a model tuned for chats"
            )
        return self._chat_tokens(request.messages)

    def _chat_tokens(self, messages: Sequence[Message]) -> list[int]:
        """The tokens of a chat. What looks like a special token in a message is text, so that no message ends itself."""
        turns = [{"role": message.role, "content": message.content} for message in messages]
        specials = [token.content for token in self._marked.get_added_tokens_decoder().values()]
        hidden: dict[str, str] = {}
        for number, turn in enumerate(turns):
            if any(special in turn["content"] for special in specials):
                mark = f"\ue000cupel-{number}\ue001"
                hidden[mark] = turn["content"]
                turn["content"] = mark
        rendered = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        tokens: list[int] = []
        for mark, content in hidden.items():
            if mark not in rendered:
                continue  # the template leaves the message out
            before, _, rendered = rendered.partition(mark)
            tokens += self._marked.encode(before, add_special_tokens=False).ids
            tokens += self._plain.encode(content, add_special_tokens=False).ids
        tokens += self._marked.encode(rendered, add_special_tokens=False).ids
        return tokens


def load_causal(reference: str, folder: Path, device: str = "cpu") -> CausalModel:
    """The model of a folder of transformers, or of a trial: weights as safetensors, no code of its own.

    Raises
    ------
    BadInput
        A file is missing or cannot be read, weights are pickled, or the folder brings code.
    MissingExtra
        PyTorch or transformers is not installed.
    """
    model, tokenizer = load_checkpoint(folder, device=device, dtype=_dtype(device))
    return CausalModel(reference, digest_folder(folder), model, tokenizer)


def load_gguf(reference: str, file: Path, device: str = "cpu") -> CausalModel:
    """The model of a GGUF file, its weights turned into floating-point numbers.

    Raises
    ------
    BadInput
        It is no GGUF file, it is damaged, or transformers does not know its architecture.
    MissingExtra
        PyTorch, transformers or gguf is not installed.
    """
    try:
        import gguf  # noqa: F401
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, modeling_gguf_pytorch_utils
        from transformers.utils.logging import disable_progress_bar
    except ImportError:
        raise MissingExtra("a GGUF model", "lab") from None
    disable_progress_bar()
    # The bar of the reader of GGUF is not one of those, and no setting hides it.
    vars(modeling_gguf_pytorch_utils)["tqdm"] = _without_bar
    digest = digest_file(file)
    # By itself, so that nothing that lies beside the file is read with it.
    with tempfile.TemporaryDirectory(prefix="cupel-") as alone:
        (Path(alone) / "model.gguf").symlink_to(file.resolve())
        try:
            model: Any = AutoModelForCausalLM.from_pretrained(
                alone, gguf_file="model.gguf", dtype=getattr(torch, _dtype(device)), trust_remote_code=False
            )
            tokenizer = AutoTokenizer.from_pretrained(alone, gguf_file="model.gguf", trust_remote_code=False)
        except (OSError, ValueError, LookupError, RuntimeError, TypeError, OverflowError) as error:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise BadInput(f"{file}: not a GGUF model that transformers can read: {first}") from None
    return CausalModel(reference, digest, model.to(device).eval(), tokenizer)


def _stats(held: TextRows, scored: Sequence[Any], complete: NDArray[np.bool_]) -> TokenStats:
    """The rows of all texts, in their order, as columns of tokens."""

    def column(number: int, kind: type) -> NDArray[Any]:
        return np.concatenate(
            [np.zeros(0, kind), *(row[number] for row in scored)], dtype=kind, casting="same_kind"
        )

    offsets = np.concatenate([[0], np.cumsum(held.tokens)])
    return TokenStats(
        offsets, column(0, np.float32), column(1, np.float32), column(2, np.int32), held.ends, complete
    )


def _without_bar(items: Iterable[Any], desc: str = "") -> Iterable[Any]:
    return items


def _dtype(device: str) -> Literal["float32", "bfloat16"]:
    return "float32" if device == "cpu" else "bfloat16"


def _ends(model: Any, tokenizer: Any) -> Collection[int]:
    """Tokens that end a text, by the tokenizer and by the model's settings for generation."""
    declared = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    ends = [tokenizer.eos_token_id, *(declared if isinstance(declared, list) else [declared])]
    return {int(token) for token in ends if token is not None}
