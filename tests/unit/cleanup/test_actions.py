"""What access tables and content checks do to a message; the log lines are those of Postfix 3.7 for the same messages."""

import re

import pytest

from pyfix.model import HAS_8BIT, HAS_DOT_LINE, HOLD, NOTIFY_SUCCESS
from tests.unit.cleanup.test_stage import post  # noqa: F401

PLAIN = b"Message-Id: <1@x>\r\nSubject: x\r\n\r\nbody\r\n"


def wanted(envelope):
    return [(r.address, r.original, r.transport, r.nexthop) for r in envelope.recipients]


def test_hold_is_a_flag(post):
    assert post(PLAIN, actions={"hold": True})[2].flags & HOLD
    assert not post(PLAIN)[2].flags & HOLD


def test_discard_is_accepted_and_nothing_is_queued_or_logged(post):
    reply, qid, envelope, _, log = post(PLAIN, actions={"discard": True})
    assert reply == (250, "2.0.0", f"Ok: queued as {qid.decode()}") and envelope is None and not log


def test_filter_takes_all_recipients(post):
    envelope = post(PLAIN, (b"a@x.test", b"b@y.test"), actions={"filter": b"scan:[127.0.0.1]:10025"})[2]
    assert [r[2:] for r in wanted(envelope)] == [("scan", "[127.0.0.1]:10025")] * 2
    envelope = post(PLAIN, (b"a@x.test",), main="content_filter = scan:\n")[2]
    assert wanted(envelope) == [(b"a@x.test", b"", "scan", "x.test")]
    envelope = post(PLAIN, (b"a@x.test",), main="content_filter = scan:\n", actions={"filter": b"other:hop"})[2]
    assert wanted(envelope)[0][2:] == ("other", "hop")


def test_redirect_replaces_all_recipients(post):
    envelope = post(PLAIN, (b"a@x.test", b"b@y.test"), actions={"redirect": b"red@r.test"})[2]
    assert wanted(envelope) == [(b"red@r.test", b"b@y.test", "smtp", "r.test")]


def test_bcc_adds_recipients_who_get_no_notification(post):
    envelope = post(PLAIN, (b"a@x.test",), actions={"bcc": [b"b@r.test", b"c@r.test", b"b@r.test"]})[2]
    assert [(r.address, r.notify) for r in envelope.recipients] == [(b"a@x.test", 0), (b"b@r.test", 1), (b"c@r.test", 1)]


def test_prepend_stands_above_received(post):
    stored = post(PLAIN, actions={"prepend": [b"X-Pre: one", b"X-Pre: two"]})[3]
    assert stored.startswith(b"X-Pre: one\r\nX-Pre: two\r\nReceived: from") and stored.endswith(PLAIN)


def test_an_alias_that_was_expanded_is_reported(post):
    envelope = post(PLAIN, (b"list@x.test",), main="virtual_alias_maps = inline:{{list@x.test = a@y.test}}\n",
                    notify=NOTIFY_SUCCESS)[2]
    assert wanted(envelope) == [(b"a@y.test", b"list@x.test", "smtp", "y.test"),
                                (b"list@x.test", b"", "expanded", "alias expanded")]


def test_mappings_can_be_turned_off(post):
    main = "always_bcc = copy@x.test\nreceive_override_options = no_address_mappings\n"
    assert [r.address for r in post(PLAIN, (b"a@x.test",), main=main)[2].recipients] == [b"a@x.test"]


@pytest.mark.parametrize("header, flags, want", [
    (b"", HAS_8BIT, None), (b"Content-Transfer-Encoding: 8bit\r\n", 0, "8bit"),
    (b"content-transfer-encoding : BINARY\r\n", 0, "8bit"), (b"Content-Transfer-Encoding: base64\r\n", 0, None),
    (b"Content-Type: multipart/mixed; boundary=x\r\n", HAS_8BIT, "8bit"),
    (b"Content-Type: multipart/mixed; boundary=x\r\n", 0, None)])
def test_what_is_declared_8bit_is_sent_as_8bit(post, header, flags, want):
    assert post(header + PLAIN, flags=flags)[2].attributes.get("encoding") == want


TABLES = """header_checks = regexp:{
  {/^Subject: reject/ REJECT no such subject}, {/^Subject: rej2/ REJECT 5.7.99 enhanced}, {/^Subject: rej4/ REJECT 4.7.9 later}
  {/^Subject: barerej/ REJECT}, {/^Subject: hold/ HOLD hold text}, {/^Subject: discard/ DISCARD disc text}
  {/^Subject: filter/ FILTER scan:hop}, {/^Subject: redirect/ REDIRECT red@r.test}, {/^Subject: bcc/ BCC b@r.test}
  {/^Subject: prepend/ PREPEND X-New: hello}, {/^Subject: replace/ REPLACE Subject: replaced}, {/^Subject: ignore/ IGNORE}
  {/^Subject: strip/ STRIP strip text}, {/^Subject: warn/ WARN warn text}, {/^Subject: info/ INFO info text}
  {/^Subject: pass/ PASS}, {/^Subject: badfilter/ FILTER nocolon}, {/^Subject: badredir/ REDIRECT noat}
  {/^Subject: badrepl/ REPLACE}, {/^Subject: badprep/ PREPEND}, {/^Subject: unknown/ FROBNICATE}
  {/^Subject: replnohdr/ REPLACE no header here}, {/^X-Evil/ REJECT evil}, {/^Received:.*gone/ IGNORE}}
body_checks = regexp:{
  {/^breject/ REJECT body no}, {/^bignore/ IGNORE}, {/^brepl/ REPLACE .new line}, {/^bprep/ PREPEND before line}, {/^bstrip/ STRIP}}
"""
WHERE = " from name[192.0.2.1]; from=<joe@x.example> to=<rcpt@dest.example> proto=ESMTP helo=<me>"


def message(subject):
    return b"Message-Id: <1@x>\r\nSubject: %b\r\n\r\nbody\r\n" % subject.encode()


@pytest.mark.parametrize("subject, reply, line", [
    ("reject", (550, "5.7.1", "no such subject"), "reject: header Subject: reject{}: 5.7.1 no such subject"),
    ("rej2", (550, "5.7.99", "enhanced"), "reject: header Subject: rej2{}: 5.7.99 enhanced"),
    ("rej4", (450, "4.7.9", "later"), "reject: header Subject: rej4{}: 4.7.9 later"),
    ("barerej", (550, "5.7.1", "message content rejected"), "reject: header Subject: barerej{}: 5.7.1 message content rejected"),
    ("hold", None, "hold: header Subject: hold{}: hold text"), ("discard", None, "discard: header Subject: discard{}: disc text"),
    ("filter", None, "filter: header Subject: filter{}: scan:hop"),
    ("redirect", None, "redirect: header Subject: redirect{}: red@r.test"), ("bcc", None, "bcc: header Subject: bcc{}: b@r.test"),
    ("prepend", None, "prepend: header Subject: prepend{}: X-New: hello"),
    ("replace", None, "replace: header Subject: replace{}: Subject: replaced"), ("ignore", None, None),
    ("strip", None, "strip: header Subject: strip{}: strip text"), ("warn", None, "warning: header Subject: warn{}: warn text"),
    ("info", None, "info: header Subject: info{}: info text"), ("pass", None, "pass: header Subject: pass{}"),
    ("badfilter", None, "warning: bad FILTER command nocolon in header_checks -- need transport:destination"),
    ("badredir", None, 'warning: bad REDIRECT target "noat" in header_checks map -- need user@domain'),
    ("badrepl", None, "warning: REPLACE action without text in header_checks map"),
    ("badprep", None, "warning: PREPEND action without text in header_checks map"),
    ("unknown", None, "warning: unknown command in header_checks map: FROBNICATE"),
    ("replnohdr", None, 'warning: bad REPLACE header text "no header here" in header_checks map -- need "headername: headervalue"'),
])
def test_header_checks(post, subject, reply, line):
    got, qid, envelope, stored, log = post(message(subject), main=TABLES)
    assert got == (reply or (250, "2.0.0", f"Ok: queued as {qid.decode()}"))
    told = [re.sub(r".*?cleanup\[\d+\]: (?:" + qid.decode() + ": )?", "", entry) for entry in log]
    assert [entry for entry in told if not entry.startswith("message-id")] == ([line.format(WHERE)] if line else [])
    assert (envelope is None) == (subject == "discard" or reply is not None)
    if envelope is None:
        return
    assert bool(envelope.flags & HOLD) == (subject == "hold")
    lines = {"prepend": b"X-New: hello\r\nSubject: prepend\r\n", "replace": b"Subject: replaced\r\n", "ignore": b"", "strip": b""}
    assert stored.endswith(b")\r\nMessage-Id: <1@x>\r\n" + lines.get(subject, b"Subject: %b\r\n" % subject.encode())
                           + b"\r\nbody\r\n")


@pytest.mark.parametrize("main, sender, recipient, shown", [
    ("canonical_maps = inline:{ {joe@x.example = \"jo e\"@y.example} }\n", b"joe@x.example", b"r", b'"jo e"@y.example> to=<r@host.example'),
    ("recipient_canonical_maps = inline:{ {r = s@t.example} }\nvirtual_alias_maps = static:never@x\n", b"", b"r", b"> to=<s@t.example"),
    ("canonical_maps = fail:x\n", b"joe", b"r", b"joe> to=<r"),
    ("canonical_maps = static:x@y\nreceive_override_options = no_address_mappings\n", b"joe", b"r", b"joe@host.example> to=<r@host.example")])
def test_the_log_shows_addresses_as_they_are_mapped(post, main, sender, recipient, shown):
    log = post(message("info"), (recipient,), main=TABLES + main, sender=sender)[4]
    assert any(b": info: header Subject: info from name[192.0.2.1]; from=<%b> proto=" % shown in line.encode() for line in log), log


@pytest.mark.parametrize("cut", [1, 7, 10_000])
def test_body_checks_however_the_content_is_cut(post, cut):
    content = message("x") + b"brepl a\r\nbprep\r\nbstrip\r\nbignore\r\nend\r\n"
    pieces = [content[at:at + cut] for at in range(0, len(content), cut)]
    _, _, envelope, stored, _ = post(content, main=TABLES, pieces=pieces, flags=0)
    assert stored.endswith(message("x") + b".new line\r\nbefore line\r\nbprep\r\nend\r\n")
    assert envelope.flags & HAS_DOT_LINE


@pytest.mark.parametrize("options, code", [("", 550), ("nested_header_checks =\n", 250), ("disable_mime_input_processing = yes\n", 250),
                                           ("receive_override_options = no_header_body_checks\n", 250)])
def test_nested_headers_are_seen_by_their_table(post, options, code):
    content = (b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\nContent-Type: message/rfc822\r\n\r\nX-Evil: 1\r\n\r\n"
               b"x\r\n--bb--\r\n")
    assert post(content, main=TABLES + options)[0].code == code


def test_long_content_goes_through_the_checks_piece_by_piece(post):
    body = b"".join(b"line %07d\r\n" % n for n in range(60_000))
    _, _, envelope, stored, _ = post(b"", main=TABLES, pieces=[message("x")] + [body[at:at + 50_000] for at in range(0, len(body), 50_000)])
    assert stored.endswith(message("x") + body) and len(envelope.extents) > 1


def test_hops_count_even_if_the_check_drops_them(post):
    assert post(b"Received: gone\r\n" * 49 + b"\r\nb\r\n", main=TABLES)[0] == (554, "5.4.0", "Error: too many hops")
    assert post(b"Received: gone\r\n" * 48 + b"\r\nb\r\n", main=TABLES)[0].code == 250


@pytest.mark.parametrize("table", ["fail:x", "tcp:127.0.0.1:9"])
def test_a_table_that_fails_or_would_have_to_wait_refuses_for_now(post, table):
    reply, _, envelope, _, log = post(PLAIN, main=f"header_checks = {table}\n")
    assert reply.code == 451 and envelope is None and any("header_checks map lookup problem" in entry for entry in log)


def test_strict_mime(post):
    reply, _, _, _, log = post("Subject: ä\r\n\r\n".encode(), main="strict_7bit_headers = yes\n")
    assert reply == (550, "5.6.0", "improper use of 8-bit data in message header")
    assert log[-1].endswith(": reject: mime-error improper use of 8-bit data in message header: Subject: ä from name[192.0.2.1]; "
                            "from=<joe@x.example> to=<rcpt@dest.example>")


@pytest.mark.parametrize("main, refused", [("", False), ("body_checks = regexp:{ {/zz/ WARN} }\n", False), ("strict_8bitmime = yes\n", True),
                                           ("nested_header_checks = regexp:{ {/zz/ WARN} }\n", True)])
def test_what_is_nested_too_deep(post, main, refused):
    content = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (one, one) for one in range(4))
    reply, _, _, _, log = post(content, main="mime_nesting_limit = 1\n" + main)
    assert (reply.code == 550) == refused
    if refused:
        assert reply.text == "MIME nesting exceeds safety limit"
        assert " limit: Content-Type: multipart/mixed; boundary=b3 from " in log[-1]


@pytest.mark.parametrize("head, refused", [
    (PLAIN, True), (b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n" + PLAIN, False)])
@pytest.mark.parametrize("main", ["strict_8bitmime_body = yes\n", "strict_8bitmime = yes\n"])
def test_undeclared_8_bit_text_is_refused_without_any_body_checks(post, main, head, refused):
    reply, _, envelope, _, _ = post(head + b"\xe4\r\n", main=main)
    assert (reply == (550, "5.6.0", "improper use of 8-bit data in message body")) is refused and (envelope is None) is refused
