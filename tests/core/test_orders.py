"""All orders of two and three verbs, fresh and inside a transaction, against the reference automaton; any cut alike."""

import itertools

import pytest

from tests.kit.core_client import Client
from tests.oracle.server import CONTENT, LINES, VERBS, run

LIMITS = {"forbid_pipelining": False, "hard_errors": 1000, "soft_errors": 1000, "junk": 1000}


def codes(client, verbs):
    """The codes that the core answers."""
    replies = b""
    for verb in verbs:
        reply = client.send(LINES[verb])
        if reply.startswith(b"354"):
            reply += client.send(CONTENT)
        replies += reply
    return [int(line[:3]) for line in replies.split(b"\r\n")[:-1]]


@pytest.mark.parametrize("before", [(), ("EHLO", "MAIL"), ("EHLO", "MAIL", "RCPT"), ("EHLO", "MAIL", "RCPT", "BDAT")])
def test_all_orders_of_two_and_three_verbs(before):
    for length in (2, 3):
        for verbs in itertools.product(VERBS, repeat=length):
            sequence = (*before, *verbs)
            assert codes(Client(**LIMITS), sequence) == run(sequence), sequence


@pytest.mark.parametrize("first", VERBS)
def test_orders_in_one_piece_or_byte_by_byte(first):
    for verbs in itertools.product(VERBS, repeat=2):
        stream = b"".join(LINES[v] for v in ("EHLO", "MAIL", "RCPT", first, *verbs) if v != "DATA")
        whole, split = Client(**LIMITS), Client(**LIMITS)
        assert whole.send(stream) == b"".join(split.send(stream[i:i + 1]) for i in range(len(stream))), verbs
        assert whole.events == split.events and whole.core.counts() == split.core.counts()
