"""What ps(1) shows of a process after it has named itself."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
from pyfix import title
title.set_command_line([b"new", b"words", b"x" * int(sys.argv[1])])
title.set_name(b"short-name-and-more")
sys.stdout.buffer.write(open("/proc/self/cmdline", "rb").read() + b"|" + open("/proc/self/comm", "rb").read())
sys.stdout.buffer.write(open("/proc/self/environ", "rb").read())
"""


@pytest.mark.parametrize("length", [0, 5, 100_000])
def test_the_title_is_cut_to_the_room_and_harms_nothing_behind_it(length):
    done = subprocess.run([sys.executable, "-I", "-c", SCRIPT, str(length), "-" * 100], capture_output=True, check=True,
                          env={**os.environ, "KEPT": "kept"})
    line, _, rest = done.stdout.partition(b"|")
    name, _, environment = rest.partition(b"\n")
    assert line.startswith(b"new\0words\0" + b"x" * min(length, 50)) and line.endswith(b"\0")
    assert line.rstrip(b"\0")[10:] == b"x" * min(length, len(line) - 11)
    assert name == b"short-name-and-" and b"KEPT=kept" in environment.split(b"\0")
