"""How a process of the bench ends with it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ON_WINDOWS = """
import os, signal, sys, time

# Windows has no pthread_kill, and its os.kill ends the process with the number as exit code.
del signal.pthread_kill
os.kill = lambda pid, number: os._exit(number)

from crossmodal_hash.bench.process import guarded, stop_with_the_bench, tell

def work():
    stop_with_the_bench()
    tell(doing="work")
    for _ in range(600):
        time.sleep(0.05)

sys.exit(guarded(work))
"""


def test_the_end_of_standard_input_is_ctrl_c_where_no_signal_can_be_sent():
    process = subprocess.Popen(
        [sys.executable, "-c", ON_WINDOWS],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert b"work" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(60) == 130
