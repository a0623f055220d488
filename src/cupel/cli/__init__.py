"""The command line: one thin file per command; each is found by being there."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Entry point of `cupel`. Exit status: 0 done, 1 an error said in one line, 2 wrong usage, 130 stopped."""
    from cupel.cli._app import app
    from cupel.cli._console import err, fail
    from cupel.errors import CupelError, Stopped

    try:
        app()
    except Stopped as stopped:
        err.print(str(stopped))
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)  # Daft's threads do not survive an orderly end of the interpreter
    except CupelError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("stopped", status=130)
    except BrokenPipeError:  # `cupel ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
