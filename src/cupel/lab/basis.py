"""What a verdict rests on, and what makes it say less than it seems to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cupel.findings import Alarm, Section, Table
from cupel.units import write_bytes, write_count, write_percent

__all__ = ["Basis", "DomainText", "basis_facts", "basis_section", "domain_texts", "epochs_text"]

MIN_EPOCHS = 0.01
"""Below this share of an arm, what a trial saw is a small sample of it."""
MAX_EPOCHS = 4.0
"""Up to about four passes, repeated text is worth nearly as much as fresh text (Muennighoff et al. 2023)."""
EPOCH_RATIO = 2.0
"""How many times more often one arm may be repeated than another once repetition counts."""
MAX_LEFT_OUT = 0.2
"""Share of the held-out text that may be lost to overlap before the rest is another text."""
MIN_DOCUMENTS, MIN_BYTES = 10, 10_000
"""Of a domain; with less text, its bootstrap interval is a guess."""


@dataclass(frozen=True)
class DomainText:
    """Held-out text of one domain.

    Attributes
    ----------
    documents, bytes
        What is scored, after overlap and caps.
    given_bytes, overlap_bytes
        All that there was, and how much of it an arm was trained on.
    """

    domain: str
    documents: int
    bytes: int
    given_bytes: int
    overlap_bytes: int


@dataclass(frozen=True)
class Basis:
    """What a verdict rests on.

    Attributes
    ----------
    epochs
        How often each arm was seen; below one, only that share of it.
    tokens
        Of one trial.
    domains
        The held-out text.
    named
        Whether the user named the held-out text; otherwise some was held out of every arm.
    tasks
        Whether there are tasks besides.
    seeds
        Trials per arm.
    floor
        Where the scale's noise floor was measured; None where it is not known.
    machine
        What trials were trained on.
    scale
        Its name.
    """

    epochs: Mapping[str, float]
    tokens: int
    domains: Sequence[DomainText]
    named: bool
    tasks: bool
    seeds: int
    floor: str | None
    machine: str
    scale: str

    @property
    def left_out(self) -> float:
        """Share of the held-out bytes that overlap an arm."""
        given_bytes = sum(domain.given_bytes for domain in self.domains)
        return sum(domain.overlap_bytes for domain in self.domains) / given_bytes if given_bytes else 0.0

    @property
    def alarms(self) -> tuple[str, ...]:
        """What can mislead a reader of the verdict, each with what to do about it.

        Examples
        --------
        >>> text = DomainText("wiki", 200, 300_000, 300_000, 0)
        >>> Basis({"raw": 0.5, "refined": 0.8}, 1_000_000, [text], True, False, 3, "measured", "CPU", "nano").alarms
        ()
        """
        alarms = [*self._unnamed(), *self._barely_seen(), *self._repeated(), *self._left_out(), *self._thin()]
        return tuple(alarms)

    def _unnamed(self) -> list[str]:
        if self.named or self.tasks:
            return []
        return [
            "No text stands for what you want: held-out text comes from the arms themselves, and each arm is at home "
            "on its own part. Name text that is like what the model is for: --held-out FILE."
        ]

    def _barely_seen(self) -> list[str]:
        barely = {arm: seen for arm, seen in self.epochs.items() if seen < MIN_EPOCHS}
        if not barely:
            return []
        arms = ", ".join(f"{arm} {epochs_text(seen)}" for arm, seen in barely.items())
        needed = MIN_EPOCHS * self.tokens / min(barely.values())
        return [
            f"Trials saw less than a hundredth of an arm ({arms} of it). The verdict holds for a sample of that size; what "
            "shows only over more of the text, such as duplicates, cannot show. Train on more (a larger --scale, or "
            f"--set tokens={_round_up(needed)}), or compare smaller samples of the arms (cupel sample)."
        ]

    def _repeated(self) -> list[str]:
        highest, lowest = max(self.epochs.values()), min(self.epochs.values())
        if highest <= MAX_EPOCHS or highest < EPOCH_RATIO * lowest:
            return []
        arm = max(self.epochs, key=lambda name: self.epochs[name])
        other = min(self.epochs, key=lambda name: self.epochs[name])
        fair = int(self.tokens * MAX_EPOCHS / highest)
        return [
            f"{arm} was repeated {epochs_text(highest)}, {other} {epochs_text(lowest)}. Beyond about four passes, repeated "
            "text is worth much less than fresh text, so the verdict is about the amount of text as well as its quality. "
            f"Train on less (--set tokens={fair}, or a smaller --scale) or give {arm} more text."
        ]

    def _left_out(self) -> list[str]:
        if self.left_out < MAX_LEFT_OUT:
            return []
        worst = max(self.domains, key=lambda domain: domain.overlap_bytes)
        return [
            f"{write_percent(self.left_out)} of the held-out text overlaps an arm and is not scored (most of it in "
            f"{worst.domain}). What is left may be unlike what you want. "
            + (
                "Remove it from the arms (the step `decontaminate`), or name text that no arm holds."
                if self.named
                else "Deduplicate the arms first, or name text that no arm holds: --held-out FILE."
            )
        ]

    def _thin(self) -> list[str]:
        thin = [
            domain for domain in self.domains if domain.documents < MIN_DOCUMENTS or domain.bytes < MIN_BYTES
        ]
        if not thin:
            return []
        shown = ", ".join(
            f"{domain.domain} ({domain.documents:,} documents, {write_bytes(domain.bytes)})"
            for domain in thin[:3]
        )
        more = f" and {len(thin) - 3} more" if len(thin) > 3 else ""
        capped = any(domain.given_bytes - domain.overlap_bytes > 2 * domain.bytes for domain in thin)
        remedy = (
            "there is more of it: raise --set evaluation.held_out_bytes"
            if capped
            else "add text, or merge small domains by giving their documents one `domain`"
        )
        return [
            f"Very little held-out text stands for {shown}{more}, and each counts as much as any other domain in the mean; "
            f"{remedy}."
        ]


def domain_texts(
    scored: Mapping[str, tuple[int, int]], counts: Sequence[Mapping[str, Any]]
) -> tuple[DomainText, ...]:
    """Held-out text by domain.

    Parameters
    ----------
    scored
        Documents and bytes that are scored, by domain.
    counts
        Rows of `Overlap.counts`.
    """
    return tuple(
        DomainText(
            row["domain"],
            *scored.get(row["domain"], (0, 0)),
            given_bytes=row["bytes"],
            overlap_bytes=row["seen_bytes"],
        )
        for row in counts
        if not row["arm"]  # the rows that stand for any arm
    )


def basis_facts(basis: Basis) -> list[tuple[str, str]]:
    """What the verdict rests on, as named values."""
    documents = sum(domain.documents for domain in basis.domains)
    size = sum(domain.bytes for domain in basis.domains)
    domains = f", {len(basis.domains)} domains" if len(basis.domains) > 1 else ""
    origin = "named by you" if basis.named else "held out of the arms"
    lost = f"{write_percent(basis.left_out)} for overlap with an arm" if basis.left_out else "none"
    return [
        ("seen of each arm", "; ".join(f"{arm} {epochs_text(seen)}" for arm, seen in basis.epochs.items())),
        ("tokens per trial", write_count(basis.tokens)),
        ("seeds per arm", str(basis.seeds)),
        ("held-out text", f"{documents:,} documents, {write_bytes(size)}{domains}; {origin}"),
        ("left out of it", lost),
        ("noise floor", f"known: {basis.floor}" if basis.floor is not None else "not known for this scale"),
        ("trained on", basis.machine),
    ]


def basis_section(basis: Basis) -> Section:
    """Alarms, then what the verdict rests on."""
    table = Table(columns=("what", "value"), rows=tuple(basis_facts(basis)), formats=("text", "text"))
    return Section(
        title="What it rests on",
        key="basis",
        lead="How much was seen, what it was scored on, and how well the noise is known.",
        blocks=(*(Alarm(text=text) for text in basis.alarms), table),
    )


def epochs_text(epochs: float) -> str:
    """How often an arm was seen.

    >>> epochs_text(0.0042), epochs_text(0.5), epochs_text(2.25)
    ('0.42 %', '50 %', '2.2 times')
    """
    if epochs >= 1:
        return f"{epochs:.1f} times"
    return f"{100 * epochs:.2g} %" if epochs < 0.0995 else f"{100 * epochs:.0f} %"


def _round_up(tokens: float) -> int:
    """Two significant digits, upwards.

    >>> _round_up(1_234_567)
    1300000
    """
    unit = 10 ** max(len(str(int(tokens))) - 2, 0)
    return (int(tokens) // unit + 1) * unit
