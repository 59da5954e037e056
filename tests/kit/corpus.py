"""Bad input by the set: command lines, addresses, ESMTP parameters (each made by rule, the same every time).

`tests/dialogs/test_command_lines.py` sends them to pyfix, `tests/interop/test_bad_lines.py` to Debian's Postfix as well and compares,
`tests/flow/test_hostile.py` to a whole relay. What each set of the project's list of attacks has, and where:

| set | where | cases |
|---|---|---|
| end of data | core/test_data.MATRIX, flow/test_hostile | 504 x splits x 4 policies x DATA and BDAT |
| command lines | LINES here | 522 |
| addresses | PATHS here; dialogs/test_relay.FORMS, TRICKS | 184, each as sender and as recipient; 65 x 10 from a stranger |
| ESMTP parameters | PARAMETERS here | 204, each at MAIL and at RCPT |
| state machine | core/test_orders, interop/test_orders | 121 + 1331 orders, from 4 states |
| message bodies | kit/bodies | 88 |
| server replies | kit/client_cases, kit/stall_cases | 86 + 16 |
| DNS answers | unit/dns/test_resolver.CASES | 70 |
| IPC, queue records | fuzz/test_fuzz_records, fuzz/test_qmgr_frames, crash/spoil | by rule: flipped bits, lengths, cuts |
| main.cf, master.cf | unit/config/test_bad_configuration; interop/test_postconf_differential | 85; thousands made at random beside Postfix's postconf |

`test_the_sets_are_complete` counts those of this module.
"""

from collections.abc import Iterator

VERBS = [b"HELO", b"EHLO", b"LHLO", b"MAIL FROM:", b"RCPT TO:", b"DATA", b"BDAT", b"RSET", b"NOOP", b"VRFY", b"ETRN", b"QUIT",
         b"AUTH", b"STARTTLS", b"XCLIENT", b"XFORWARD", b"EXPN", b"HELP"]


def damaged(verb: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, line) for each kind of damage."""
    yield from {
        "empty": verb, "extra": verb + b" a b c d e f g", "blank": verb + b" ", "tabs": verb + b"\t\tx\t", "lower": verb.lower(),
        "mixed": verb.swapcase() + b" x", "leading": b"   " + verb, "8bit": verb + b" \xe4\xf6", "utf8": verb + " \u00e4".encode(),
        "bad utf8": verb + b" \xc0\x80", "nul first": b"\0" + verb, "nul in": verb[:2] + b"\0" + verb[2:], "nul last": verb + b"\0",
        "cr in": verb[:2] + b"\r" + verb[2:], "cr last": verb + b"\r", "esc": verb + b" \x1b[2J", "header": b"Subject: x",
        "http": b"GET / HTTP/1.1", "brackets": verb + b" <<<<>>>><", "quotes": verb + b' "' + b"\\" * 5,
        "parameters": verb + b" <a@b> " + b" ".join(b"P%d=x" % i for i in range(100)), "percent": verb + b" %s%n%d",
    }.items()
    for size in (511, 512, 513, 2047, 2048, 2049, 65536):
        yield f"{size} bytes", verb + b" " + b"x" * (size - len(verb) - 1)


LINES = [(verb, name, line) for verb in VERBS for name, line in damaged(verb)]

A_UMLAUT = "\u00e4".encode()
# local parts and domains that are put together with a plain other half, then what is no address at all
LOCALS = [b"l" * 64, b"l" * 65, b"l" * 256, b"a..b", b".a", b"a.", b".", b"..", b"a b", b"a\\ b", b'"a b"', b'"a\\"b"', b'"a\\\\"', b'"a', b'a"',
          b'""', b'"."', b'"a"b', b'a"b"', b'"a"."b"', b'"a@b"', b'"<>"', b'" "', b"a\\", b"\\a", b"(c)a", b"a(c)", b"a,b", b"a;b", b"a:b", b"a[b]",
          b"a<b", b"a>b", b"-oQ/tmp", b"-", b"|cmd", b"/etc/passwd", b":include:/x", b"${run{x}}", b"`id`", b"$(id)", b";sleep 66;", b"../../x",
          b"a%b", b"a%", b"%a", b"%", b"a!b", b"!a", b"a!", b"!", b"a%b%c", b"b!a%c", b"a+b", b"+", b"a=b", b"a'b", b"{a}", b"#&*/?^_`|~",
          b"MAILER-DAEMON", b"postmaster", b"double-bounce", A_UMLAUT, "\u202ea".encode(), "\u212a".encode(), b"\x01", b"\x7f", b"a\x1b[2J", b'"a\rb"', b'"\x08"']
DOMAINS = [b"", b".", b"..", b"c", b"C.EXAMPLE", b"c.example.", b"c.example..", b".c.example", b"c..example", b"-c.example", b"c-.example", b"c_d.example",
           b"c d", b"c\\d", b'"c"', b"c(d)", b"c,d", b"c;d", b"c:d", b"c/d", b"c!d", b"c%d", b"c@d", b"*", b"c*", b"d" * 63 + b".example", b"d" * 64 + b".example",
           b"d." * 127 + b"e", b"d." * 128 + b"e", b"1.2.3.4", b"1.2.3", b"1", b"0x7f.1", b"1.2.3.4.", b"[1.2.3.4]", b"[1.2.3]", b"[1.2.3.4.5]", b"[999.1.1.1]",
           b"[01.2.3.4]", b"[1.2.3.4", b"1.2.3.4]", b"[]", b"[ 1.2.3.4 ]", b"[IPv6:::1]", b"[ipv6:::1]", b"[IPv6:::ffff:1.2.3.4]", b"[IPv6:zz]", b"[IPv6:1:2]",
           b"[::1]", b"[x-tag:y]", b"[c.example]", b"[1.2.3.4].example", b"xn--mnchen-3ya.example", b"xn--.example", b"xn--a.example", b"c" + A_UMLAUT + b".example",
           A_UMLAUT * 32 + b".example", "\u2024example".encode(), "c\u3002example".encode(), "\u017fs.example".encode(), b"c\x7f.example", b"c.example\x1b", b"localhost", b"c.example:25"]
WHOLE = [b"<>", b"<", b">", b"<<>>", b"<a", b"a>", b"<a@b", b"a@b>", b"<@>", b"<@b>", b"<a@b>>", b"<<a@b>>", b"<a@b>,<c@d>", b"<a@b> <c@d>", b"<a@b>x", b"x<a@b>",
         b"x <a@b>", b'"x" <a@b>', b"(x)<a@b>", b"<a@b>(x)", b"a@b", b"a", b"a@b,c@d", b"g:a@b;", b"g:;", b"<g:a@b;>", b"(((((a@b", b"<@a,@b:c@d>", b"<@a:@b:c@d>",
         b"<@a:c>", b"<@:c@d>", b"<@a,b:c@d>", b"<@a c@d>", b"<.!@b>", b"<[10.0.0.1]:25!@b.example>", b"<a@b c>", b"< a@b >", b'<"">', b'"', b'"<a@b>"', b"\\",
         b"<\\>", b"<a@b\\>", b",", b";", b":", b"()", b"<()>", b"<a@b;c>", b"<a\tb@c>"]
PATHS = [*WHOLE, *(b"<" + local + b"@c.example>" for local in LOCALS), *(b"<a@" + domain + b">" for domain in DOMAINS)]

KEYWORDS = [b"SIZE", b"BODY", b"RET", b"ENVID", b"AUTH", b"SMTPUTF8", b"NOTIFY", b"ORCPT", b"XVERP", b"REQUIRETLS", b"X"]
VALUES = [b"", b"=", b"==", b"=-1", b"=99999999999999999999999", b"=+", b"=a+4", b"=a+zz", b"=a+0Ab", b"=a+00", b"=" + b"y" * 900, b"=\x01"]
PARAMETERS = [*(keyword + value for keyword in KEYWORDS for value in VALUES),
              b"SIZE=+5", b"SIZE=1_0", b"SIZE=1 0", b"SIZE=0x10", "SIZE=\u0663".encode(), b"SIZE=9223372036854775807", b"SIZE=9223372036854775808",
              b"SIZE=18446744073709551616", b"SIZE=007", b"size=1", b"SIZE =1", b"SIZE= 1", b"BODY=8", b"BODY=7bit", b"BODY=8bitmime", b"BODY=BINARYMIME",
              b"BODY=7BIT BODY=8BITMIME", b"RET=FULL", b"RET=hdrs", b"RET=FULL RET=FULL", b"RET=FULL RET=HDRS", b"ENVID=a=b", b"ENVID=a+2B+20", b"ENVID=a ENVID=a",
              b"ENVID=+C3+A4", b"ENVID=" + A_UMLAUT, b"AUTH=<>", b"AUTH=<> AUTH=<>", b"AUTH=x+0Ainjected", b"NOTIFY=NEVER", b"NOTIFY=never,never",
              b"NOTIFY=NEVER,FAILURE", b"NOTIFY=SUCCESS,FAILURE,DELAY", b"NOTIFY=FAILURE,FAILURE", b"NOTIFY=,", b"NOTIFY=,FAILURE", b"NOTIFY=FAILURE,,DELAY",
              b"NOTIFY=FAILURE DELAY", b"NOTIFY=FAILURE NOTIFY=DELAY", b"NOTIFY=FAIL", b"ORCPT=;", b"ORCPT=;a", b"ORCPT=a", b"ORCPT=rfc822;", b"ORCPT=rfc822;a",
              b"ORCPT=rfc822;a;b", b"ORCPT=rfc822;a+2Bb", b"ORCPT=rfc822;+C3+A4", b"ORCPT=rfc822;a+0Ab", b"ORCPT=rfc822;a+00", b"ORCPT=rfc822;+FF",
              b"ORCPT=utf-8;\\x{E4}", b"ORCPT=utf-8;\\x{}", b"ORCPT=utf-8;\\x{0}", b"ORCPT=utf-8;\\x{110000}", b"ORCPT=utf-8;\\x{D800}", b"ORCPT=utf-8;\\x{E4",
              b"ORCPT=utf-8;a+zz", b"ORCPT=rfc822;a ORCPT=rfc822;a", b"ORCPT=rfc822;" + A_UMLAUT, b"=", b"=x", b"<>", b"<a@b>", b'"', b'"a b"', b"X\0Y",
              b"SIZE=1 SIZE=2 BODY=7BIT BODY=8BITMIME", b"SMTPUTF8 SMTPUTF8", b"FOO BAR=1 SIZE=x", b"SIZE=1\tBODY=7BIT", b",SIZE=1"]
