"""The books of a storm see each kind of fault: a test of the test."""

import random

import pytest

from tests.kit.ledger import ACK, NAK, UNKNOWN, WINDOW, Copy, Kill, Ledger

RECEIVED = b"Received: from x by y\r\n\twith ESMTP; now\r\n"


@pytest.fixture
def books():
    """A ledger with one acknowledged message of one recipient, delivered; and that message."""
    ledger = Ledger()
    message = next(made for number in range(99) if (made := ledger.message(number, random.Random(number))).recipients[0][:2] == b"ok"
                   and len(made.recipients) == 1)
    ledger.sent, ledger.state = {message.id: message}, {message.id: ACK}
    ledger.take(message.sender, message.recipients, RECEIVED + message.content)
    assert not ledger.faults()
    return ledger, message


def fault(ledger):
    return {line.partition(":")[0] for line in ledger.faults()}


def test_lost(books):
    ledger, _ = books
    ledger.copies.clear()
    assert fault(ledger) == {"lost"}


def test_partial_and_mixed(books):
    ledger, message = books
    ledger.copies.clear()
    ledger.take(message.sender, message.recipients, RECEIVED + message.content[:-5])
    assert fault(ledger) == {"partial"}


def test_a_line_slipped_into_the_header(books):
    ledger, message = books
    assert not ledger.is_whole(message.id, message.sender, RECEIVED + b"X-Other: y\r\n" + message.content)
    assert not ledger.is_whole(message.id, b"else@example.org", RECEIVED + message.content)


@pytest.mark.parametrize("state", [NAK, "NEVER"])
def test_ghost(books, state):
    ledger, message = books
    ledger.state[message.id] = state
    assert fault(ledger) == {"ghost"}


def test_half_of_an_unknown(books):
    ledger, message = books
    ledger.sent[message.id] = message._replace(recipients=[*message.recipients, b"ok.%b.9@r.example" % message.id])
    ledger.state[message.id] = UNKNOWN
    assert fault(ledger) == {"half of an unknown"}


def test_duplicates_are_excused_by_a_kill_only(books):
    ledger, message = books
    first = ledger.copies[0]
    ledger.copies.append(Copy(first.time + 3, first.id, first.recipient, True))
    assert fault(ledger) == {"duplicate outside the window"}
    ledger.kills.append(Kill(first.time + WINDOW / 2, "smtpd"))
    assert fault(ledger) == {"duplicate outside the window"}
    ledger.kills.append(Kill(first.time + WINDOW / 2, "qmgr"))
    assert not ledger.faults() and len(ledger.duplicates()) == 1


def test_delivered_and_bounced(books):
    ledger, message = books
    ledger.take(b"", [message.sender], b"Final-Recipient: rfc822; %b\r\nAction: failed\r\n" % message.recipients[0])
    assert fault(ledger) == {"delivered and bounced"}


def test_revived(books):
    ledger, message = books
    ledger.deleted[message.id] = 0.0
    ledger.offer(message.recipients[0])
    assert any(line.startswith("offered") for line in ledger.faults())
