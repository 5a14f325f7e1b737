"""How a process of the bench communicates with the bench, and stops with it.

Standard output is one JSON object per line: the progress. Standard error ends with the reason of a failure. When
standard input ends, the bench has stopped or wants to stop: training saves its state and ends, as on Ctrl-C.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

from crossmodal_hash.errors import ChashError


def tell(**said: Any) -> None:
    """Write one line to the bench."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def stop_with_the_bench() -> None:
    """Act as if Ctrl-C were pressed when standard input ends."""
    # A shell that starts a bench in the background has Ctrl-C ignored, and processes inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def wait() -> None:
        # Not sys.stdin, whose lock a thread would still hold when the interpreter ends.
        while os.read(0, 1024):
            pass
        _press_ctrl_c()

    threading.Thread(target=wait, daemon=True).start()


def _press_ctrl_c() -> None:
    """Interrupt the main thread, also where it waits for the system."""
    main = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main is not None:
        signal.pthread_kill(main, signal.SIGINT)
    else:
        # Windows, where os.kill ends the process at once and nothing is saved.
        signal.raise_signal(signal.SIGINT)


def guarded(work: Callable[[], object]) -> int:
    """Run some work; the last line of standard error says what went wrong."""
    try:
        work()
    except KeyboardInterrupt:
        return 130
    except ChashError as error:
        sys.stderr.write("; ".join([str(error), *getattr(error, "__notes__", ())]) + "\n")
        return error.exit_code
    except Exception as error:
        traceback.print_exception(error)
        return 101
    return 0
