"""The same random mail through Debian's Postfix and through pyfix, both whole and running: same replies, same envelopes
delivered, same header fields and bodies.

Covered: completion of addresses for local and remote clients, canonical, masquerading, virtual aliases with recursion, bcc,
extensions that propagate and that don't, generic in the smtp client, headers added and dropped, groups, comments, routes, quoting
of every kind. `owner-` is local(8)'s and not asked here. PYFIX_SEED and PYFIX_COUNT choose other messages.
"""

import asyncio
import json
import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from pyfix._core.quote import quote
from pyfix.commands.sink import Sink
from tests.kit.postfix import POSTFIX, Postfix
from tests.kit.relay import BIN, Relay
from tests.kit.smtpd import Wire

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]
SEED, COUNT = int(os.environ.get("PYFIX_SEED", "1")), int(os.environ.get("PYFIX_COUNT", "60"))
PATIENCE = 120.0
COMMON = """
myhostname = mail.example.com
mydomain = example.com
myorigin = $mydomain
mydestination = $myhostname, localhost
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
append_dot_mydomain = yes
defer_transports =
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 1000
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_tls_security_level = none
smtp_line_length_limit = 0
disable_mime_output_conversion = yes
undisclosed_recipients_header = To: undisclosed-recipients:;
relayhost = [127.0.0.1]:{port}
local_transport = smtp:[127.0.0.1]:{port}
"""
CANONICAL = """
canonical_maps = inline:{ {a@c.d = canon@x.y}, {@can.test = @canned.test} }
sender_canonical_maps = inline:{ {b@c.d = sb}, {user = u.ser} }
recipient_canonical_maps = inline:{ {b@c.d = rb} }
"""
VIRTUAL = """
virtual_alias_maps = inline:{ {list = a@b.c, user@c.d, me}, {me = me, other+ext}, {@all.test = catch@one.test},
  {canon@x.y = "q q"@z.z}, {user@c.d = user@c.d, list} }
"""
SETTINGS = {
    "all": CANONICAL + VIRTUAL + """
recipient_delimiter = +
masquerade_domains = !sub.example.com example.com
masquerade_exceptions = root
recipient_bcc_maps = inline:{ {other@example.com = rbcc} }
sender_bcc_maps = inline:{ {u.ser@example.com = sbcc+x@c.d} }
always_bcc = archive
""",
    "classes": CANONICAL + VIRTUAL + """
recipient_delimiter = +-
propagate_unmatched_extensions =
canonical_classes = envelope_sender, header_recipient
sender_canonical_classes = header_sender
recipient_canonical_classes = envelope_recipient
masquerade_domains = $mydomain
masquerade_classes = envelope_sender, envelope_recipient, header_recipient
enable_original_recipient = no
always_bcc = "strange box"@c.d
""",
    "generic": """
recipient_delimiter = +
propagate_unmatched_extensions = canonical, virtual, generic
smtp_generic_maps = inline:{ {a@c.d = gen@x.y}, {user = u.ser}, {@can.test = @canned.test}, {me@example.com = "m e"@out.test},
  {root@mail.example.com = admin}, {"q q"@c.d = plain@c.d} }
always_add_missing_headers = yes
""",
    "remote": CANONICAL + VIRTUAL + """
local_header_rewrite_clients =
remote_header_rewrite_domain = domain.invalid
masquerade_domains = example.com
message_drop_headers = bcc, x-drop, return-path
""",
    "untouched": """
local_header_rewrite_clients =
append_dot_mydomain = no
recipient_delimiter = -
smtp_generic_maps = inline:{ {user@example.com = someone@out.test}, {a = b} }
""",
    "strange": VIRTUAL + """
swap_bangpath = no
allow_percent_hack = no
append_dot_mydomain = no
masquerade_domains = example.com c.d
virtual_alias_domains = all.test
header_address_token_limit = 40
header_from_format = obsolete
smtpd_recipient_restrictions = check_recipient_access inline:{ {a@c.d = BCC "b c"@c.d}, {b@c.d = REDIRECT "r d"@c.d} }
header_checks = regexp:{ {/^Sender:/ BCC "h c"@c.d}, {/^Errors-To:/ REDIRECT "h r"@c.d} }
""",
}
USERS = [b"a", b"b", b"user", b"list", b"me", b"other", b"root", b"x+ext", b"me+y", b"list+z", b"user-z", b"User",
         b"MAILER-DAEMON", b"q q", b"o'k", b"a.", b".a", b"x..y", b"x!y", b"x%c.d", b'q"t', b"b\\s", b"c,d", b"owner-list"]
DOMAINS = [b"", b"", b"@c.d", b"@x.y", b"@can.test", b"@all.test", b"@example.com", b"@h.example.com", b"@h.sub.example.com",
           b"@h", b"@C.D", b"@one.test", b"@[127.0.0.1]", b"@c.d.", b"@mail.example.com"]
FIELDS = ["From", "To", "Cc", "Reply-To", "Resent-To", "Resent-From", "Sender", "Errors-To", "Bcc", "Resent-Bcc", "Return-Path", "X-Drop",
          "Apparently-To", "Return-Receipt-To", "Disposition-Notification-To", "X-Other"]
FORMS = [b"%b", b"<%b>", b"Some Name <%b>", b"%b (comment)", b'"x, y" <%b>', b"grp: %b;", b"=?utf-8?q?x_y?= <%b>",
         b"(a (nested) one) %b", b"Name.With.Dots <%b>", b"<@c.d,@x.y:%b>", b"a b c <%b> (tail)", b"%b,", b"Caf\xc3\xa9 <%b>"]
RAW = [b"<>", b"undisclosed-recipients:;", b"a b", b"a@b@c.d", b"x!y@c.d", b"u%c.d@example.com", b"@c.d:user@x.y", b"[1.2.3.4]",
       b"user@[1.2.3.4]", b"<open@c.d", b"(open", b"a.b.c", b"<a@c.d> <b@c.d>", b"g: a, b@c.d;, list", b"a\\,b@c.d",
       b'"a\\"b"@c.d', b"user @ c . d", b"one two <me>", b"", b"x@", b"@", b"caf\xc3\xa9@c.d", b";", b"a@c.d; b@c.d", b"\"a b\" c@h"]
JOINTS = [b", ", b",\r\n ", b",", b"\r\n\t, ", b" , "]


def address(chance: random.Random) -> bytes:
    """A random address in internal form."""
    return chance.choice(USERS) + chance.choice(DOMAINS)


def fields(chance: random.Random) -> bytes:
    """Some random header fields with addresses."""
    out = b""
    for _ in range(chance.randint(1, 5)):
        parts = [chance.choice(RAW) if chance.random() < 0.3 else chance.choice(FORMS) % quote(address(chance))
                 for _ in range(chance.randint(1, 6))]
        if chance.random() < 0.1:
            parts.append(b'"unclosed')    # only last: what a quote swallows keeps other blanks than in Postfix
        out += chance.choice(FIELDS).encode() + b":" + chance.choice([b" ", b"", b"\t"]) + chance.choice(JOINTS).join(parts) + b"\r\n"
    return out


def message(chance: random.Random, number: int) -> tuple[bytes, list[bytes], bytes]:
    """(sender, recipients, content); senders and recipients as they stand between < and >."""
    sender = quote(address(chance)) if chance.random() < 0.9 else b""
    route = b"@relay.test:" if sender and b"@" in sender and chance.random() < 0.1 else b""
    recipients = [quote(address(chance)) for _ in range(chance.randint(1, 4))]
    head = fields(chance) + b"X-Tag: %d\r\n" % number
    if chance.random() < 0.7:
        head += b"Date: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-Id: <x@y>\r\n"
    return route + sender, recipients, head + b"\r\nbody\r\n"


def dialogue(port: int, mails: list[tuple[bytes, list[bytes], bytes]]) -> list[list[bytes]]:
    """The replies to each message's commands, over one connection."""
    told = []
    with Wire(port, 60) as wire:
        wire.reply()
        wire.ask(b"EHLO client.test\r\n")
        for sender, recipients, content in mails:
            replies = [wire.ask(b"MAIL FROM:<%b>\r\n" % sender)]
            replies += [wire.ask(b"RCPT TO:<%b>\r\n" % one) for one in recipients]
            if any(reply.startswith(b"250") for reply in replies[1:]):
                replies += [wire.ask(b"DATA\r\n"), re.sub(rb"queued as \w+", b"queued", wire.ask(content + b".\r\n"))]
            wire.ask(b"RSET\r\n")
            told.append(replies)
    return told


class Taken:
    """What a sink got: tag -> [sender, recipients, header and body without what must differ]."""

    def __init__(self) -> None:
        self.mails: dict[int, list] = {}

    def __call__(self, sender: bytes, recipients: list[bytes], content: bytes) -> None:
        head = content.partition(b"\r\n\r\n")[0] + b"\r\n"
        tag = re.search(rb"(?m)^X-Tag: (\d+)\r$", head)
        if tag is None:      # a bounce
            return
        text = re.sub(rb"\A(?:Return-Path: <>\r\n)?Received: .*\r\n(?:[\t ].*\r\n)*", b"", content)
        text = re.sub(rb"(?m)^((?:Resent-)?Message-Id): <\d{14}\..*>\r$", rb"\1: MADE\r", text)
        text = re.sub(rb"(?m)^((?:Resent-)?Date): (?!Fri, 15 Jan 2027).*\r$", rb"\1: MADE\r", text)
        mail = self.mails.setdefault(int(tag[1]), [sender, [], text])
        mail[1] = sorted(mail[1] + recipients)


async def drained(command: Path | str, directory: Path) -> None:
    """Wait until a queue is empty of what is not deferred."""
    for _ in range(int(PATIENCE * 2)):
        done = await asyncio.to_thread(subprocess.run, [str(command), "-c", str(directory), "-j"], capture_output=True, timeout=60)
        names = [json.loads(line)["queue_name"] for line in done.stdout.splitlines()]
        if not done.returncode and not set(names) - {"deferred"}:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(f"{directory}: mail is left in the queue")


async def ours(settings: str, mails: list) -> tuple[list, dict]:
    """(replies, what was delivered) of pyfix."""
    relay, taken = Relay(), Taken()
    relay.sink = Sink(taken)
    relay.extra = COMMON.format(port=relay.sink_port) + settings
    async with relay:
        told = await asyncio.to_thread(dialogue, relay.port, mails)
        await drained(BIN / "postqueue", relay.etc)
    return told, taken.mails


async def theirs(settings: str, mails: list, base: Path) -> tuple[list, dict]:
    """(replies, what was delivered) of Debian's Postfix."""
    taken = Taken()
    sink = Sink(taken)
    port = await sink.start()
    with Postfix(base, COMMON.format(port=port) + settings) as postfix:
        told = await asyncio.to_thread(dialogue, postfix.port, mails)
        await drained(Path(str(POSTFIX)).parent / "postqueue", postfix.base / "etc")
    await sink.stop()
    return told, taken.mails


@pytest.mark.parametrize("name", SETTINGS)
def test_the_same_mail_arrives(name: str, tmp_path: Path) -> None:
    chance = random.Random(f"{name} {SEED}")
    mails = [message(chance, number) for number in range(COUNT)]

    async def scenario() -> None:
        want = await theirs(SETTINGS[name], mails, tmp_path)
        got = await ours(SETTINGS[name], mails)
        wrong = [(mail, replies, *found) for mail, *replies, found in
                 ((mails[at], want[0][at], got[0][at], (want[1].get(at), got[1].get(at))) for at in range(COUNT))
                 if replies[0] != replies[1] or found[0] != found[1]]
        shown = "\n\n".join("\n".join(repr(part) for part in one) for one in wrong[:int(os.environ.get("PYFIX_SHOW", "3"))])
        assert not wrong, f"{len(wrong)} of {COUNT} differ:\n{shown}"
        assert len(want[1]) > COUNT // 3

    asyncio.run(scenario())
