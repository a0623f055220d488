"""The command line: one thin file per command; each is found by being there."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> None:
    """Entry point of `cupel`.

    Exit status: 0 done, 1 an error said in one line, 2 wrong usage, 3 a run that ended and kept no document; 130
    stopped with Ctrl-C, 143 with SIGTERM, as shells have it: 128 and the number of the signal.
    """
    received: list[int] = []

    def stop(number: int, _: object) -> NoReturn:
        received.append(number)
        raise KeyboardInterrupt

    for number, default in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
        if signal.getsignal(number) == default:  # a signal that is ignored stays ignored
            signal.signal(number, stop)
    try:
        _carry_out()
    except BaseException as error:
        if not received:
            raise
        # Compiled modules make errors of their own of an interrupt that meets them while they are imported.
        message = str(error) if isinstance(error, KeyboardInterrupt) else ""
        _end(message or "stopped", 128 + received[0])


def _carry_out() -> None:
    from cupel.cli._console import PipeClosed, fail
    from cupel.errors import CupelError, Stopped, system_refusal

    try:
        from cupel.cli._app import app

        app()
        sys.stdout.flush()
    except Stopped as stopped:
        raise KeyboardInterrupt(str(stopped)) from None
    except CupelError as error:
        fail(str(error))
    except (BrokenPipeError, PipeClosed):  # `cupel ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of a library written in Rust is no Exception
        refusal = system_refusal(error)
        if refusal is None:
            raise
        named = getattr(error, "filename", None)
        _end(f"error: {named}: {refusal}" if named else f"error: {refusal}", 1)


def _end(message: str, status: int) -> NoReturn:
    """Say one line and end at once: the threads of Daft do not survive an orderly end of the interpreter."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        sys.stdout.flush()
        print(message, file=sys.stderr, flush=True)
    finally:  # whether or not anybody reads
        os._exit(status)
