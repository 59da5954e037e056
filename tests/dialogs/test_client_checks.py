"""smtp_header_checks, smtp_mime_header_checks, smtp_nested_header_checks, smtp_body_checks: what leaves. Law: header_checks(5)."""

import pytest

from pyfix.deliver.checks import Checks
from pyfix.deliver.outward import Outward
from pyfix.errors import ConfigError
from pyfix.resolve import Resolver
from pyfix.resolve.generic import Generic
from tests.kit.client_cases import BARE, DOT, GO, HI, OK
from tests.kit.delivery import Bench, Content, configuration, run
from tests.kit.smtp_server import Server

MESSAGE = (b"Received: from a by b\r\nSubject: hello\r\n there\r\nX-Secret: 1\r\nFrom: me@in.example\r\nMIME-Version: 1.0\r\n"
           b"Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
           b"Subject: inner\r\nX-Secret: 2\r\n\r\nbody line\r\n.dot line\r\n--b--\r\n")


def deliver(tmp_path, message=MESSAGE, spilled=False, servers=1, program="smtp", **settings):
    """Send one message through an agent with these checks; (what the server got, log, outcome)."""
    async def scenario():
        server = await Server(*[[HI, BARE, OK, OK, GO, DOT]] * servers).start()
        config = configuration(tmp_path, **settings)
        bench = Bench(config, program)
        Outward(bench.agent, Generic(config, Resolver(config), program), Checks(config, bench.log, program))
        nexthop = server.nexthop if program == "smtp" else f"inet:127.0.0.1:{server.port}"
        outcome = await bench.send(nexthop, None, Content(message, spilled))
        await bench.close()
        await server.stop()
        return (server.contents or [b""])[0], bench.log.lines, outcome
    return run(scenario)


@pytest.mark.parametrize("spilled", [False, True])
def test_headers_of_all_kinds_and_body(tmp_path, spilled):
    """Each table sees its own part of the message; what it says is done to that part only."""
    sent, log, (_, rows) = deliver(
        tmp_path, spilled=spilled,
        smtp_header_checks="regexp:{{/^Received:/ IGNORE} {/^X-Secret: 1/ STRIP gone} {/^Subject: hello[[:space:]]+there/ PREPEND X-Before: y}"
                           " {/^Content-Type/ STRIP} {/^Subject: inner/ STRIP} {/^From/ INFO seen}}",
        smtp_mime_header_checks="regexp:{{/^MIME-Version/ WARN old} {/message.rfc822/ PREPEND Content-Description: in}}",
        smtp_nested_header_checks="regexp:{{/^X-Secret/ REPLACE X-Public: 3} {/^Subject: hello/ IGNORE}}",
        smtp_body_checks="regexp:{{/^body/ REPLACE .changed} {/^[.]dot/ STRIP} {/^()$$/ STRIP empty} {/^preamble/ PREPEND more} {/^Subject/ STRIP}}")
    assert rows[0][1] == "sent"
    assert sent == (
        b"X-Before: y\r\nSubject: hello\r\n there\r\nFrom: me@in.example\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\nmore\r\npreamble\r\n--b\r\nContent-Description: in\r\n"
        b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nX-Public: 3\r\n\r\n..changed\r\n--b--\r\n.\r\n")
    told = [line for line in log if ": to=<" not in line]
    assert told == [
        "QID0: prepend: header Subject: hello? there: X-Before: y", "QID0: strip: header X-Secret: 1: gone",
        "QID0: info: header From: me@in.example: seen", "QID0: warning: header MIME-Version: 1.0: old",
        "QID0: prepend: body preamble: more", "QID0: prepend: header Content-Type: message/rfc822: Content-Description: in",
        "QID0: replace: header X-Secret: 2: X-Public: 3", "QID0: replace: body body line: .changed", "QID0: strip: body .dot line"]


@pytest.mark.parametrize("rule, warning", [
    ("{/^Subject/ REJECT no}", "unsupported command in smtp_header_checks map: REJECT no"),
    ("{/^Subject/ HOLD}", "unsupported command in smtp_header_checks map: HOLD"),
    ("{/^Subject/ PREPEND}", "PREPEND action without text in smtp_header_checks map"),
    ("{/^Subject/ REPLACE no header}",
     'bad REPLACE header text "no header" in smtp_header_checks map -- need "headername: headervalue"'),
])
def test_a_mistake_in_a_table_changes_nothing(tmp_path, rule, warning):
    message = b"Subject: x\r\n\r\nbody\r\n"
    sent, log, _ = deliver(tmp_path, message, smtp_header_checks=f"regexp:{{{rule}}}")
    assert sent == message + b".\r\n" and log[0] == "warning: " + warning


@pytest.mark.parametrize("name", ["smtp_header_checks", "smtp_body_checks"])
def test_a_table_that_fails_defers_before_the_final_dot(tmp_path, name):
    sent, log, (trouble, rows) = deliver(tmp_path, b"Subject: x\r\n\r\nbody\r\n", **{name: "fail:x"})
    assert sent == b"" and trouble == ""
    assert rows[0][1:3] == ["deferred", "4.3.0"] and rows[0][3] == "local data error while talking to 127.0.0.1[127.0.0.1]"
    assert f"warning: QID0: smtp {name.split('_')[1]} checks lookup error" in log


def test_checks_come_before_the_mapping_of_addresses(tmp_path):
    """What REPLACE puts in is mapped, and the header is shown to the tables once."""
    sent, log, _ = deliver(tmp_path, b"From: x@in.example\r\nSubject: s\r\n\r\nFrom: x@in.example\r\n",
                           smtp_header_checks="regexp:{{/^From: x/ REPLACE From: me@in.example}}",
                           smtp_generic_maps="inline:{{me@in.example=me@out.example}}")
    assert sent == b"From: me@out.example\r\nSubject: s\r\n\r\nFrom: x@in.example\r\n.\r\n"
    assert sum("replace: header" in line for line in log) == 1


def test_only_a_changed_address_makes_another_header(tmp_path):
    message = b"From: x@in.example\r\n\r\nbody\r\n"
    sent, _, _ = deliver(tmp_path, message, smtp_body_checks="regexp:{{/^body/ REPLACE text}}",
                         smtp_generic_maps="inline:{{me@in.example=me@out.example}}")
    assert sent == b"From: x@in.example\r\n\r\ntext\r\n.\r\n"


def test_lmtp_has_tables_of_its_own(tmp_path):
    sent, log, _ = deliver(tmp_path, b"Subject: x\r\n\r\nbody\r\n", program="lmtp", smtp_header_checks="regexp:{{/./ STRIP}}",
                           lmtp_header_checks="regexp:{{/^Subject/ REPLACE Subject: y}}")
    assert sent == b"Subject: y\r\n\r\nbody\r\n.\r\n"


def test_long_headers_and_messages_without_a_body(tmp_path):
    for message in (b"Subject: x", b"Subject: x\r\n", b"\r\nbody\r\n", b"no header\r\n"):
        sent, _, (_, rows) = deliver(tmp_path, message, smtp_header_checks="regexp:{{/^X/ STRIP}}",
                                     smtp_generic_maps="inline:{{me@in.example=me@out.example}}")
        assert rows[0][1] == "sent" and sent.endswith(b".\r\n")
        assert sent.replace(b"\r\n", b"").rstrip(b".") == message.replace(b"\r\n", b"")


def test_a_table_of_another_process_is_refused(tmp_path):
    config = configuration(tmp_path, smtp_body_checks="tcp:127.0.0.1:1")
    with pytest.raises(ConfigError, match="smtp_body_checks: a table that asks another process"):
        Checks(config, None)


def test_without_tables_nothing_stands_in_the_way(tmp_path):
    assert not Checks(configuration(tmp_path), None)
