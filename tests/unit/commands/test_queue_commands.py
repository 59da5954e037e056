"""postqueue, postsuper and postcat with qmgr down, their usage, and what they make of bad input."""

import importlib
import io
import os
import pwd
import subprocess
import sys
import time

import pytest

from pyfix.bounce.submit import notice
from pyfix.commands import postcat, postqueue
from pyfix.config import Config
from pyfix.commands.common import Failure
from pyfix.commands.records import Damaged, read, records
from pyfix.model import Envelope, Recipient
from pyfix.queue.envelope import pack
from pyfix.queue.store import Store
from pyfix.queue.writer import Writer


@pytest.fixture
def spool(tmp_path):
    """A queue with one deferred and one held message; (directory, their ids)."""
    (tmp_path / "q" / "log").mkdir(parents=True)
    (tmp_path / "main.cf").write_text(f"queue_directory = {tmp_path}/q\nmyhostname = h.example\n"
                                      f"mail_owner = {pwd.getpwuid(os.getuid()).pw_name}\n"
                                      f"maillog_file = {tmp_path}/log\nmaillog_file_prefixes = /\n")
    store, groups = Store(str(tmp_path / "q" / "log")), []
    store.recover()
    writer = Writer(str(tmp_path / "q" / "log"), "test.0", None, groups.extend)
    for sender in (b"s@example.org", b""):
        envelope = Envelope(writer.new_id(), time.time_ns() // 1000, sender, size=7, recipients=[
            Recipient(b"a@example.com", transport="smtp", nexthop="example.com"),
            Recipient(b"b@example.com", transport="smtp", nexthop="example.com")])
        writer.commit(pack(envelope), b"X: y\r\n\r\n", envelope)
    while len(groups) < 2:
        time.sleep(0.01)
        writer.ready()
    slots = [store.admit(notice(token, place)) for token, place, _ in groups]
    store.defer(slots[0], time.time_ns() // 1000 + 10**9, [(0, "4.4.1", "host said: no"), (1, "4.4.1", "host said: no")])
    store.hold(slots[1])
    ids = [store.queue_id(slot).decode() for slot in slots]
    writer.close()
    store.close()
    return tmp_path, ids


def command(name, spool, *arguments, **more):
    return subprocess.run([sys.executable, "-m", f"pyfix.commands.{name}", "-c", str(spool), *arguments],
                          capture_output=True, text=True, timeout=30, check=False, **more)


def test_listing_and_changing_while_qmgr_is_down(spool):
    path, (deferred, held) = spool
    done = command("postqueue", path, "-p")
    assert done.returncode == 0 and "Mail system is down -- accessing queue directly" in done.stderr
    lines = done.stdout.splitlines()
    assert lines[1].startswith(f"{deferred:<11} ") and lines[1].endswith("  s@example.org")
    assert lines[2:6] == ["(host said: no)".rjust(78), " " * 41 + "a@example.com", " " * 41 + "b@example.com", ""]
    assert lines[6].startswith(held + "!") and lines[6].endswith("  MAILER-DAEMON")
    assert lines[-1] == "-- 0 Kbytes in 2 Requests."
    done = command("postsuper", path, "-H", held, "-d", deferred, "-d", "NOSUCHID", "-d", "../x")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "postsuper: warning: invalid mail queue id: ../x", f"postsuper: {deferred}: removed", "postsuper: Deleted: 1 message",
        f"postsuper: {held}: released from hold", "postsuper: Released from hold: 1 message"]
    assert '"queue_name": "deferred"' in command("postqueue", path, "-j").stdout
    shown = command("postcat", path, "-bh", "-q", held)
    assert shown.stdout == "X: y\n\n"
    done = command("postsuper", path, "-d", "-", input=held + "\n")
    assert done.stderr.splitlines()[-1] == "postsuper: Deleted: 1 message"
    assert command("postqueue", path, "-p").stdout == "Mail queue is empty\n"
    log = (path / "log").read_text()
    assert f": {held}: removed" in log and "postfix/postsuper[" in log


@pytest.mark.parametrize("name, arguments, status, says", [
    ("postqueue", [], 69, "postqueue: fatal: usage: postqueue -f | "), ("postqueue", ["-p", "-f"], 69, "usage"),
    ("postqueue", ["-x"], 69, "postqueue: invalid option -- 'x'"),
    ("postqueue", ["-f"], 69, "postqueue: fatal: Cannot flush mail queue - mail system is down"),
    ("postqueue", ["-i", "ABC"], 69, "mail system is down"), ("postqueue", ["-s", "a b"], 69, "invalid destination"),
    ("postsuper", ["-x"], 1, "postsuper: fatal: usage: postsuper "),
    ("postsuper", ["-d", "ALL", "nosuchq"], 1, "postsuper: fatal: invalid directory name: nosuchq"),
    ("postcat", ["-q", "NOSUCH"], 1, "postcat: fatal: open queue file NOSUCH: No such file or directory"),
    ("postcat", ["-q", "../x"], 1, "postcat: fatal: bad mail queue ID: ../x"),
    ("postcat", ["/nonexistent"], 1, "postcat: fatal: open /nonexistent: No such file or directory")])
def test_failures(tmp_path, name, arguments, status, says, capfd, monkeypatch):
    """Run in this process: the store is only opened for what passes all checks."""
    (tmp_path / "q" / "log").mkdir(parents=True)
    (tmp_path / "main.cf").write_text(f"queue_directory = {tmp_path}/q\nmyhostname = h.example\nmaillog_file = {tmp_path}/log\n"
                                      f"mail_owner = {pwd.getpwuid(os.getuid()).pw_name}\n")
    monkeypatch.setattr(sys, "argv", [name, "-c", str(tmp_path), *arguments])
    assert importlib.import_module(f"pyfix.commands.{name}").main() == status
    out, error = capfd.readouterr()
    assert says in error and out == ""


@pytest.mark.parametrize("data", [b"", b"x\n", b"C\xff\xff\xff\xff\xff\xff", b"N\x05hel", b"C\x00" * 3, b"C\x00p\x05    0"])
def test_postcat_of_what_is_no_queue_file(data, capsys):
    out = io.BytesIO()
    assert postcat.run(["-e"], io.BytesIO(data), out) == 0
    assert b"regular" not in out.getvalue()


def test_records_end_or_are_damaged():
    assert [record.type for record in records(b"C\x01aN\x00E\x00")] == ["C", "N", "E"]
    assert read(b"", 0) is None
    with pytest.raises(Damaged):
        list(records(b"p\x0f" + b"0".rjust(15).replace(b"0", b"1") + b"N\x00" * 2 + b"p\x011"))


def test_long_queue_ids_and_empty(capsys):
    out = io.StringIO()
    postqueue.printed([["active", b"4X3vqF3bwhz5Yqq", 1_600_000_000, 300_000, False, b"s@x", [[b"a@y", ""]]]], True, out)
    heading, line, recipient, _, total = out.getvalue().splitlines()
    assert heading == "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------"
    assert recipient == " " * 47 + "a@y"
    assert line.startswith("4X3vqF3bwhz5Yqq*    300000 ") and total == "-- 292 Kbytes in 1 Request."


@pytest.mark.parametrize("name", ["", "a b", "a;b", "[", "x" * 10 + "\n", "@b.example", "-x", "1.2.3.4", "[1.2.3]", "[::1]"])
def test_bad_sites(tmp_path, name):
    (tmp_path / "main.cf").write_text("fast_flush_domains = static:all\n")
    with pytest.raises(Failure, match="invalid destination"):
        postqueue.site(Config.load(str(tmp_path)), name)


def test_only_fast_flush_domains_are_flushed_by_name(tmp_path):
    (tmp_path / "main.cf").write_text("relay_domains = b.example, [192.0.2.1]\n")
    config = Config.load(str(tmp_path))
    for name in ("b.example", "Sub.B.example", "[192.0.2.1]"):
        assert postqueue.site(config, name) == name
    with pytest.raises(Failure, match='^Flush service is not configured for destination "a.example"$'):
        postqueue.site(config, "a.example")


@pytest.mark.parametrize("name", ["", "../x", "A B", "A\u0663"])
def test_bad_queue_ids(name):
    with pytest.raises(Failure, match="^Cannot flush queue ID - invalid name: "):
        postqueue.queue_id(name)


def test_the_shape_of_a_queue_while_qmgr_is_down(spool):
    path, _ = spool
    head, total, row = command("qshape", path, "-b", "2", "deferred").stdout.splitlines()
    assert head.split() == ["T", "5", "5+"] and total.split() == ["TOTAL", "2", "2", "0"]
    assert row == "example.com  2  2  0".rjust(80)
    assert command("qshape", path, "-s", "hold").stdout.splitlines()[2].split()[:3] == ["MAILER-DAEMON", "1", "1"]
    done = command("qshape", path, "nosuch", f"{path}/q/hold")
    assert done.returncode == 0 and "qshape: warning: nosuch: no such queue here" in done.stderr
    assert done.stdout.splitlines()[1].split()[:2] == ["TOTAL", "2"]
    assert command("qshape", path, "-b", "x").returncode == command("qshape", path, "-Z").returncode == 255


def test_a_mailbox_is_locked_while_the_command_runs(tmp_path):
    (tmp_path / "main.cf").write_text("deliver_lock_attempts = 1\nstale_lock_time = 2\n")
    box = tmp_path / "box"
    done = command("postlock", tmp_path, str(box), "ls", str(tmp_path))
    assert done.stdout.split() == ["box", "box.lock", "main.cf"] and done.returncode == 0
    assert not (tmp_path / "box.lock").exists()
    lock = tmp_path / "box.lock"
    lock.touch()
    assert command("postlock", tmp_path, "-l", "dotlock", str(box), "true").returncode == 75
    time.sleep(2.1)
    assert command("postlock", tmp_path, "-l", "dotlock", str(box), "sh", "-c", "exit 7").returncode == 7
    assert not lock.exists()


def test_a_kick_for_nobody(tmp_path):
    (tmp_path / "main.cf").write_text(f"queue_directory = {tmp_path}\n")
    done = command("postkick", tmp_path, "public", "pickup", "W")
    assert done.returncode == 1 and done.stderr.splitlines() == [
        "postkick: warning: unable to look up public/pickup: No such file or directory",
        "postkick: warning: Cannot contact class public service pickup - perhaps the mail system is down"]
