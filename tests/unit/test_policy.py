"""The scheduling policy of services (sched(7)), in processes of their own."""

import os
import subprocess
import sys

import pytest

CODE = "import os; from pyfix.service import work_in_batches; work_in_batches(); print(os.sched_getscheduler(0))"


def policy(preexec_fn=None):
    return int(subprocess.run([sys.executable, "-c", CODE], capture_output=True, check=True, preexec_fn=preexec_fn).stdout)


def test_services_work_in_batches():
    assert policy() == os.SCHED_BATCH


@pytest.mark.parametrize("chosen", [os.SCHED_IDLE, os.SCHED_BATCH])
def test_what_an_administrator_has_chosen_stays(chosen):
    assert policy(lambda: os.sched_setscheduler(0, chosen, os.sched_param(0))) == chosen
