from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pyarrow as pa
import pytest

from cupel.errors import BadInput
from cupel.lab.evaluations.evaluation import EvaluationContext
from cupel.lab.evaluations.held_out import HeldOut, HeldOutOptions, select_held_out
from tests.conftest import prose
from tests.models import tiny

torch = pytest.importorskip("torch")


def _table(texts: list[str], domains: list[str] | None = None) -> pa.Table:
    ids = [f"d{number}" for number in range(len(texts))]
    return pa.table({"id": ids, "text": texts, "domain": domains or ["all"] * len(texts)})


def _reference_bits(model: object, text: str, overlap: int) -> float:
    """Bits of a text, a token at a time: what stands before it in the window that scores it is its context."""
    tokens = [0, *tiny.tokenizer().backend_tokenizer.encode(text).ids]
    bits, done = 0.0, 0
    while done < len(tokens) - 1:
        stop = min(len(tokens) - 1, done + tiny.CONTEXT - (overlap if done else 0))
        start = max(0, stop - tiny.CONTEXT)
        for place in range(done, stop):
            context = tokens[start : place + 1]
            bits -= tiny.log_probability(model, context, [tokens[place + 1]]) / math.log(2)
        done = stop
    return bits


def test_bits_per_byte_is_the_plain_sum_over_tokens() -> None:
    texts = ["Café 東京 🜚 naïve.", "a", "The river.\n\n  Odd \x00 bytes \ufffd", prose(random.Random(5), 90)]
    model = tiny.model().double()
    options = HeldOutOptions(overlap=0.25)
    (measure,) = HeldOut(_table(texts), options).measure(model, tiny.tokenizer(), EvaluationContext())
    assert len(tiny.tokenizer().encode(texts[3])) > 3 * tiny.CONTEXT
    assert measure.name == "bits_per_byte all"
    assert measure.better == "lower"
    assert measure.items == ("d0", "d1", "d2", "d3")
    assert measure.weight.tolist() == [len(text.encode()) for text in texts]
    expected = [_reference_bits(model, text, tiny.CONTEXT // 4) for text in texts]
    np.testing.assert_allclose(measure.amount, expected, rtol=1e-5)


def test_bytes_are_those_of_the_text_that_a_composing_tokenizer_reads() -> None:
    from tokenizers import Tokenizer, normalizers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer.from_str(tiny.tokenizer().backend_tokenizer.to_str())
    plain.normalizer = normalizers.NFC()
    composing = PreTrainedTokenizerFast(tokenizer_object=plain, eos_token=tiny.END)
    texts = ["Cafe\u0301 in 東京.", "Café in 東京.", "plain"]
    held_out, model = HeldOut(_table(texts)), tiny.model()
    (measure,) = held_out.measure(model, composing, EvaluationContext())
    assert measure.weight.tolist() == [len(texts[1].encode())] * 2 + [5]
    assert measure.amount[0] == pytest.approx(measure.amount[1])
    (unchanged,) = held_out.measure(model, tiny.tokenizer(), EvaluationContext())
    assert unchanged.weight.tolist() == [len(text.encode()) for text in texts]


def test_a_model_that_knows_nothing_needs_the_logarithm_of_its_vocabulary() -> None:
    model = tiny.model()
    with torch.no_grad():
        model.lm_head.weight.zero_()
    text = prose(random.Random(2), 60)
    (measure,) = HeldOut(_table([text])).measure(model, tiny.tokenizer(), EvaluationContext())
    tokens = len(tiny.tokenizer().encode(text))
    assert measure.value == pytest.approx(tokens * math.log2(400) / len(text.encode()), rel=1e-6)


def test_a_text_that_was_learned_needs_fewer_bits() -> None:
    known, other = "the river was by the mountain in winter", "engine of science and a garden letter"
    model = tiny.learned(known)
    measures = HeldOut(_table([known, other], ["known", "other"])).measure(
        model, tiny.tokenizer(), EvaluationContext()
    )
    values = {measure.subset: measure.value for measure in measures}
    assert values["known"] < 0.3 < 2 < values["other"]


def test_values_do_not_depend_on_the_batch_or_on_the_order_of_documents() -> None:
    texts = [prose(random.Random(seed), 3 + 9 * seed) for seed in range(12)]
    model = tiny.model()
    (first,) = HeldOut(_table(texts)).measure(model, tiny.tokenizer(), EvaluationContext(batch_tokens=1))
    (second,) = HeldOut(_table(texts)).measure(model, tiny.tokenizer(), EvaluationContext(batch_tokens=9999))
    np.testing.assert_allclose(first.amount, second.amount, rtol=1e-5)
    (turned,) = HeldOut(_table(texts[::-1])).measure(
        model, tiny.tokenizer(), EvaluationContext(batch_tokens=1)
    )
    np.testing.assert_array_equal(turned.amount, first.amount[::-1])


def test_documents_are_chosen_by_a_seeded_hash_within_the_caps() -> None:
    texts = [prose(random.Random(seed), 40) for seed in range(80)]
    domains = ["x", "y"] * 40
    table = _table(texts, domains)
    options = HeldOutOptions(max_domain_bytes=2000, max_document_bytes=150)
    chosen = select_held_out(table, options)
    sizes = [len(text.encode()) for text in chosen["text"].to_pylist()]
    assert max(sizes) <= 150
    for domain in "xy":
        total = sum(
            size for size, own in zip(sizes, chosen["domain"].to_pylist(), strict=True) if own == domain
        )
        assert 1800 < total <= 2000
    turned = select_held_out(table.take(list(range(80))[::-1]), options)
    assert sorted(turned["id"].to_pylist()) == sorted(chosen["id"].to_pylist())
    other = select_held_out(table, options.model_copy(update={"seed": 1}))
    assert set(other["id"].to_pylist()) != set(chosen["id"].to_pylist())
    alone = select_held_out(table.filter(pa.array([domain == "x" for domain in domains])), options)
    assert alone["id"].to_pylist() == [
        id_
        for id_, own in zip(chosen["id"].to_pylist(), chosen["domain"].to_pylist(), strict=True)
        if own == "x"
    ]


def test_a_document_larger_than_the_cap_is_still_scored_and_cut_at_a_character() -> None:
    chosen = select_held_out(_table(["é" * 100]), HeldOutOptions(max_domain_bytes=10, max_document_bytes=33))
    assert chosen["text"].to_pylist() == ["é" * 16]


def test_empty_and_repeated_texts_are_left_out() -> None:
    chosen = select_held_out(_table(["", "same", "same", "same"], ["a", "a", "a", "b"]))
    assert chosen["id"].to_pylist() == ["d1", "d3"]


def test_digest_changes_with_texts_and_context_only() -> None:
    first = HeldOut(_table(["one two"]))
    assert first.digest == HeldOut(_table(["one two"]), HeldOutOptions(max_domain_bytes=999)).digest
    assert first.digest != HeldOut(_table(["one too"])).digest
    assert first.digest != HeldOut(_table(["one two"]), HeldOutOptions(overlap=0.5)).digest


def test_what_cannot_be_scored_is_said() -> None:
    with pytest.raises(BadInput, match="none holds text"):
        HeldOut(_table(["", ""]))
    with pytest.raises(BadInput, match="no column 'domain'; expected id, text, domain"):
        HeldOut(pa.table({"id": ["a"], "text": ["b"]}))


def test_a_tokenizer_without_an_end_or_without_all_bytes_is_refused() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<unk>": 0, "river": 1, "</s>": 2}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    nameless = PreTrainedTokenizerFast(tokenizer_object=words)
    with pytest.raises(BadInput, match="neither a BOS nor an EOS"):
        HeldOut(_table(["river"])).measure(tiny.model(), nameless, EvaluationContext())
    lossy = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>", unk_token="<unk>")
    with pytest.raises(BadInput, match="document 'd1': the tokenizer has no token"):
        HeldOut(_table(["river", "mountain"])).measure(tiny.model(), lossy, EvaluationContext())


def test_every_domain_has_its_measure() -> None:
    texts = [prose(random.Random(seed), 12) for seed in range(9)]
    domains = list(itertools.islice(itertools.cycle("abc"), 9))
    measures = HeldOut(_table(texts, domains)).measure(tiny.model(), tiny.tokenizer(), EvaluationContext())
    assert [measure.subset for measure in measures] == ["a", "b", "c"]
    assert [measure.items for measure in measures] == [
        ("d0", "d3", "d6"),
        ("d1", "d4", "d7"),
        ("d2", "d5", "d8"),
    ]
