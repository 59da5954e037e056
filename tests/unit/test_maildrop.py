"""maildrop against hostile files: links, garbage, swaps, what is half done; and what becomes of each answer."""

import asyncio
import os
import time
from types import SimpleNamespace

import pytest

from pyfix.ipc.submission import Decoder, Submission, Submitted, encode
from pyfix.model import Reply
from pyfix.pickup import maildrop as module
from pyfix.pickup.maildrop import STALE, Maildrop, Unusable, open_safely

GOOD = b"".join(encode(Submission(b"me@x", {}, [Submitted(b"a@b")]), b"Subject: x\n\nhi\n"))


class Receiver:
    """Takes records as the real one does, and answers what the test says."""

    answer, got = Reply(250, "2.0.0", "Ok"), []

    def __init__(self, stage, log, uid, limit, returns=False):
        self.decoder, self.content = Decoder(), b""
        self.reply = asyncio.get_running_loop().create_future()

    def take(self, kind, data):
        self.content += self.decoder.take(kind, data)
        if kind == b"E":
            type(self).got.append(self.content)
            self.reply.set_result(self.answer)

    def abort(self):
        """Nothing is held."""


@pytest.fixture
def spool(tmp_path, monkeypatch):
    for name in ("maildrop", "corrupt"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "Receiver", Receiver)
    Receiver.answer, Receiver.got = Reply(250, "2.0.0", "Ok"), []
    return tmp_path


def look(admitted=True, times=1):
    """Look into maildrop; what was logged."""
    said = []

    async def admit(user):
        return admitted

    async def run():
        log = SimpleNamespace(warning=said.append, error=said.append, info=said.append)
        drop = Maildrop(SimpleNamespace(log=log, spawn=asyncio.get_running_loop().create_task), None, admit)
        for _ in range(times):
            await drop.look()
        os.close(drop.directory)
    asyncio.run(run())
    return said


def put(spool, name, data=GOOD, mode=0o744):
    path = spool / "maildrop" / name
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_a_whole_file_is_taken_in_and_goes(spool):
    put(spool, "A")
    assert look() == [] and Receiver.got == [b"Subject: x\n\nhi\n"] and not os.listdir("maildrop")


@pytest.mark.parametrize("data", [b"", GOOD[:-1], GOOD[:-5], GOOD[:7], GOOD + b"x", b"garbage" * 99, b"S\xff\xff\xff\xff", bytes(5),
                                  GOOD + GOOD], ids=repr)
def test_garbage_is_set_aside_and_the_next_one_served(spool, data):
    put(spool, "A", data)
    put(spool, "B")
    said = look()
    assert os.listdir("maildrop") == [] and os.listdir("corrupt") == ["A"] and (spool / "corrupt" / "A").read_bytes() == data
    assert len(said) == 1 and "maildrop/A: " in said[0] and Receiver.got[-1:] == [b"Subject: x\n\nhi\n"]


def hard_link(spool):
    os.link(put(spool, "victim").rename(spool / "victim"), "maildrop/A")


def symbolic_link(spool):
    put(spool, "victim").rename(spool / "victim")
    os.symlink("../victim", "maildrop/A")


def directory(spool):
    os.mkdir("maildrop/A")


def fifo(spool):
    os.mkfifo("maildrop/A", 0o744)


@pytest.mark.parametrize("make", [hard_link, symbolic_link, directory, fifo], ids=lambda make: make.__name__)
def test_what_is_no_plain_file_is_left_alone_and_told_once(spool, make):
    make(spool)
    said = look(times=2)
    assert len(said) == 1 and "it is left alone" in said[0] and os.path.lexists("maildrop/A") and Receiver.got == []


def test_the_look_and_the_read_are_of_the_same_file(spool):
    """A name that changes between: what was opened is what was looked at."""
    put(spool, "A")
    directory = os.open("maildrop", os.O_RDONLY)
    fd, status = open_safely("A", directory)
    put(spool, "B", b"other").rename(spool / "maildrop" / "A")
    assert os.fstat(fd).st_ino == status.st_ino and os.read(fd, 9999) == GOOD
    os.unlink("maildrop/A")
    os.symlink("/etc/passwd", "maildrop/A")
    with pytest.raises(Unusable):
        open_safely("A", directory)
    os.close(fd)
    os.close(directory)


def test_an_unfinished_file_waits_and_is_given_up_after_a_day(spool):
    path = put(spool, "A", GOOD[:20], 0o600)
    assert look() == [] and path.exists()
    old = time.time() - STALE - 10
    os.utime(path, (old, old))
    assert look() == ["maildrop/A: never completed, removed"] and not path.exists()


@pytest.mark.parametrize("code, where", [(250, []), (451, ["A"]), (554, [])])
def test_only_a_final_answer_takes_a_file_away(spool, code, where):
    Receiver.answer = Reply(code, f"{code // 100}.3.0", "text")
    put(spool, "A")
    said = look()
    assert os.listdir("maildrop") == where and os.listdir("corrupt") == (["A"] if code == 554 else [])
    assert bool(said) == (code != 250)


def test_a_user_who_may_not(spool):
    put(spool, "A")
    [said] = look(admitted=False)
    assert "is not allowed to submit mail" in said and Receiver.got == [] and not os.listdir("maildrop")


def test_many_files_are_all_taken(spool):
    for number in range(60):
        put(spool, f"{number:03}")
    assert look() == [] and len(Receiver.got) == 60 and not os.listdir("maildrop")
