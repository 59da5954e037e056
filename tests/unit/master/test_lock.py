"""The lock of master: one at a time, gone with its process, readable for people."""

import os
import subprocess
import sys

import pytest

from pyfix.master import lock


def test_a_second_one_is_told_who_has_it(tmp_path):
    path = str(tmp_path / "master.pid")
    assert lock.running(path) == 0
    fd = lock.acquire(path)
    assert lock.running(path) == os.getpid()
    assert (tmp_path / "master.pid").read_text() == f"{os.getpid():>32}\n"
    with pytest.raises(lock.AlreadyRunning) as error:
        lock.acquire(path)
    assert error.value.pid == os.getpid()
    os.close(fd)
    assert lock.running(path) == 0


def test_the_lock_dies_with_its_process(tmp_path):
    path = str(tmp_path / "master.pid")
    code = f"import os\nfrom pyfix.master import lock\nlock.acquire({path!r})\nprint('held', flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        assert lock.running(path) == process.pid
        process.kill()
    assert lock.running(path) == 0
    os.close(lock.acquire(path))


@pytest.mark.parametrize("text, pid", [(b"", 0), (b"  12 \n", 12), (b"-3\n", 0), (b"9" * 40, 0), (b"\xb2\n", 0), (b"12 34", 0)])
def test_the_file_may_hold_anything(tmp_path, text, pid):
    (tmp_path / "master.pid").write_bytes(text)
    assert lock.read_pid(str(tmp_path / "master.pid")) == pid


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_text("precious")
    (tmp_path / "master.pid").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        lock.acquire(str(tmp_path / "master.pid"))
    assert (tmp_path / "elsewhere").read_text() == "precious"
