"""Short lists of the most frequent function words of eleven languages."""

from __future__ import annotations

__all__ = ["STOP_WORDS"]

_LISTS = {
    "cs": "a aby ale jako je jsem jsou který na nebo od po pro při se si tak to v že",
    "de": "als auch auf das dass dem den der des die ein eine für im in ist mit nicht sich sie und von zu",
    # Gopher's eight (Rae et al. 2021, A.1.1).
    "en": "the be to of and that have with",
    "es": "al como con de del el en es la las lo los más no para pero por que se su un una y",
    "fr": "au avec ce dans de des du elle en est et il la le les ne pas pour plus que qui sur un une",
    "it": "al anche che con da dei del della di e gli i il in la le ma non per più si sono un una",
    "nl": "aan als bij dat de die een en er het in is met niet om op te van voor zijn",
    "pl": "a ale co dla do i jak jest na nie o od oraz po przez się są to w z że",
    "pt": "a ao as com como da de do dos e em mais na no não o os para por que se um uma",
    "ru": "а в для и из как к на не но о от по с так то у что это я",
    "sv": "att av de den det en ett för i inte med och om på som till var är",
}

STOP_WORDS: dict[str, tuple[str, ...]] = {
    language: tuple(words.split()) for language, words in _LISTS.items()
}
