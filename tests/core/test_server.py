"""The SMTP state machine: replies as Debian's Postfix 3.7.11 gave them to the same bytes, events, counters, limits."""

import pytest

from tests.kit.core_client import Client

E, M, R = b"EHLO a\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<x@example.org>\r\n"
OK_HELO, OK_M, OK_R = b"250 mx.example.org\r\n", b"250 2.1.0 Ok\r\n", b"250 2.1.5 Ok\r\n"
GO = b"354 End data with <CR><LF>.<CR><LF>\r\n"
QUEUED = b"250 2.0.0 Ok: queued as X\r\n"
SYNTAX_BDAT = b"521 5.5.4 Syntax: BDAT count [LAST]\r\n"

# what was sent, what came back; each list is one session
SESSIONS = [
    [(b"BDAT 0\r\n", b"551 5.7.1 Null BDAT request\r\n"), (b"BDAT\r\n", SYNTAX_BDAT), (b"BDAT x\r\n", b"")],
    [(E, OK_HELO), (M, OK_M), (b"BDAT 3\r\nabc", b"554 5.5.1 Error: no valid recipients\r\n"),
     (b"BDAT 3\r\nabc", b"551 5.0.0 Discarded 3 bytes after earlier error\r\n"),
     (M, b"503 5.5.1 Error: nested MAIL command\r\n"), (R, b"503 5.5.1 Error: RCPT after BDAT\r\n"),
     (b"DATA\r\n", b"503 5.5.1 Error: DATA after BDAT\r\n"), (b"RSET\r\n", b"250 2.0.0 Ok\r\n"),
     (b"DATA\r\n", b"503 5.5.1 Error: need RCPT command\r\n"), (b"RSET x\r\n", b"501 5.5.4 Syntax: RSET\r\n"),
     (b"NOOP x y\r\n", b"250 2.0.0 Ok\r\n"), (b"VRFY\r\n", b"501 5.5.4 Syntax: VRFY address [SMTPUTF8]\r\n"),
     (b"ETRN\r\n", b"500 Syntax: ETRN domain\r\n"), (b"ETRN a b\r\n", b"500 Syntax: ETRN domain\r\n"),
     (b"EXPN x\r\n", b"500 5.5.2 Error: command not recognized\r\n"), (b"QUIT x\r\n", b"221 2.0.0 Bye\r\n")],
    [(E, OK_HELO), (M, OK_M), (R, OK_R), (b"BDAT 5\r\nabc\r\n", b"250 2.0.0 Ok: 5 bytes\r\n"),
     (R, b"503 5.5.1 Error: RCPT after BDAT\r\n"), (M, b"503 5.5.1 Error: nested MAIL command\r\n"),
     (b"DATA\r\n", b"503 5.5.1 Error: DATA after BDAT\r\n"), (b"BDAT 0\r\n", b"551 5.7.1 Null BDAT request\r\n"),
     (b"BDAT 3\r\na\r\n", b"551 5.0.0 Discarded 3 bytes after earlier error\r\n"),
     (b"BDAT 0 LAST\r\n", b"551 5.0.0 Discarded 0 bytes after earlier error\r\n"),
     (R, b"503 5.5.1 Error: need MAIL command\r\n"), (M, OK_M)],
    [(b"HELO\r\n", b"501 Syntax: HELO hostname\r\n"), (b"EHLO\r\n", b"501 Syntax: EHLO hostname\r\n"),
     (b"MAIL\r\n", b"501 5.5.4 Syntax: MAIL FROM:<address>\r\n"), (b"MAIL FROM:\r\n", b"501 5.5.4 Syntax: MAIL FROM:<address>\r\n"),
     (b"MAIL FROM :<a@b>\r\n", b"501 5.5.4 Syntax: MAIL FROM:<address>\r\n"), (b"mail from: <a@b>\r\n", OK_M),
     (b"RCPT\r\n", b"501 5.5.4 Syntax: RCPT TO:<address>\r\n"), (b"RCPT TO:<>\r\n", b"501 5.1.3 Bad recipient address syntax\r\n"),
     (b"RCPT TO:<x@example.org> FOO\r\n", b"555 5.5.4 Unsupported option: FOO\r\n"),
     (b"RCPT TO:<x@example.org> NOTIFY=FOO\r\n", b"501 5.5.4 Error: Bad NOTIFY parameter syntax\r\n"),
     (b"RCPT TO:<x@example.org> ORCPT=foo\r\n", b"501 5.5.4 Error: Bad ORCPT parameter syntax\r\n"),
     (b"RCPT TO:<x@example.org\r\n", b"501 5.1.3 Bad recipient address syntax\r\n"),
     (b"DATA\r\n", b"554 5.5.1 Error: no valid recipients\r\n"), (R, OK_R), (b"DATA x\r\n", b"501 5.5.4 Syntax: DATA\r\n")],
    [(E, OK_HELO), (b"MAIL FROM:<a@b> SIZE=x\r\n", b"501 5.5.4 Bad message size syntax\r\n"),
     (b"MAIL FROM:<a@b> SIZE=\r\n", b"501 5.5.4 Bad message size syntax\r\n"),
     (b"MAIL FROM:<a@b> SIZE=99999999999999999999\r\n", b"552 5.3.4 Message size exceeds file system imposed limit\r\n"),
     (b"MAIL FROM:<a@b> BODY=9BITMIME\r\n", b"555 5.5.4 Unsupported option: BODY=9BITMIME\r\n"),
     (b"MAIL FROM:<a@b> RET=foo\r\n", b"501 5.5.4 Bad RET parameter syntax\r\n"),
     (b"MAIL FROM:<a@b> ENVID=abc+0a\r\n", b"501 5.5.4 Bad ENVID parameter syntax\r\n"),
     (b"MAIL FROM:<a@b> RET=full ENVID=abc+00\r\n", b"501 5.5.4 Bad ENVID parameter syntax\r\n"),
     (b"MAIL FROM:<a@b> ENVID=a ENVID=b\r\n", b"501 5.5.4 Bad ENVID parameter syntax\r\n"),
     (b"MAIL FROM:<a@b> SMTPUTF8=x\r\n", b"555 5.5.4 Unsupported option: SMTPUTF8=x\r\n"),
     (b"MAIL FROM:<a@b> SIZE=10 SIZE=20\r\n", OK_M)],
    [(b"\r\n", b"500 5.5.2 Error: bad syntax\r\n"), (b"  \r\n", b"500 5.5.2 Error: bad syntax\r\n"),
     (b"  NOOP\r\n", b"250 2.0.0 Ok\r\n"), (b"NO\0OP\r\n", b"500 5.5.2 Error: bad syntax\r\n"),
     (b"noop\t\r\n", b"250 2.0.0 Ok\r\n"), (b"\xff\xfe\r\n", b"500 5.5.2 Error: bad UTF-8 syntax\r\n"),
     (b"NOOP\n", b"250 2.0.0 Ok\r\n"), (b"noop\r\r\n", b"250 2.0.0 Ok\r\n"), (b"NOOP\rx\r\n", b"250 2.0.0 Ok\r\n"),
     (b"Subject: x\r\n", b"221 2.7.0 Error: I can break rules, too. Goodbye.\r\n")],
    [(b"AUTH PLAIN x\r\n", b"503 5.5.1 Error: authentication not enabled\r\n"),
     (b"STARTTLS\r\n", b"502 5.5.1 Error: command not implemented\r\n"),
     (b"XCLIENT A=b\r\n", b"550 5.7.0 Error: insufficient authorization\r\n"),
     (b"XFORWARD A=b\r\n", b"550 5.7.0 Error: insufficient authorization\r\n"),
     (b"LHLO a\r\n", b"500 5.5.2 Error: command not recognized\r\n"),
     (b"GET / HTTP/1.0\r\n", b"221 2.7.0 Error: I can break rules, too. Goodbye.\r\n")],
    [(E, OK_HELO), (M, OK_M), (R, OK_R), (b"BDAT 3 LAST\r\nabc", QUEUED), (R, b"503 5.5.1 Error: need MAIL command\r\n"),
     (M, OK_M), (R, OK_R), (b"DATA\r\n", GO), (b"x\r\n.\r\n", QUEUED), (b"DATA\r\n", b"503 5.5.1 Error: need RCPT command\r\n")],
    [(E, OK_HELO), (b"BDAT 3 LAST\r\nabc", b"503 5.5.1 Error: need RCPT command\r\n"), (M, OK_M), (R, OK_R),
     (b"RSET\r\n", b"250 2.0.0 Ok\r\n"), (b"BDAT 3\r\nabc", b"503 5.5.1 Error: need RCPT command\r\n"),
     (M, b"503 5.5.1 Error: MAIL after BDAT\r\n"), (b"HELO x\r\n", OK_HELO), (M, OK_M)],
]


@pytest.mark.parametrize("number", range(len(SESSIONS)))
def test_replies_are_postfix_s(number):
    client = Client()
    for sent, expected in SESSIONS[number]:
        assert client.send(sent) == expected, sent


@pytest.mark.parametrize("number", range(len(SESSIONS)))
def test_byte_by_byte_gives_the_same(number):
    whole, split = Client(), Client()
    for sent, _ in SESSIONS[number]:
        assert whole.send(sent) == b"".join(split.send(sent[i:i + 1]) for i in range(len(sent)))
    assert whole.events == split.events and whole.core.counts() == split.core.counts()


def test_counts_are_those_of_the_disconnect_line():
    client = Client()
    for sent, _ in SESSIONS[2]:
        client.send(sent)
    assert client.core.counts() == " ehlo=1 mail=2/3 rcpt=1/3 data=0/1 bdat=1/4 commands=5/12"


def test_too_many_errors():
    client = Client()
    replies = client.send(b"FOO\r\n" * 25)
    assert replies.count(b"500 5.5.2") == 20 and replies.endswith(b"421 4.7.0 mx.example.org Error: too many errors\r\n")
    assert client.events.count("slow") == 11 and client.closed
    assert (client.core.reason, client.core.where()) == ("too many errors", "UNKNOWN")
    assert client.core.counts() == " unknown=0/20 commands=0/20"


def test_a_message_makes_up_for_the_errors_before_it():
    client = Client()
    for sent in (b"EHLO a\r\n", b"FOO\r\n" * 18, b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n", b"x\r\n.\r\n"):
        client.send(sent)
    assert client.core.errors == client.core.junk == 0


def test_junk_commands_become_errors():
    client = Client()
    replies = [client.send(b"NOOP\r\n") for _ in range(108)] + [client.send(b"RSET\r\n") for _ in range(13)]
    assert replies[-1] == b"250 2.0.0 Ok\r\n421 4.7.0 mx.example.org Error: too many errors\r\n"
    assert client.core.counts() == " rset=13 noop=108 commands=121"


def test_a_long_line_is_cut_and_taken():
    client = Client()
    assert client.send(b"NOOP " + b"x" * 3000 + b"\r\n") == b"250 2.0.0 Ok\r\n"
    assert client.send(b"MAIL FROM:<" + b"x" * 3000 + b"@a>\r\n") == b"501 5.1.7 Bad sender address syntax\r\n"
    assert [kind for kind, _ in client.core.notes][:2] == ["long line", "long line"]


def test_an_endless_line_ends_the_session():
    client = Client()
    for _ in range(8):
        replies = client.send(b"x" * 65536)
    assert replies == b"" and client.closed and client.core.counts() == " commands=0/0"


@pytest.mark.parametrize("sent,verb", [
    (b"EHLO a\r\nQUIT\r\n", "EHLO"), (b"HELO a\r\nMAIL FROM:<a@b>\r\n", "HELO"), (E + M + R + b"DATA\r\nx", "EHLO"),
    (b"NOOP\r\nNOOP\r\n", "NOOP"), (b"RSET\r\nNOOP\r\n", "RSET")])
def test_early_input_ends_the_session(sent, verb):
    client = Client()
    assert client.send(sent) == b"554 5.5.0 Error: SMTP protocol synchronization\r\n"
    kind, text = client.core.notes[0]
    assert kind == "pipelining" and text.startswith(verb.encode() + b" ")


def test_pipelining_is_for_esmtp():
    client = Client()
    client.send(E)
    assert client.send(M + R + b"DATA\r\n") == OK_M + OK_R + GO
    assert client.send(b"hello\r\n.\r\n" + M + R) == QUEUED + OK_M + OK_R
    assert client.messages == [b"hello\r\n"]


def test_recipient_limit_with_its_overshoot():
    client = Client(recipients=2, overshoot=1)
    replies = [client.send(x) for x in (E, M, R, R, R, R)]
    assert replies[4:] == [b"452 4.5.3 Error: too many recipients\r\n"] * 2
    assert client.core.errors == 1 and client.core.counts() == " ehlo=1 mail=1 rcpt=3/4 commands=5/6"


def test_a_refused_data_leaves_nothing_behind():
    client = Client(policy={"data": (554, b"5.7.1 no")})
    for x in (E, M, R):
        client.send(x)
    assert client.send(b"DATA\r\n") == b"554 5.7.1 no\r\n"
    assert client.events[-1] == "reset"
    assert client.send(b"DATA\r\n") == b"503 5.5.1 Error: need RCPT command\r\n"
    assert client.send(R) == b"503 5.5.1 Error: need MAIL command\r\n"


def test_a_refused_end_of_data_leaves_nothing_behind():
    client = Client(policy={"end": (554, b"5.7.1 no")})
    for x in (E, M, R, b"DATA\r\n"):
        client.send(x)
    assert client.send(b"x\r\n.\r\n") == b"554 5.7.1 no\r\n"
    assert client.send(b"DATA\r\n") == b"503 5.5.1 Error: need RCPT command\r\n"
    assert client.send(M) == OK_M


def test_a_refused_first_chunk_is_swallowed_before_the_reply():
    client = Client(policy={"data": (554, b"5.7.1 no")})
    for x in (E, M, R):
        client.send(x)
    assert client.send(b"BDAT 4\r\nab") == b""
    assert client.send(b"cd") == b"554 5.7.1 no\r\n"
    assert client.send(b"BDAT 4 LAST\r\nQUIT") == b"551 5.0.0 Discarded 4 bytes after earlier error\r\n"
    assert client.send(M) == OK_M


def test_size_limit_at_the_end_of_data():
    client = Client(message_size=100)
    for x in (E, M, R, b"DATA\r\n"):
        client.send(x)
    assert client.send(b"x" * 99 + b"\r\n.\r\n") == b"552 5.3.4 Error: message file too big\r\n"
    assert ("size", b"") in client.core.notes and client.events[-1] == "reset"
    assert client.send(M + R) == OK_M + OK_R
    client.send(b"DATA\r\n")
    assert client.send(b"x" * 98 + b"\r\n.\r\n") == QUEUED


def test_size_limit_of_chunks():
    client = Client(message_size=100)
    for x in (E, M, R, b"BDAT 60\r\n" + b"x" * 60):
        client.send(x)
    assert client.send(b"BDAT 41\r\n" + b"x" * 41) == b"552 5.3.4 Chunk exceeds message size limit\r\n"
    client.send(b"RSET\r\n")
    assert client.send(b"BDAT 18446744073709551616\r\n") == SYNTAX_BDAT and client.closed


@pytest.mark.parametrize("count", [b"+5", b"-1", b"1_0", "٣".encode(), b"0x5", b"5.", b"9223372036854775808"])
def test_chunk_sizes_are_digits(count):
    client = Client()
    assert client.send(b"BDAT " + count + b" LAST\r\n") == SYNTAX_BDAT


def test_a_huge_skipped_chunk_is_cut_off():
    client = Client(message_size=100)
    assert client.send(b"BDAT 151\r\n") == b"503 5.5.1 Error: need RCPT command\r\n"
    assert client.closed


def test_bare_newlines_refused():
    client = Client(newlines=3)
    for x in (E, M, R, b"DATA\r\n"):
        client.send(x)
    assert client.send(b"x\n.\n\r\n.\r\n") == b"550 5.5.2 mx.example.org Error: bare <LF> received\r\n"
    assert client.send(M) == OK_M
    assert client.send(b"RSET\n") == b"550 5.5.2 mx.example.org Error: bare <LF> received\r\n" and client.closed


def test_lmtp_answers_for_each_recipient():
    client = Client(lmtp=True)
    assert client.send(b"EHLO a\r\n") == b"500 5.5.2 Error: command not recognized\r\n"
    for x in (b"LHLO a\r\n", M, R, R, b"DATA\r\n"):
        client.send(x)
    assert client.send(b"x\r\n.\r\n") == QUEUED * 2


def test_a_denied_client_may_only_quit():
    client = Client()
    client.core.denied = b"h[1.2.3.4]"
    assert client.send(E) == b"503 5.7.0 Error: access denied for h[1.2.3.4]\r\n"
    assert client.send(b"QUIT\r\n") == b"221 2.0.0 Bye\r\n"


def test_where_a_session_broke_off():
    client = Client()
    assert client.core.where() == "CONNECT"
    for x in (E, M, R):
        client.send(x)
    assert client.core.where() == "RCPT"
    client.send(b"DATA\r\n")
    client.send(b"abc\r\n")
    assert client.core.where() == "DATA (5 bytes)"
    client.send(b".\r\n")
    assert client.core.where() == "END-OF-MESSAGE"
    client.send(M)
    assert client.core.where() == "MAIL"


def test_parameters_arrive():
    client = Client()
    client.send(E)
    client.send(b"MAIL FROM:<A@b> SIZE=7 RET=HDRS ENVID=a+2Bb BODY=8BITMIME SMTPUTF8\r\n")
    client.send(b"RCPT TO:<c@d> NOTIFY=SUCCESS,delay ORCPT=rfc822;c+40d\r\n")
    assert client.events[1:] == [("mail", (b"A@b", 7, 2, b"a+b", True)), ("rcpt", (b"c@d", 10, b"rfc822;c@d"))]
