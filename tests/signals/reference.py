"""The signals in plain Python, straight from their definitions: slow, and the judge of the kernel."""

from __future__ import annotations

import math
import re
import string
import unicodedata
from collections import Counter

from datatrove.utils.text import PUNCTUATION_SET, TERMINAL_PUNCTUATION

GOPHER_STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
POLICIES = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def duplicates(pieces: list[str]) -> tuple[int, int]:
    """How many pieces occurred before, and how long these are together."""
    seen: set[str] = set()
    count = length = 0
    for piece in pieces:
        if piece in seen:
            count += 1
            length += len(piece)
        seen.add(piece)
    return count, length


def top_gram_length(words: list[str], n: int) -> int:
    grams = [" ".join(words[i : i + n]) for i in range(len(words) - n + 1)]
    if not grams:
        return 0
    counts = Counter(grams)
    best = max(counts.values())
    first = next(gram for gram in grams if counts[gram] == best)
    return len(first) * best


def duplicate_gram_length(words: list[str], n: int) -> int:
    seen: set[str] = set()
    length = i = 0
    while i + n <= len(words):
        gram = "".join(words[i : i + n])
        if gram in seen:
            length += len(gram)
            i += n
        else:
            seen.add(gram)
            i += 1
    return length


def of_words(text: str, words: list[str], stop_words: set[str] = GOPHER_STOP_WORDS) -> dict[str, float]:
    counts = Counter(words)
    plain = [word for word in words if any(c not in PUNCTUATION_SET for c in word)]
    total = len(words)
    return {
        "word_count": total,
        "unique_word_count": len(counts),
        "non_symbol_word_count": len(plain),
        "mean_word_length": ratio(sum(map(len, plain)), len(plain)),
        "max_word_length": max(map(len, words), default=0),
        "hash_to_word_ratio": ratio(text.count("#"), total),
        "ellipsis_to_word_ratio": ratio(text.count("...") + text.count("…"), total),
        "newline_to_word_ratio": ratio(text.count("\n"), total),
        "alpha_word_fraction": ratio(sum(any(c.isalpha() for c in word) for word in words), total),
        "stop_word_count": len(stop_words & set(words)),
        "stop_word_fraction": ratio(sum(word in stop_words for word in words), total),
        "unique_word_fraction": ratio(len(counts), total),
        "single_use_word_fraction": ratio(sum(count == 1 for count in counts.values()), total),
        "unigram_entropy": max(0.0, -sum(n / total * math.log(n / total) for n in counts.values())),
        **{f"top_{n}gram_character_fraction": ratio(top_gram_length(words, n), len(text)) for n in (2, 3, 4)},
        **{
            f"duplicate_{n}gram_character_fraction": ratio(duplicate_gram_length(words, n), len(text))
            for n in range(5, 11)
        },
    }


def of_lines(text: str) -> dict[str, float]:
    lines = text.splitlines()
    nonblank = [line for line in text.split("\n") if line.strip()]
    paragraphs = re.split(r"\n{2,}", text.strip())
    pieces = re.split(r"\n+", text)
    paragraph_count, paragraph_length = duplicates(paragraphs)
    line_count, line_length = duplicates(pieces)
    lower = [line.lower() for line in lines]
    return {
        "character_count": len(text),
        "byte_count": len(text.encode()),
        "line_count": len(lines),
        "paragraph_count": len(paragraphs) if text.strip() else 0,
        "bullet_line_fraction": ratio(
            sum(line.lstrip().startswith(("•", "-")) for line in lines), len(lines)
        ),
        "ellipsis_line_fraction": ratio(
            sum(line.rstrip().endswith(("...", "…")) for line in lines), len(lines)
        ),
        "max_line_length": max(map(len, lines), default=0),
        "mean_line_length": ratio(sum(map(len, lines)), len(lines)),
        "long_line_fraction": ratio(sum(len(line) > 1000 for line in lines), len(lines)),
        "duplicate_line_fraction": ratio(line_count, len(pieces)),
        "duplicate_line_character_fraction": ratio(line_length, len(text)),
        "duplicate_paragraph_fraction": ratio(paragraph_count, len(paragraphs)),
        "duplicate_paragraph_character_fraction": ratio(paragraph_length, len(text)),
        "nonblank_line_count": len(nonblank),
        "terminal_punctuation_line_fraction": ratio(
            sum(line.endswith(tuple(TERMINAL_PUNCTUATION)) for line in nonblank), len(nonblank)
        ),
        "short_line_fraction": ratio(sum(len(line) <= 30 for line in nonblank), len(nonblank)),
        "duplicate_nonblank_line_character_fraction": ratio(
            duplicates(nonblank)[1], len(text.replace("\n", ""))
        ),
        "javascript_line_count": sum("javascript" in line for line in lower),
        "policy_line_count": sum(any(phrase in line for phrase in POLICIES) for line in lower),
        "lorem_ipsum_count": text.lower().count("lorem ipsum"),
        "curly_bracket_count": text.count("{"),
        "curly_bracket_fraction": ratio(text.count("{") + text.count("}"), len(text)),
    }


def of_characters(text: str) -> dict[str, float]:
    letters = [c for c in text if c.isalpha()]
    return {
        "digit_fraction": ratio(sum(unicodedata.category(c) == "Nd" for c in text), len(text)),
        "uppercase_fraction": ratio(sum(c.isupper() for c in text), len(text)),
        "whitespace_fraction": ratio(sum(c.isspace() for c in text), len(text)),
        "punctuation_fraction": ratio(sum(unicodedata.category(c)[0] == "P" for c in text), len(text)),
        "alphabetic_fraction": ratio(len(letters), len(text)),
        "alphanumeric_fraction": ratio(sum(c.isalnum() for c in text), len(text)),
    }


def normalize(text: str) -> str:
    """RedPajama-V2's normalised text."""
    text = text.translate(str.maketrans("", "", string.punctuation)).lower().strip()
    return unicodedata.normalize("NFD", re.sub(r"\s+", " ", text))


def repeated_top_length(words: list[str], n: int) -> int:
    """The length of the most frequent n-gram, the first of equals, times how often it occurs, if twice or more."""
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    counts = Counter(grams)
    best = max(counts.values(), default=0)
    first = next((gram for gram in grams if counts[gram] == best), ())
    return sum(map(len, first)) * best if best > 1 else 0


def recurring_length(words: list[str], n: int) -> int:
    """The length of all words that lie in an n-gram that occurs twice or more."""
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    counts = Counter(grams)
    covered = {i + k for i, gram in enumerate(grams) if counts[gram] > 1 for k in range(n)}
    return sum(len(words[i]) for i in covered)


def of_redpajama(text: str) -> dict[str, float]:
    tokens = re.findall(r"\w+|[^\w\s]+", text)
    lines = [match.group() for match in re.finditer(r"[^\n]*\n|[^\n]+$", text)]
    whole = normalize(text)
    words = whole.split()
    counts = Counter(words)
    total = len(words)
    plain = [normalize(line) for line in lines]
    bullets = tuple("•‣▶◀◦■□▪▫–")
    characters = sum(map(len, words))
    return {
        **{
            f"normalized_top_{n}gram_character_fraction": ratio(repeated_top_length(words, n), characters)
            for n in (2, 3, 4)
        },
        **{
            f"normalized_duplicate_{n}gram_character_fraction": ratio(recurring_length(words, n), characters)
            for n in range(5, 11)
        },
        "raw_token_count": len(tokens),
        "all_caps_word_fraction": ratio(sum(map(str.isupper, tokens)), len(tokens)),
        "no_alphabetic_word_fraction": ratio(
            sum(re.search("[a-zA-Z]", token) is None for token in tokens), len(tokens)
        ),
        "symbol_to_word_ratio": ratio(sum(map(text.count, ("#", "...", "…"))), len(tokens)),
        "regex_sentence_count": len(re.findall(r"\b[^.!?]+[.!?]*", text)),
        "normalized_word_count": total,
        "normalized_mean_word_length": ratio(sum(map(len, words)), total),
        "normalized_unique_word_fraction": ratio(len(counts), total),
        "normalized_unigram_entropy": max(
            0.0, -sum(n / total * math.log(n / total) for n in counts.values())
        ),
        "normalized_lorem_ipsum_fraction": ratio(whole.count("lorem ipsum"), len(whole)),
        "words_per_line": ratio(sum(len(line.split()) for line in plain), len(lines)),
        "javascript_words_per_line": ratio(
            sum(line.split().count("javascript") for line in plain), len(lines)
        ),
        "mean_line_numeric_fraction": ratio(
            sum(ratio(sum(map(str.isnumeric, line)), len(line)) for line in plain), len(lines)
        ),
        "mean_line_uppercase_fraction": ratio(
            sum(sum(map(str.isupper, line)) / len(line) for line in lines), len(lines)
        ),
        "end_mark_line_fraction": ratio(
            sum(line.rstrip().endswith((".", "!", "?", "”")) for line in lines), len(lines)
        ),
        "bullet_symbol_line_fraction": ratio(
            sum(line.lstrip().startswith(bullets) for line in lines), len(lines)
        ),
    }
