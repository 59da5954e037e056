"""postdrop, the C program: what it stores, and what it does not let happen."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pyfix.ipc.submission import Submission, Submitted, encode, record

POSTDROP = Path(sys.executable).with_name("postdrop")
GOOD = b"".join(encode(Submission(b"me@x", {"fullname": "N"}, [Submitted(b"a@b"), Submitted(b"c@d")]), b"Subject: x\n\nhi\n"))

pytestmark = pytest.mark.skipif(not POSTDROP.exists(), reason="postdrop is not built")


@pytest.fixture
def spool(tmp_path):
    (tmp_path / "spool" / "maildrop").mkdir(parents=True)
    (tmp_path / "spool" / "public").mkdir()
    (tmp_path / "main.cf").write_text(f"# c\nmessage_size_limit = 100000\nqueue_directory =\n   {tmp_path}/spool\n")
    return tmp_path


def drop(spool, data=GOOD, **options):
    return subprocess.run([POSTDROP, "-c", spool], input=data, capture_output=True, timeout=20, **options)


def files(spool):
    return sorted((spool / "spool" / "maildrop").iterdir())


def test_a_message_is_stored_as_it_came(spool):
    done = drop(spool)
    assert (done.returncode, done.stderr) == (0, b"")
    [file] = files(spool)
    assert file.read_bytes() == GOOD
    assert stat.S_IMODE(file.stat().st_mode) == 0o744 and file.stat().st_nlink == 1


@pytest.mark.parametrize("instead", ["nothing", "a file"])
def test_a_maildrop_that_is_not_there_is_waited_for(spool, instead):
    """As Postfix does it: a warning, and another attempt ten seconds later; a signal ends the wait, and nothing is left."""
    maildrop = spool / "spool" / "maildrop"
    maildrop.rmdir()
    if instead == "a file":
        maildrop.touch()
    process = subprocess.Popen([POSTDROP, "-c", spool], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    warned = process.stderr.readline()
    assert warned.startswith(b"postdrop: warning: mail_queue_enter: create file maildrop/")
    assert warned.endswith(b": Not a directory\n" if instead == "a file" else b": No such file or directory\n")
    assert process.poll() is None
    if instead == "a file":
        process.terminate()
        assert process.wait(10) == signal.SIGTERM and maildrop.is_file()
    else:
        maildrop.mkdir()
        assert process.communicate(GOOD, timeout=20)[1] == b"" and process.returncode == 0
        assert [file.read_bytes() for file in files(spool)] == [GOOD]


def test_without_a_queue_directory_it_ends(spool):
    (spool / "spool").rename(spool / "moved")
    done = drop(spool)
    assert done.returncode == 1 and done.stderr == b"postdrop: fatal: chdir %b/spool: No such file or directory\n" % os.fsencode(spool)


BAD = {
    "empty": b"", "cut in a head": GOOD[:-3], "cut in data": GOOD[:30], "no end": GOOD[:-5], "more behind": GOOD + b"x",
    "type 0": b"\0\0\0\0\0", "unknown type": b"Z\0\0\0\0", "huge length": b"S\xff\xff\xff\xff",
    "over the limit": record(b"S", b"x" * 5000), "no recipients": record(b"S") + record(b"M") + record(b"E"),
    "two senders": record(b"S") + record(b"S"), "newline": record(b"S", b"a\nb"), "nul": record(b"S", b"a\0b"),
    "content first": record(b"L", b"x"), "recipient in content": record(b"S") + record(b"R", b"a") + record(b"M") + record(b"R", b"b"),
    "long chunk": record(b"S") + record(b"R", b"a") + record(b"M") + b"L" + (65537).to_bytes(4, "big") + b"x" * 65537,
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_bad_input_leaves_nothing(spool, data):
    done = drop(spool, data)
    assert done.returncode == 1 and done.stderr.startswith(b"postdrop: fatal: ")
    assert files(spool) == []


def test_a_big_message_is_refused(spool):
    data = b"".join(encode(Submission(b"", {}, [Submitted(b"a@b")]), b"x" * 100001))
    done = drop(spool, data)
    assert (done.returncode, done.stderr) == (69, b"postdrop: fatal: message file too big\n")
    assert files(spool) == []


def test_a_file_size_limit_leaves_nothing(spool):
    import resource
    data = b"".join(encode(Submission(b"", {}, [Submitted(b"a@b")]), b"x" * 50000))
    done = drop(spool, data, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024)))
    assert done.returncode == 69 and files(spool) == []


@pytest.mark.parametrize("limit", [3, 4, 5])
def test_few_descriptors_store_all_or_nothing(spool, limit):
    import resource
    done = drop(spool, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    assert len(files(spool)) == (done.returncode == 0)


def test_ignored_and_blocked_signals_do_not_matter(spool):
    def nasty():
        for number in (signal.SIGALRM, signal.SIGXFSZ, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    assert drop(spool, preexec_fn=nasty).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM])
def test_a_signal_in_the_middle_leaves_nothing(spool, number):
    with subprocess.Popen([POSTDROP, "-c", spool], stdin=subprocess.PIPE) as process:
        process.stdin.write(GOOD[:40])
        process.stdin.flush()
        deadline = time.monotonic() + 10
        while not files(spool) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(files(spool)) == 1 and not files(spool)[0].stat().st_mode & stat.S_IXUSR
        process.send_signal(number)
        assert process.wait(10) == number
    assert files(spool) == []


@pytest.mark.parametrize("closed", [(0,), (1, 2), (0, 1, 2)])
def test_closed_descriptors_never_become_the_file(spool, closed):
    code = f"import os\nfor fd in {closed!r}: os.close(fd)\nos.execv({str(POSTDROP)!r}, ['postdrop', '-c', {str(spool)!r}])"
    done = subprocess.run([sys.executable, "-c", code], input=GOOD, capture_output=True)
    if 0 in closed:
        assert done.returncode == 1 and files(spool) == []
    else:
        assert done.returncode == 0 and files(spool)[0].read_bytes() == GOOD


def test_hostile_environment_is_ignored(spool):
    done = drop(spool, env={"TZ": "/etc/passwd", "LD_PRELOAD": "", "PYTHONPATH": "/x", "IFS": "x", "MAIL_CONFIG": "/nonexistent"})
    assert done.returncode == 0


@pytest.mark.parametrize("line", ["queue_directory = $config_directory/spool", "queue_directory = spool", "message_size_limit = big"])
def test_values_that_it_can_not_read_are_refused(spool, line):
    (spool / "main.cf").write_text(line + "\n")
    done = drop(spool)
    assert done.returncode == 1 and b"main.cf" in done.stderr


@pytest.mark.parametrize("words", [["-x"], ["-c", "/nonexistent"], ["-c"]])
def test_trouble_is_status_1(words):
    """As Postfix's: 1 for whatever is wrong with its options, its configuration or its input."""
    assert subprocess.run([POSTDROP, *words], capture_output=True, input=b"").returncode == 1


def test_other_arguments_are_not_looked_at(spool):
    assert subprocess.run([POSTDROP, "-c", spool, "file"], capture_output=True, input=GOOD).returncode == 0 and len(files(spool)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a setgid program")
def test_setgid_refuses_a_directory_that_main_cf_does_not_name(spool):
    program = spool / "postdrop"
    program.write_bytes(POSTDROP.read_bytes())
    os.chown(program, 0, 12345)
    program.chmod(0o2755)
    for path in (spool, spool.parent, spool.parent.parent):
        path.chmod(0o755)
    done = subprocess.run([program, "-c", spool], input=GOOD, capture_output=True, user=65534, group=65534, extra_groups=[])
    assert done.returncode == 1 and b"is not listed in" in done.stderr
    assert files(spool) == []


def test_it_stays_small():
    source = Path(__file__).parents[2] / "ext" / "postdrop" / "postdrop.c"
    assert len(source.read_text().splitlines()) <= 400
