"""Unicode: broken encodings repaired, one normal form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cupel.contract import Column, Edit, Edited, Method, Paper
from cupel.edits._edited import edited

if TYPE_CHECKING:
    from ftfy import TextFixerConfig

    from cupel import _kernels

__all__ = ["UnicodeRepair"]


class UnicodeRepair(Edit):
    """Unicode repaired.

    Passes every text to `ftfy.fix_text`, which undoes mojibake (`Ã©` for `é`), unescapes HTML
    entities unless a `<` came before, and removes control characters and terminal escapes; then
    puts it into a normal form, NFC by default. Curly quotes, ligatures, full-width letters and
    line ends are kept by default, as in FineWeb: models should know them.

    ftfy is slow, and most text is clean. A Rust kernel looks at each text first and passes on
    only those that ftfy may change: it uses ftfy's own tables of characters and its pattern of
    mojibake, and never skips a text that would change.

    Examples
    --------
    >>> import pyarrow as pa
    >>> edited = UnicodeRepair().edit(pa.record_batch({"text": ["Le CafÃ© &amp; Bar", "“東京”"]}))
    >>> edited.text.to_pylist(), edited.columns["unicode_repaired"].to_pylist()
    (['Le Café & Bar', '“東京”'], [True, False])
    """

    name = "unicode-repair"
    stages = ("pretraining", "instruction tuning")
    papers = (Paper("ftfy", "Speer", 2019, "https://doi.org/10.5281/zenodo.2591652"),)
    cost = "one pass over clean text; ftfy's own time for suspect text; see benchmarks"
    limits = (
        "A text that quotes mojibake or entities on purpose is repaired as well. NFKC changes meaning: 10³ "
        "becomes 103."
    )
    columns: ClassVar[Mapping[str, Column]] = {
        "unicode_repaired": Column(pa.bool_(), "mark", "whether the text was changed"),
    }

    class Options(Method.Options):
        """What is repaired."""

        ftfy: bool = Field(True, description="repair with ftfy; otherwise only normalize")
        normalization: Literal["NFC", "NFKC", "none"] = Field("NFC", description="Unicode normal form")
        uncurl_quotes: bool = Field(False, description="make curly quotes straight")
        fix_latin_ligatures: bool = Field(False, description="write ligatures such as ﬁ as letters")
        fix_character_width: bool = Field(
            False, description="replace full-width letters and half-width kana with the usual ones"
        )
        fix_line_breaks: bool = Field(False, description="turn every kind of line end into a line feed")

    options: Options

    def edit(self, documents: pa.RecordBatch) -> Edited:
        from cupel import _kernels

        text = documents.column("text")
        if not self.options.ftfy:
            if self._form is None:
                return Edited(text, {"unicode_repaired": pa.array([False] * len(text))})
            return edited(_kernels.normalize_unicode(text, self._form))
        suspects = pa.array(self._screen.suspects(text)).to_pylist()
        changed = {row: fixed for row, fixed in self._repaired(text, suspects) if fixed is not None}
        marks = pa.array([row in changed for row in range(len(text))], pa.bool_())
        if not changed:
            return Edited(text, {"unicode_repaired": marks})
        values = [changed.get(row) for row in range(len(text))]
        return Edited(
            pc.if_else(marks, pa.array(values, pa.large_string()), text.cast(pa.large_string())),
            {"unicode_repaired": marks},
        )

    def _repaired(self, text: pa.Array, suspects: list[bool]) -> Iterator[tuple[int, str | None]]:
        """Each suspect row, with its new text where it has one."""
        for row, suspect in enumerate(suspects):
            if suspect:
                before = text[row].as_py()
                after = self._repair(before)
                yield row, None if after == before else after

    def _repair(self, text: str) -> str:
        """What `ftfy.fix_text` makes of a text; it works line by line, so it is given only suspect lines."""
        import ftfy

        lines = [line + "\n" for line in text.split("\n")]
        lines[-1] = lines[-1][:-1]
        suspects = pa.array(self._screen.suspects(pa.array(lines, pa.large_string()))).to_pylist()
        config = self._config
        for number, (line, suspect) in enumerate(zip(lines, suspects, strict=True)):
            if "<" in line:  # from here on this is HTML, whose entities are kept
                config = config._replace(unescape_html=False)
            if suspect:
                # ftfy turns some entities into lone surrogates, which cannot be written as UTF-8.
                lines[number] = ftfy.fix_text(line, config).encode("utf-8", "replace").decode("utf-8")
        return "".join(lines)

    @property
    def _form(self) -> str | None:
        return None if self.options.normalization == "none" else self.options.normalization

    @cached_property
    def _config(self) -> TextFixerConfig:
        from ftfy import TextFixerConfig

        return TextFixerConfig(
            normalization=self._form,  # type: ignore[arg-type]
            uncurl_quotes=self.options.uncurl_quotes,
            fix_latin_ligatures=self.options.fix_latin_ligatures,
            fix_character_width=self.options.fix_character_width,
            fix_line_breaks=self.options.fix_line_breaks,
            explain=False,
        )

    @cached_property
    def _screen(self) -> _kernels.UnicodeScreen:
        """A screen made from the tables of the installed ftfy."""
        from ftfy import badness, chardata

        from cupel import _kernels

        characters = {chr(code) for code in chardata.CONTROL_CHARS} | {"\x1b"}
        if self.options.uncurl_quotes:
            characters |= _class_of(chardata.SINGLE_QUOTE_RE) | _class_of(chardata.DOUBLE_QUOTE_RE)
        if self.options.fix_latin_ligatures:
            characters |= {chr(code) for code in chardata.LIGATURES}
        if self.options.fix_character_width:
            characters |= {chr(code) for code in chardata.WIDTH_MAP}
        if self.options.fix_line_breaks:
            characters |= set("\r\u2028\u2029\u0085")
        return _kernels.UnicodeScreen(
            "".join(sorted(characters)),
            mojibake=plain_pattern(badness.BADNESS_RE.pattern),
            entities=True,
            form=self._form,
        )


def plain_pattern(verbose: str) -> str:
    """A pattern written for `re.VERBOSE` without its comments and white space.

    Anchors are removed, too: the kernel matches pieces of a text, where the beginning means nothing.

    >>> plain_pattern("[a b] c  # letters")
    '[a b]c'
    """
    out = []
    in_class = False
    pieces = iter(re.findall(r"\\.|#[^\n]*|.", verbose, re.DOTALL))
    for piece in pieces:
        if in_class:
            in_class = piece != "]"
        elif piece.startswith("#") or piece.isspace() or piece == "^":
            continue
        elif piece == "[":
            in_class = True
        elif piece == r"\w":
            piece = r"[\w\p{No}]"  # Python counts ² and ½ among the letters and digits
        out.append(piece)
    return "".join(out)


def _class_of(pattern: re.Pattern[str]) -> set[str]:
    """The characters below 65,536 that a pattern of one character class matches."""
    return set(pattern.findall("".join(map(chr, range(0xD800)))))
