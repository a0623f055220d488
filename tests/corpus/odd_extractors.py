"""Extractors that misbehave, for the tests of the extraction processes."""

from __future__ import annotations

import os
import re
import sys

from cupel.contract import Extractor


class Odd(Extractor):
    """Does what the page says."""

    name = "odd"

    def extract(self, html: str) -> str:
        if "loop" in html:
            while True:
                pass
        if "compiled" in html:
            # Backtracks in compiled code, which holds the interpreter all the while.
            re.match(r"(a+)+$", "a" * 64 + "b")
        if "abort" in html:
            os.abort()
        if "exit" in html:
            os._exit(3)
        if "raise" in html:
            raise ValueError("a bad page")
        if "print" in html:
            print("noise", flush=True)
            sys.stdout.write("noise")
        if "pid" in html:
            return str(os.getpid())
        return html.upper()
