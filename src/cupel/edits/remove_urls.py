"""Addresses in the text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

import pyarrow as pa
from pydantic import Field

from cupel.contract import Column, Edit, Edited, Method, Paper
from cupel.edits._edited import edited
from cupel.errors import BadInput

__all__ = ["RemoveUrls"]

_TLDS = (
    "com org net edu gov mil int info biz dev app blog shop site online xyz club store tech wiki cloud "
    "ae ar au ba bd bg br ca ch cl cn co cr cu cz de dk dz ec ee eg es eu fi fr ge gr gt hk hr hu ie il io ir jp ke kr kz "
    "lk lt lu lv ma mk mn mx ng nl np nz pe ph pk pt ro ru se sg si sk su th tn tr tv tw tz ua ug uk uy uz ve vn za zm zw"
)
"""Top-level domains that are neither words of a language, as `in`, `is` and `me`, nor file endings, as `py` and `rs`."""


class RemoveUrls(Edit):
    r"""Addresses removed from the text.

    Links in running text are noise to a language model: their letters can be memorized and hardly predicted, and lists
    of links are boilerplate. This edit removes them, or puts a fixed text in their place. What counts as an address:

    | `match` | addresses |
    | --- | --- |
    | `links` | `http://`, `https://` and `ftp://` links, and what begins with `www.` |
    | `paths` | these, and hosts with a path: `example.org/page` |
    | `hosts` | these, and bare hosts: `example.org` |
    | `dclm` | what DCLM's two expressions match: also blanks before an address, IP addresses, e-mail addresses |

    The first three leave e-mail addresses and handles as they are (`pii` masks e-mail addresses), and end an address
    where a reader would: before the full stop of the sentence, before a bracket that the address did not open, and before
    Chinese, Japanese, Korean or Thai text that follows without a space. Where nothing is put in their place, brackets
    around an address go with it, as do the space before it and a line of which nothing else is left. For `paths` and
    `hosts` the last label of a host must be a known top-level domain: by default some 100 that are neither words nor file
    endings, so that `the end.in the` and `setup.py` are kept; `tlds` names a file with others.

    `dclm` equals the substitutions of `url_removal_modifier` (Li et al. 2024), given that pipeline's list of top-level
    domains as `tlds`. Two things around them differ: the published code makes the first of its two substitutions only for
    pages whose text *begins* with the letters of a top-level domain (`match` where `search` was meant), and drops pages
    of which nothing is left; here every text is edited, and rules decide what an empty one is worth.

    Examples
    --------
    >>> import pyarrow as pa
    >>> text = "Das Café (https://café.example/a?b=1) hat offen.\nwww.example.org/menu\nMail: a@example.org, example.org."
    >>> edited = RemoveUrls().edit(pa.record_batch({"text": [text]}))
    >>> edited.text.to_pylist(), edited.columns["urls_removed"].to_pylist()
    (['Das Café hat offen.\nMail: a@example.org, example.org.'], [2])
    >>> RemoveUrls.from_options({"replacement": "<url>"}).edit(pa.record_batch({"text": ["見る http://a.org。東京"]})).text[0].as_py()
    '見る <url>。東京'
    """

    name = "remove-urls"
    papers = (
        Paper(
            "DataComp-LM: In search of the next generation of training sets for language models",
            "Li et al.",
            2024,
            "https://arxiv.org/abs/2406.11794",
            section="4.1, and the code published with it",
        ),
    )
    files = ("tlds",)
    cost = "one pass over the text"
    limits = (
        "The text of a link in Markdown keeps its brackets: `[here](http://…)` becomes `[here]`. Sentences that need "
        "the address lose their object. Not for code, where addresses are values; `dclm` also takes `word.com` in "
        "running text, and e-mail addresses, with the blanks or line breaks before them."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "urls_removed": Column(pa.int64(), "addresses", "addresses removed or replaced"),
        "url_text_fraction": Column(
            pa.float64(), "fraction", "share of the text's bytes that these addresses took"
        ),
    }

    class Options(Method.Options):
        """What counts as an address, and what it is replaced with."""

        match: Literal["links", "paths", "hosts", "dclm"] = Field(
            "links",
            description="what counts as an address: links with a scheme or `www.`; also hosts with a path; also bare hosts; "
            "or what DCLM's expressions match",
        )
        replacement: str = Field("", description="replaces an address; nothing by default")
        tlds: str | None = Field(
            None,
            description="a text file with one top-level domain per line, for all but `links`; by default some 100",
        )

    options: Options

    def __init__(self, options: Method.Options | None = None) -> None:
        super().__init__(options)
        self._tlds()  # a bad list is noticed before the run

    def edit(self, documents: pa.RecordBatch) -> Edited:
        from cupel import _kernels

        return edited(
            _kernels.remove_urls(
                documents.column("text"),
                matching=self.options.match,
                tlds=list(self._tlds()),
                replacement=self.options.replacement,
            )
        )

    def _tlds(self) -> tuple[str, ...]:
        path = self.options.tlds
        return tuple(_TLDS.split()) if path is None else _read(path, self.file_digests.get(path, ""))


@cache
def _read(path: str, digest: str) -> tuple[str, ...]:
    """The top-level domains of a file with this content, lower case, read once per process."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"remove-urls: cannot read the list of top-level domains {path}: {error}") from None
    listed = [(number, line.strip().lower().removeprefix(".")) for number, line in enumerate(lines, 1)]
    listed = [(number, domain) for number, domain in listed if domain and not domain.startswith("#")]
    for number, domain in listed:
        if not domain.isascii() or not domain.replace("-", "").isalnum():
            raise BadInput(
                f"remove-urls: {path}, line {number}: '{domain[:40]}' is no top-level domain; expected one per line, "
                "such as 'org' or 'xn--p1ai'"
            )
    if not listed:
        raise BadInput(f"remove-urls: the list {path} holds no top-level domain")
    return tuple(dict.fromkeys(domain for _, domain in listed))
