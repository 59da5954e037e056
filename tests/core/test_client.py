"""The client core against its oracle: every transcript whole, byte by byte and cut at random."""

import random

import pytest

from pyfix._core import client as core
from pyfix._core import request
from tests.oracle.client import Client

HELO = b"client.example"
EHLO = b"250-mx.example\r\n250-SIZE 5000\r\n250-8BITMIME\r\n250 "
PIPED = b"220 mx.example ESMTP\r\n" + EHLO + b"PIPELINING\r\n"
PLAIN = b"220 mx.example ESMTP\r\n" + EHLO + b"DSN\r\n"


def run_core(data: bytes, cuts: list[int], recipients: list[bytes], lmtp: bool = False):
    """Drive the core over the pieces of `data`; the trace in the oracle's terms."""
    session = core.ClientCore(request.Settings(HELO, lmtp=lmtp))
    sent, begun, content = [], False, 0
    for start, end in zip([0, *cuts], [*cuts, len(data)]):
        piece = data[start:end]
        while True:
            taken = session.receive(piece)
            sent += session.take_output().split(b"\r\n")[:-1]
            piece = piece[taken:]
            if session.events & core.READY and not begun:
                begun = True
                session.begin(request.Request(b"s@example.org", recipients))
                sent += session.take_output().split(b"\r\n")[:-1]
            elif session.events & core.CONTENT and not content:
                content = 1
                sent.append(b"<content>")
                session.sent_content()
            elif not taken:
                break
    return sent, core.FAILURES[session.failure], [result(session, i) for i in range(session.recipient_count)]


def result(session, index):
    state, stage, reply = session.result(index)
    if core.STATES[state] in ("waiting", "accepted"):
        return None if core.STATES[state] == "waiting" else ("accepted",)
    return (core.STATES[state], core.STAGES[stage], *session.answer(reply))


def run_oracle(data: bytes, recipients: list[bytes], lmtp: bool = False):
    oracle = Client(HELO, lmtp)
    oracle.run(data, b"s@example.org", recipients)
    begun = b"MAIL FROM:<s@example.org>" in b"\n".join(oracle.sent)
    return oracle.sent, oracle.failure, oracle.results if begun else []


TRANSCRIPTS = {
    "one by one": PLAIN + b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 2.0.0 queued\r\n",
    "pipelined": PIPED + b"250 ok\r\n250 ok\r\n550 5.1.1 no\r\n354 go\r\n250 2.0.0 queued\r\n",
    "all refused": PIPED + b"250 ok\r\n550 5.1.1 a\r\n450 4.2.1 b\r\n503 none\r\n",
    "all refused, 354": PIPED + b"250 ok\r\n550 5.1.1 a\r\n450 4.2.1 b\r\n354 go\r\n554 no\r\n",
    "sender refused": PIPED + b"550 5.7.1 no\r\n503 a\r\n503 b\r\n503 c\r\n",
    "sender refused, all the rest taken": PIPED + b"550 5.7.1 no\r\n250 a\r\n250 b\r\n354 c\r\n250 d\r\n",
    "sender refused, plain": PLAIN + b"451 4.7.1 later\r\n",
    "354 to MAIL": PLAIN + b"354 what\r\n",
    "DATA refused": PIPED + b"250 a\r\n250 b\r\n250 c\r\n452 4.3.1 full\r\n",
    "dot refused": PLAIN + b"250 a\r\n250 b\r\n450 c\r\n354 go\r\n554-5.7.1 spam\r\n554 5.7.1 more\r\n",
    "HELO": b"220 x\r\n500 what\r\n250 x\r\n250 a\r\n250 b\r\n250 c\r\n354 d\r\n250 e\r\n",
    "greeting 554": b"554 5.3.2 go away\r\n",
    "greeting 421, many lines": b"421-a\r\n421-b\r\n421 4.3.2 c\r\n",
    "EHLO 421": b"220 x\r\n421 4.3.2 busy\r\n",
    "HELO refused": b"220 x\r\n502 a\r\n550 b\r\n",
    "bare last line": b"220 x\r\n250-x\r\n250\r\n553-a\r\n553\r\n",
    "code 999": PLAIN + b"999 odd\r\n",
    "code 000": PLAIN + b"000 odd\r\n",
    "garbage, plain": PLAIN + b"hello\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 x\r\n250 y\r\n",
    "garbage, pipelined": PIPED + b"hello\r\n250 ok\r\n",
    "four digits": PLAIN + b"2500 x\r\n250 ok\r\n",
    "endless lines": b"220 x\r\n" + b"250-x\r\n" * 500 + b"250 y\r\n",
    "a hundred lines": b"220 x\r\n" + b"250-x\r\n" * 99 + b"250 y\r\n250 ok\r\n",
    "one huge line": b"220 " + b"x" * 300000 + b"\r\n250 x\r\n",
    "long line": b"220 " + b"x" * 3000 + b"\r\n250 x\r\n250 ok\r\n",
    "long reply": PLAIN + (b"550-" + b"y" * 500 + b"\r\n") * 10 + b"550 5.1.2 end\r\n",
    "control bytes": PLAIN + b"550 a\0b\x1b[2Jc\rd\xe2\x80\xae\t\x7f\r\n",
    "LF only": b"220 x\n250-x\n250 PIPELINING\n250 a\n250 b\n250 c\n354 d\n250 e\n",
    "CRs before LF": b"220 x\r\r\r\n250 x\r\r\n250 a\r\n",
    "other class": PLAIN + b"550 2.1.1 odd\r\n",
    "enhanced code run on": PLAIN + b"550 5.1.1x odd\r\n",
    "enhanced code too long": PLAIN + b"550 5.1.1234 odd\r\n",
    "enhanced code alone": PLAIN + b"550   5.123.456\r\n",
    "unasked reply": PIPED + b"250 a\r\n550 b\r\n550 c\r\n503 d\r\n250 extra\r\n",
    "unasked reply at once": PLAIN.replace(b"DSN\r\n", b"DSN\r\n250 extra\r\n250 a\r\n250 b\r\n"),
    "421 amid": PIPED + b"250 a\r\n421 4.3.2 b\r\n421 c\r\n421 d\r\n",
    "empty lines": PLAIN + b"\r\n\r\n250 ok\r\n250 ok\r\n",
    "keywords": b"220 x\r\n250-x\r\n250-pipelining\r\n250-Size=10\r\n250-8bitmime x\r\n250-AUTH=PLAIN\r\n250 DSNX\r\n250 a\r\n",
    "cut short": PIPED + b"250 a\r\n250 b",
}


@pytest.mark.parametrize("name", TRANSCRIPTS)
@pytest.mark.parametrize("lmtp", [False, True])
def test_as_oracle(name: str, lmtp: bool) -> None:
    """Whole, byte by byte and at twenty random cuts, the trace is the oracle's."""
    data, recipients = TRANSCRIPTS[name], [b"a@example.com", b"b@example.com"]
    if lmtp:
        data = data + b"550 5.2.2 second\r\n"
    expected = run_oracle(data, recipients, lmtp)
    chance = random.Random(name)
    for cuts in [[], list(range(1, len(data))) if len(data) < 9000 else [4097, 9000],
                 *[sorted(chance.sample(range(len(data)), min(5, len(data)))) for _ in range(20)]]:
        assert run_core(data, cuts, recipients, lmtp) == expected


def ready(features: bytes = b"PIPELINING", **settings) -> core.ClientCore:
    session = core.ClientCore(request.Settings(HELO, hostname=b"client.example", **settings))
    session.receive(b"220 mx ESMTP\r\n250-mx\r\n250 " + features + b"\r\n")
    session.take_output()
    session.events = 0
    return session


def test_parameters_only_where_offered() -> None:
    message = request.Request(b"s@x", [b"r@y"], size=77, body=b"8BITMIME", utf8=True, envid=b"a+b c", ret=2,
                           dsn=[(6, b"rfc822;r+@y")])
    bare = ready(b"HELP")
    bare.begin(message)
    assert bare.take_output() == b"MAIL FROM:<s@x>\r\n"
    rich = core.ClientCore(request.Settings(HELO))
    rich.receive(b"220 x\r\n250-x\r\n250-PIPELINING\r\n250-SIZE\r\n250-DSN\r\n250-SMTPUTF8\r\n250 8BITMIME\r\n")
    rich.take_output()
    rich.begin(message)
    assert rich.take_output() == (b"MAIL FROM:<s@x> SIZE=77 BODY=8BITMIME ENVID=a+2Bb+20c RET=HDRS SMTPUTF8\r\n"
                                  b"RCPT TO:<r@y> ORCPT=rfc822;r+2B@y NOTIFY=SUCCESS,FAILURE\r\nDATA\r\n")


@pytest.mark.parametrize("recipient, orcpt, said", [
    (b"r@y", b"", b"rfc822;r@y"), (b"a+b=c@y", b"", b"rfc822;a+2Bb+3Dc@y"), (b'"a b"@y', b"", b'rfc822;"a+20b"@y'),
    ("\u00e4@y".encode(), b"", b"rfc822;+C3+A4@y"), (b"r@y", "utf-8;\u00e4+@y".encode(), b"utf-8;\\x{E4}\\x{2B}@y"),
    (b"r@y", b"x+y;z", b"x+2By;z"), (b"+" * 900 + b"@y", b"", b"rfc822;" + b"+2B" * 900 + b"@y")])
def test_orcpt_as_postfix_writes_it(recipient: bytes, orcpt: bytes, said: bytes) -> None:
    session = ready(b"DSN")
    session.begin(request.Request(b"", [recipient], dsn=[(0, orcpt)]))
    session.take_output()
    session.receive(b"250 ok\r\n")
    assert session.take_output() == b"RCPT TO:<%b> ORCPT=%b\r\n" % (recipient, said)


def test_kept_session_is_probed() -> None:
    """The second message starts with RSET in the same write; a refused RSET is a stale session, no failure of the mail."""
    session = ready()
    for answer, failure in ((b"250 ok\r\n", ""), (b"421 bye\r\n", "stale")):
        session.events = 0
        session.begin(request.Request(b"", [b"r@y"]))
        session.take_output()
        session.receive(b"" if not session.messages else answer)
        assert core.FAILURES[session.failure] == failure
        if not failure:
            session.receive(b"250 a\r\n250 b\r\n354 c\r\n")
            session.sent_content()
            session.receive(b"250 d\r\n")
            assert session.events & core.DONE and not session.kept
            if session.messages == 1:
                session.begin(request.Request(b"", [b"r@y"]))
                assert session.take_output().startswith(b"RSET\r\nMAIL FROM:<>")
                session.receive(b"250 ok\r\n250 a\r\n550 b\r\n503 c\r\n")
    assert session.result(0)[0] == 0


def test_content_time_input_waits() -> None:
    """What comes while the content is due is not taken for the answer to the dot before the content is out."""
    session = ready()
    session.begin(request.Request(b"", [b"r@y"]))
    assert session.receive(b"250 a\r\n250 b\r\n354 c\r\n250 early\r\n") == len(b"250 a\r\n250 b\r\n354 c\r\n")
    assert session.receive(b"250 early\r\n") == 0
    with pytest.raises(ValueError):
        session.begin(request.Request(b"", [b"r@y"]))
    session.sent_content()
    session.receive(b"250 early\r\n")
    assert core.STATES[session.result(0)[0]] == "sent"


def test_settings() -> None:
    session = ready(b"SIZE 12x", discard=core.SIZE)
    assert session.features & core.SIZE == 0 and session.notes == [("size", "12x")]
    assert ready(b"SIZE 999999999999999999").size_limit == 999999999999999999
    assert ready(b"SIZE 99999999999999999999").size_limit == 0
    own = core.ClientCore(request.Settings(HELO, hostname=b"client.example"))
    own.receive(b"220 Client.Example ESMTP\r\n250 client.example\r\n")
    assert own.own_name and own.own_name_said
    pix = core.ClientCore(request.Settings(HELO))
    pix.receive(b"220 ****************0*2**\r\n")
    assert pix.features
    quiet = core.ClientCore(request.Settings(HELO, always_ehlo=False))
    quiet.receive(b"220 x\r\n")
    assert quiet.take_output() == b"HELO client.example\r\n"
    filtered = core.ClientCore(request.Settings(HELO, reply_filter=lambda line: line.replace(b"554", b"220")))
    filtered.receive(b"554 x\r\n")
    assert filtered.where == "ehlo"


def test_quit() -> None:
    session = ready()
    session.quit()
    assert session.take_output() == b"QUIT\r\n" and session.events & core.CLOSE
    session = ready(skip_quit_response=False)
    session.quit()
    assert not session.events & core.CLOSE
    session.receive(b"221 bye\r\n")
    assert session.events & core.CLOSE


def test_xforward() -> None:
    session = ready(b"XFORWARD NAME ADDR FUNNY")
    session.begin(request.Request(b"", [b"r@y"], xforward=[b"NAME=a ADDR=b", b"HELO=c"]))
    assert session.take_output() == b"XFORWARD NAME=a ADDR=b\r\n"
    session.receive(b"501 no\r\n")
    assert session.take_output() == b"XFORWARD HELO=c\r\n" and session.notes == [("xforward", "501 no")]
    session.receive(b"250 ok\r\n")
    assert session.take_output() == b"MAIL FROM:<>\r\n"


@pytest.mark.parametrize("internal, expected", [
    (b"", b""), (b"a@b", b"a@b"), (b"a.b@c", b"a.b@c"), (b".a@c", b'".a"@c'), (b"a.@c", b'"a."@c'), (b"a..b@c", b'"a..b"@c'),
    (b"a b@c", b'"a b"@c'), (b'a"b@c', b'"a\\"b"@c'), (b"a\\b@c", b'"a\\\\b"@c'), (b"a@b@c", b'"a@b"@c'), (b"@c", b'""@c'),
    (b"user", b"user"), (b"a\xc3\xa9@c", b"a\xc3\xa9@c"), (b"a(b@c", b'"a(b"@c')])
def test_external(internal: bytes, expected: bytes) -> None:
    assert request.external(internal) == expected


@pytest.mark.parametrize("bad", [b"a\r\nRCPT TO:<x@y>@c", b"a\0b@c", b"a@c\n", b"\x7f@c", b"a\rb@c"])
def test_external_refuses_control_bytes(bad: bytes) -> None:
    with pytest.raises(ValueError):
        request.external(bad)
