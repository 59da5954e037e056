"""A command's start is mostly imports: those that programs call often load no event loop and nothing else of weight."""

import subprocess
import sys

import pytest

HEAVY = ("asyncio", "uvloop", "ssl", "dns", "subprocess", "inspect", "dataclasses", "pathlib", "logging", "json", "email")


@pytest.mark.parametrize("name", ["sendmail", "postqueue", "mailq", "postconf", "postmap", "postcat", "postlog"])
def test_a_command_loads_nothing_of_weight(name):
    script = f"import sys, pyfix.commands.{name}; print(*[one for one in {HEAVY!r} if one in sys.modules])"
    site = [one for one in sys.path if one]
    done = subprocess.run([sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:] = {site!r}; {script}"],
                          capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
