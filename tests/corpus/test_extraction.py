"""Extraction: what it gives, and that no page can stop it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from cupel.corpus.extraction import extract_batch
from cupel.corpus.extraction._pool import close_pools
from cupel.corpus.extraction.plain import Plain
from cupel.corpus.extraction.resiliparse import Resiliparse
from cupel.corpus.extraction.trafilatura import Trafilatura
from cupel.errors import UnknownName
from tests.corpus.odd_extractors import Odd

ARTICLE = (
    "<html><head><title>T</title><script>var x = 1;</script></head><body><nav><a href='/'>Home</a></nav>"
    "<article><h1>Cupellation</h1>"
    + "".join(
        f"<p>Paragraph {n}: silver is refined in a cupel of bone ash, as in 東京 and Zürich.</p>"
        for n in range(8)
    )
    + "</article><footer>Imprint</footer></body></html>"
)


def batch(*pages: str | None) -> pa.RecordBatch:
    html = pa.array([None if page is None else page.encode() for page in pages], pa.large_binary())
    text = pa.array([None if page is not None else "plain" for page in pages], pa.large_string())
    return pa.record_batch({"html": html, "text": text})


@pytest.fixture(autouse=True)
def _no_pools_left() -> object:
    yield
    close_pools()


@pytest.mark.parametrize("extractor", [Resiliparse(), Trafilatura()])
def test_main_text(extractor: object) -> None:
    text = extractor.extract(ARTICLE)  # type: ignore[attr-defined]
    assert "Paragraph 7: silver is refined" in text
    assert "東京 and Zürich" in text
    assert "var x" not in text
    assert "Imprint" not in text
    assert "Home" not in text


def test_plain_keeps_all_that_is_seen() -> None:
    text = Plain().extract(ARTICLE)
    assert "Home" in text
    assert "Imprint" in text
    assert "var x" not in text


@pytest.mark.parametrize("extractor", [Resiliparse(), Trafilatura(), Plain()])
@pytest.mark.parametrize("page", ["", " ", "<", "no tags", "<html></html>", "\x00<p>\x00", "<p>" * 3000])
def test_odd_pages_give_a_text_or_nothing(extractor: object, page: str) -> None:
    assert isinstance(extractor.extract(page), str)  # type: ignore[attr-defined]


def test_the_processes_give_what_the_extractors_give() -> None:
    documents = batch(ARTICLE, None, "<p>x</p>")
    (a, b), errors = extract_batch(documents, ["resiliparse", ("trafilatura", {"favour": "recall"})])
    assert errors == [None] * 3
    assert a.to_pylist() == [Resiliparse().extract(ARTICLE), "plain", Resiliparse().extract("<p>x</p>")]
    assert b.type == pa.large_string()
    assert b[1].as_py() == "plain"


def test_unknown_extractor() -> None:
    with pytest.raises(UnknownName, match="resiliparse"):
        extract_batch(batch("x"), ["resilparse"])


@pytest.mark.parametrize("page", ["loop", "compiled"])
def test_a_page_that_takes_forever(page: str) -> None:
    (texts,), errors = extract_batch(batch("good", page, "also good"), [Odd()], 1.0)
    assert texts.to_pylist() == ["GOOD", None, "ALSO GOOD"]
    assert [error and error.reason for error in errors] == [None, "extraction-timeout", None]


@pytest.mark.parametrize(("page", "reason"), [("abort", "crash"), ("exit", "crash"), ("raise", "failed")])
def test_a_page_that_breaks_the_extractor(page: str, reason: str) -> None:
    (texts,), errors = extract_batch(batch(page, "good"), [Odd()])
    assert texts.to_pylist() == [None, "GOOD"]
    assert errors[0] is not None
    assert errors[0].reason == f"extraction-{reason}"
    assert errors[1] is None


def test_one_extractor_is_enough() -> None:
    (odd, plain), errors = extract_batch(batch("abort", "good"), [Odd(), "plain"])
    assert odd.to_pylist() == [None, "GOOD"]
    assert plain.to_pylist() == ["abort", "good"]
    assert errors == [None, None]


def test_printing_extractors_do_no_harm() -> None:
    (texts,), errors = extract_batch(batch("print"), [Odd()])
    assert (texts.to_pylist(), errors) == (["PRINT"], [None])


def test_large_pages_pass_both_ways() -> None:
    page = "x" * (20 << 20)
    (texts,), _ = extract_batch(batch(page), [Odd()], 60.0)
    assert texts[0].as_py() == page.upper()
    (none,), errors = extract_batch(batch(page), [Odd()], max_html_bytes=1 << 20)
    assert none[0].as_py() is None
    assert errors[0] is not None
    assert errors[0].reason == "too-large"


def test_the_process_is_kept_and_ended() -> None:
    (first,), _ = extract_batch(batch("pid"), [Odd()])
    (second,), _ = extract_batch(batch("pid"), [Odd()])
    assert first == second
    close_pools()
    assert not is_alive(int(first[0].as_py()))


def test_many_threads() -> None:
    results: list[list[str | None]] = []

    def work(number: int) -> None:
        (texts,), _ = extract_batch(batch(*[f"page {number} {n}" for n in range(50)], "abort"), [Odd()])
        results.append(texts.to_pylist())

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result[0] or "" for result in results) == [f"PAGE {n} 0" for n in range(6)]
    assert all(result[-1] is None for result in results)


@pytest.mark.parametrize("page", ["pid", "loop"])
def test_the_process_dies_with_its_parent(page: str, tmp_path: Path) -> None:
    code = f"""
import sys, os
sys.path[:0] = {[str(Path(__file__).parent)]!r}
import pyarrow as pa
from cupel.corpus.extraction import extract_batch
from tests.corpus.odd_extractors import Odd
def go(page, seconds):
    return extract_batch(pa.record_batch({{"html": pa.array([page], pa.large_binary())}}), [Odd()], seconds)
print(go(b"pid", 0.5)[0][0][0].as_py(), flush=True)
go(b"{page}", 0.5) if "{page}" == "pid" else go(b"loop", 600)
import time; time.sleep(600)
"""
    if page == "loop":
        # The page that runs must be in the process that was named: same pool, same limit.
        code = (
            code.replace('go(b"pid", 0.5)', 'go(b"pid", 600)')
            .replace(", 600)[0]", ", 1)[0]")
            .replace(", 600)\n", ", 1)\n")
        )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_alive(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    # At the latest its own alarm ends it, five seconds behind the page's limit.
    while is_alive(child):
        time.sleep(0.05)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not (state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z")
