"""What milters may ask for, beyond the peer's vectors: positions out of range, bad parameters, folded headers, checks that bring in text."""

from types import SimpleNamespace

import pytest

from pyfix.cleanup import milterchecks
from pyfix.cleanup.edits import Edits
from pyfix.cleanup.milterchecks import MilterChecks
from pyfix.config import Config
from pyfix.maps import MapList
from pyfix.message import Recipient
from pyfix.model import NOTIFY_DELAY, NOTIFY_FAILURE, NOTIFY_NEVER, RET_FULL, RET_HEADERS

HEADERS = [b"Received: ours", b"A: 1", b"received: theirs", b"a: 2\n folded", b"B : 3"]


@pytest.fixture
def told():
    return []


@pytest.fixture
def edits(told):
    return Edits(b"s@x.y", [Recipient(b"u@x.y"), Recipient(b"expanded@x.y", b"list@x.y"), Recipient(b"other@x.y", b"list@x.y")], HEADERS, told.append)


def test_headers_are_counted_by_name_and_ours_is_hidden(edits):
    edits.change_header(1, b"Received", b"changed")
    edits.change_header(2, b"A", b"second")
    edits.delete_header(1, b"b")
    assert edits.headers == [b"Received: ours", b"A: 1", b"Received: changed", b"A: second"]
    edits.delete_header(2, b"received")
    edits.delete_header(7, b"A")
    assert len(edits.headers) == 4


def test_a_change_of_what_is_not_there_adds_it(edits):
    edits.change_header(3, b"A", b"3")
    edits.change_header(1, b"New", b"1\n 2")
    assert edits.headers[5:] == [b"A: 3", b"New: 1\n 2"]


def test_insertion_counts_every_header_and_stops_at_the_end(edits):
    edits.insert_header(1, b"X", b"first")
    edits.insert_header(99, b"X", b"last")
    assert edits.headers == [b"X: first", *HEADERS, b"X: last"]


def test_positions_below_one_are_told_and_change_nothing(edits, told):
    edits.insert_header(0, b"X", b"")
    edits.change_header(-1, b"A", b"")
    edits.delete_header(0, b"A")
    assert edits.headers == HEADERS and told == ["bad insert header index: 0", "bad update header index: -1", "bad delete header index: 0"]


def test_a_recipient_is_removed_by_what_it_was_before_expansion(edits):
    edits.delete_recipient(b"expanded@x.y")
    assert len(edits.recipients) == 3
    edits.delete_recipient(b"list@x.y")
    assert [one.address for one in edits.recipients] == [b"u@x.y"]
    edits.add_recipient(b"U@X.Y")
    assert len(edits.recipients) == 1, "there already"


@pytest.mark.parametrize("args, notify, orcpt, said", [
    (b"NOTIFY=failure,DELAY ORCPT=rfc822;a+2Bb", NOTIFY_FAILURE | NOTIFY_DELAY, b"rfc822;a+b", ""), (b"notify=NEVER", NOTIFY_NEVER, b"", ""),
    (b"NOTIFY=never,delay", 0, b"", "Bad NOTIFY parameter from Milter: never,delay"), (b"NOTIFY=", 0, b"", "Bad NOTIFY parameter from Milter: "),
    (b"ORCPT=rfc822", 0, b"", "Bad ORCPT parameter from Milter: rfc822"), (b"BY=1 X", 0, b"", "ignoring unsupported ESMTP parameter from Milter: by"),
])
def test_parameters_of_a_recipient(edits, told, args, notify, orcpt, said):
    edits.add_recipient(b"new@x.y", args)
    assert (edits.recipients[-1].address, edits.recipients[-1].notify, edits.recipients[-1].orcpt) == (b"new@x.y", notify, orcpt)
    assert told[:1] == ([said] if said else [])


def test_another_sender(edits, told):
    edits.change_sender(b"", b"RET=FULL ENVID=a+20b")
    assert (edits.sender, edits.ret, edits.envid) == (b"", RET_FULL, b"a b")
    edits.change_sender(b"t@x.y", b"RET=some ENVID=+zz")
    assert told == ["Bad RET parameter from Milter: some", "Bad ENVID parameter from Milter: +zz"] and edits.ret == RET_FULL
    edits.change_sender(b"t@x.y", b"ret=hdrs")
    assert edits.ret == RET_HEADERS


def test_a_body_in_pieces_and_an_empty_one(edits):
    assert edits.body is None
    edits.replace_body(b"one\r\n")
    edits.replace_body(b"two\r\n")
    assert edits.body == b"one\r\ntwo\r\n"
    edits.begin_body()
    assert edits.body == b""


def checked(monkeypatch, rules):
    monkeypatch.setattr(milterchecks, "addresses", lambda intake: b"from=<s> to=<r>")
    lines = []
    log = SimpleNamespace(info=lambda line: lines.append(line.decode()), warning=lines.append)
    intake = SimpleNamespace(queue_id=b"ID", actions=None, error="", reply=None,
                             origin=SimpleNamespace(described="c[1.2.3.4]", attributes={"protocol": "ESMTP", "helo": "h"}))
    checks = MilterChecks(MapList(f"regexp:{{{rules}}}", Config(".", {}), "milter_header_checks"), log, intake)
    return Edits(b"s", [], [b"A: 1"], lines.append, checks), intake, lines


def test_checks_may_prepend_replace_and_leave_out(monkeypatch):
    edits, _, lines = checked(monkeypatch, "{/^P:/ PREPEND Q: 0}, {/^R:/ REPLACE S: 1}, {/^I:/ IGNORE}, {/^W:/ WARN why}, {/^A:/ STRIP}")
    for name in (b"P", b"R", b"I", b"W"):
        edits.add_header(name, b"x" * 90)
    edits.change_header(1, b"A", b"gone")
    assert edits.headers == [b"Q: 0", b"P: " + b"x" * 90, b"S: 1", b"W: " + b"x" * 90]
    assert lines[2] == f"ID: milter-header-warning: header W: {'x' * 57} from c[1.2.3.4]; from=<s> to=<r> proto=ESMTP helo=<h>: why"


def test_a_refused_message_is_not_checked_any_more(monkeypatch):
    edits, intake, lines = checked(monkeypatch, "{/^R:/ REJECT 4.7.1 later}")
    edits.add_header(b"R", b"1")
    edits.add_header(b"R", b"2")
    assert intake.reply.code == 450 and intake.reply.dsn == "4.7.1" and len(lines) == 1 and len(edits.headers) == 3


def test_the_headers_of_a_message_that_is_thrown_away_stay(monkeypatch):
    edits, intake, _ = checked(monkeypatch, "{/^A:/ DISCARD}")
    edits.change_header(1, b"A", b"2")
    assert edits.headers == [b"A: 1"] and intake.actions["discard"]


def test_a_failing_table_refuses_for_now(monkeypatch):
    edits, intake, lines = checked(monkeypatch, "{/x/ OK}")
    edits._checks.table = MapList("fail:1", Config(".", {}), "milter_header_checks")
    edits.add_header(b"X", b"1")
    assert intake.reply.code == 451 and "milter_header_checks map lookup problem" in lines[-1]
