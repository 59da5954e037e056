"""Some hundreds of odd addresses in MAIL, RCPT and VRFY, to Debian's Postfix and to pyfix: the same replies and log lines.

PYFIX_SEED and PYFIX_COUNT choose other addresses. Control characters are refused here, and not asked for.
"""

import os
import random

import pytest

from tests.kit.postfix import Postfix, play, told
from tests.kit.smtpd import Smtpd

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]
SEED, COUNT = int(os.environ.get("PYFIX_SEED", "1")), int(os.environ.get("PYFIX_COUNT", "150"))
LIMITS = """in_flow_delay = 0
smtpd_hard_error_limit = 100000
smtpd_junk_command_limit = 100000
smtpd_recipient_limit = 100000
smtpd_recipient_overshoot_limit = 100000
"""
OPEN = LIMITS + "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n"
CHECKED = LIMITS + """strict_rfc821_envelopes = {strict}
resolve_numeric_domain = {numeric}
allow_min_user = {minus}
relay_domains = relay.test
smtpd_relay_restrictions = reject_unauth_destination
smtpd_sender_restrictions = reject_non_fqdn_sender, check_sender_access inline:{{ {{x = reject}}, {{a@b.example = 450 told}} }}
smtpd_recipient_restrictions = reject_non_fqdn_recipient, check_recipient_access inline:{{ {{r@ = reject at}}, {{b.example = reject b}} }}
"""
PIECES = [b"a", b"r", b"R", b"@", b"@", b"@", b".", b".", b"example.org", b"b.example", b"relay.test", b"<", b">", b'"', b'"', b"\\", b" ", b":", b",", b";", b"(", b")", b"[", b"]",
          b"127.0.0.1", b"1.2.3.4", b"IPv6:::1", b"!", b"%", b"-", b"+", b"\xc5\xbf", b"\xc3\xa9", b"\xff", b"x" * 70, b"localhost", b"postmaster", b"=", b"/", b"'"]
KNOWN = ["<\u017fs.example>", "<r@R@>", "<r@\u017fs.example>", "<a@b@example.org>", "<@>", "<@a>", "<a@>", "<a@@>", "<@a:b@c>", "<@a,@b:c@d>", "<a@[1.2.3.4]>",
         "<a@[1.2.3]>", "<a@1.2.3.4>", "<a@[IPv6:::1]>", "<a@[::1]>", "<a@ipv6:::1>", "<\"a b\"@example.org>", "<a b@example.org>", "<a\\ b@example.org>", "<\"\"@example.org>",
         "<\"a@example.org>", "<a@example.org", "a@example.org>", "a@example.org", "<<a@example.org>>", "< a@example.org >", "<a@example.org> <b>", "<a@example.org>,<b@c>",
         "<a@example.org.>", "<a@.example.org>", "<a@example..org>", "<a..b@example.org>", "<.a@example.org>", "<a.@example.org>", "<a%b@example.org>", "<a!b@example.org>",
         "<b!a>", "<a%b>", "<a@b%c@d>", "<postmaster>", "<POSTMASTER@>", "<-a@example.org>", "<\"-a\"@example.org>", "<a@-b.example>", "<a@b_c.example>", "<a(comment)@example.org>",
         "<(c) a@example.org>", "Name <a@example.org>", "<Name <a@example.org>>", "<g: a@example.org;>", "<a;b@example.org>", "<a,b@example.org>", "<\\@example.org>", "<\\>", "<\\",
         "<a@\"example.org\">", "<a@(x)example.org>", "<a @ example.org>", "<a@example.org:25>", "<a:b@example.org>", "<@example.org:>", "<@example.org:a>", "<@:a@b.c>", "<a@b:c@d>",
         "<\"a\"b@example.org>", "<a\"b\"@example.org>", "<\"a\\\"b\"@example.org>", "<\"a\\b\"@example.org>", "<>", "<\"\">", "<\"\"@>", "< >", "", "<a@xn--zca.example>", "<a@\u00e9.example>",
         "<\u00e9@example.org>", "<\"\u00e9 x\"@example.org>", "<a@\uff41.example>", "<a@\u3002.example>", "<a@b\u3002c>", "<a@" + "x" * 64 + ".example>", "<a@" + "x." * 130 + "example>",
         "<" + "y" * 70 + "@example.org>", "<a@example.org>SIZE=10", "<a@example.org><b>", "<a>b@example.org", "a<b@example.org>", "\"a b\"@example.org"]


def texts(count: int) -> list[bytes]:
    """What stands behind the colon."""
    chance = random.Random(SEED)
    found = [one.encode() for one in KNOWN]
    for _ in range(count):
        inner = b"".join(chance.choice(PIECES) for _ in range(chance.randint(1, 7)))
        found.append(b"<" + inner + b">" if chance.random() < 0.8 else inner)
    return found


def dialogue(odd: list[bytes]) -> list[bytes]:
    """Each as sender, as recipient, with SMTPUTF8 and without, and in VRFY."""
    lines = [b"EHLO me\r\n"]
    for one in odd:
        lines += [b"MAIL FROM:%b\r\n" % one, b"RSET\r\n", b"MAIL FROM:%b SMTPUTF8\r\n" % one, b"RCPT TO:%b\r\n" % one, b"RSET\r\n",
                  b"MAIL FROM:<s@x.example>\r\n", b"RCPT TO:%b\r\n" % one, b"RSET\r\n", b"MAIL FROM:<s@x.example> SMTPUTF8\r\n", b"RCPT TO:%b\r\n" % one, b"RSET\r\n",
                  b"VRFY %b\r\n" % one]
    return lines


@pytest.mark.parametrize("main", [OPEN, CHECKED.format(strict="no", numeric="no", minus="yes"), CHECKED.format(strict="yes", numeric="yes", minus="no")])
def test_the_same_replies_and_log(tmp_path_factory, tmp_path, main):
    lines = dialogue(texts(COUNT))
    with Postfix(tmp_path_factory.mktemp("pf", numbered=True), main) as theirs:
        wanted, log = theirs.play(lines)
    with Smtpd(tmp_path, main) as ours:
        got, lines = play(ours.port, lines), [told(line) for line in ours.lines()]
    different = [(one, other) for one, other in zip(got, wanted) if one != other]
    assert different == [] and len(got) == len(wanted)
    assert lines == log
