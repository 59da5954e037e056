"""Bad main.cf and master.cf as an administrator meets them: master's plan refuses each, naming file, line and what to write instead."""

import re

import pytest

from pyfix.config.check import WORDS
from pyfix.config.table import details, parameters
from pyfix.errors import ConfigError
from pyfix.master import plan

MAIN = "compatibility_level = 3.6\nmyhostname = h.example\n# a comment\n"
MASTER = "127.0.0.1:2525 inet n - n - - smtpd\npickup unix n - n 60 1 pickup\nqmgr unix n - n 300 1 qmgr\nsmtp unix - - n - - smtp\n"
COMPARE = '"==" or "!="" or "<"" or "<="" or ">="" or ">"'

# main.cf text from line 4 on -> (line, what, remedy)
IN_MAIN = {
    # lines
    "foo bar": (4, "missing '=' after attribute name: \"foo bar\"", "write name = value"),
    "= x": (4, 'missing attribute name: "= x"', "write name = value"),
    "biff": (4, "missing '=' after attribute name: \"biff\"", "write name = value"),
    "always_bcc\n  = x y": (4, "", ""),
    "biff = no\n\n# c\nother words\n  more": (7, "missing '=' after attribute name: \"other words  more\"", "write name = value"),
    # yes and no
    "soft_bounce = maybe": (4, "bad boolean configuration: soft_bounce = maybe", "write yes or no"),
    "soft_bounce =": (4, "bad boolean configuration: soft_bounce = ", "write yes or no"),
    "disable_vrfy_command = on": (4, "bad boolean configuration: disable_vrfy_command = on", "write yes or no"),
    "smtpd_helo_required = 1": (4, "bad boolean configuration: smtpd_helo_required = 1", "write yes or no"),
    "allow_min_user = $myhostname": (4, "bad boolean configuration: allow_min_user = h.example", "write yes or no"),
    "swap_bangpath = yes no": (4, "bad boolean configuration: swap_bangpath = yes no", "write yes or no"),
    "allow_percent_hack = \u0443\u0435\u0455": (4, "bad boolean configuration: allow_percent_hack = \u0443\u0435\u0455", "write yes or no"),
    # numbers
    "message_size_limit = 10M": (4, "bad numerical configuration: message_size_limit = 10M", "write a plain decimal number"),
    "header_size_limit = 0": (4, "invalid header_size_limit parameter value 0 < 1", "use at least 1"),
    "message_size_limit = -1": (4, "", ""),     # Postfix has no bound there
    "message_size_limit = 99999999999999999999": (
        4, "bad numerical configuration: message_size_limit = 99999999999999999999", "write a plain decimal number"),
    "smtpd_recipient_limit = 0": (4, "invalid smtpd_recipient_limit parameter value 0 < 1", "use at least 1"),
    "smtpd_recipient_limit = 99999999999": (
        4, "bad numerical configuration: smtpd_recipient_limit = 99999999999", "write a plain decimal number"),
    "smtpd_recipient_limit = 0x10": (4, "bad numerical configuration: smtpd_recipient_limit = 0x10", "write a plain decimal number"),
    "smtpd_recipient_limit = 1_0": (4, "bad numerical configuration: smtpd_recipient_limit = 1_0", "write a plain decimal number"),
    "smtpd_recipient_limit = \u0663": (4, "bad numerical configuration: smtpd_recipient_limit = \u0663", "write a plain decimal number"),
    "line_length_limit = 1": (4, "invalid line_length_limit parameter value 1 < 512", "use at least 512"),
    "header_size_limit = ten": (4, "bad numerical configuration: header_size_limit = ten", "write a plain decimal number"),
    "hopcount_limit =": (4, "bad numerical configuration: hopcount_limit = ", "write a plain decimal number"),
    "delay_logging_resolution_limit = 7": (4, "invalid delay_logging_resolution_limit parameter value 7 > 6", "use at most 6"),
    "default_destination_concurrency_limit = 5 5": (
        4, "bad numerical configuration: default_destination_concurrency_limit = 5 5", "write a plain decimal number"),
    "queue_minfree = 1e9": (4, "bad numerical configuration: queue_minfree = 1e9", "write a plain decimal number"),
    # times
    "queue_run_delay = 5q": (4, "parameter queue_run_delay: bad time value or unit: 5q", "write a number and one of s, m, h, d, w"),
    "queue_run_delay = 0": (4, "invalid queue_run_delay: 0 (min 1)", "use at least 1s"),
    "queue_run_delay = -5m": (4, "parameter queue_run_delay: bad time value or unit: -5m", "write a number and one of s, m, h, d, w"),
    "minimal_backoff_time = h": (4, "parameter minimal_backoff_time: bad time value or unit: h", "write a number and one of s, m, h, d, w"),
    "maximal_queue_lifetime = 101d": (4, "invalid maximal_queue_lifetime: 8726400 (max 8640000)", "use at most 8640000s"),
    "smtp_connect_timeout = 99999999999s": (
        4, "parameter smtp_connect_timeout: bad time value or unit: 99999999999s", "write a number and one of s, m, h, d, w"),
    "smtpd_timeout = five": (4, "parameter smtpd_timeout: bad time value or unit: five", "write a number and one of s, m, h, d, w"),
    # texts
    "myhostname =": (4, "bad string length 0 < 1: myhostname = ", "give it a value"),
    "myorigin =": (4, "bad string length 0 < 1: myorigin = ", "give it a value"),
    "recipient_bcc_maps = ${x": (4, 'truncated macro reference: "${x"', "correct the ${...} expression"),
    "relayhost = $": (4, 'empty macro name: "$"', "correct the ${...} expression"),
    "relayhost = ${}": (4, 'empty macro name: "${}"', "correct the ${...} expression"),
    "relayhost = $(mydomain": (4, 'truncated macro reference: "$(mydomain"', "correct the ${...} expression"),
    "relayhost = ${mydomain!x}": (4, 'attribute name syntax error at: "...mydomain>>>!x"', "correct the ${...} expression"),
    "relayhost = ${{a} = {b}?c}": (4, COMPARE + ' expected at: "...a}>>>= {b}?c"', "correct the ${...} expression"),
    "relayhost = ${{a} == b?c}": (4, '"{expression}" expected at: "...{a} ==>>> b?c"', "correct the ${...} expression"),
    "relayhost = ${{a} <levels {b}?c}": (4, 'bad operator suffix at: "...<>>>levels"', "correct the ${...} expression"),
    "relayhost = ${mydomain?{a}b}": (4, '":" expected at: "...a}>>>b"', "correct the ${...} expression"),
    # words
    "compatibility_level = x": (4, 'malformed compatibility level syntax: "x"', "write a release, like 3.6"),
    "inet_protocols = ipv5": (4, 'unknown inet_protocols value "ipv5" in "ipv5"', "use all, ipv4, ipv6"),
    "mynetworks_style = net": (4, 'unknown mynetworks mask style value "net" in "net"', "use class, subnet, host"),
    "notify_classes = bounce, foo": (4, 'unknown notify_classes value "foo" in "bounce, foo"', "use bounce, 2bounce, data"),
    "masquerade_classes = header": (4, 'unknown masquerade_classes value "header" in "header"', "use envelope_sender,"),
    "sender_canonical_classes = header_recipient": (4, 'unknown sender_canonical_classes value "header_recipient" in "header_recipient"',
                                                    "use envelope_sender, header_sender"),
    "propagate_unmatched_extensions = all": (4, 'unknown propagate_unmatched_extensions value "all" in "all"', "use canonical,"),
    "smtp_address_preference = v4": (4, 'unknown smtp_address_preference value "v4" in "v4"', "use any, ipv4, ipv6"),
    "smtp_host_lookup = hosts": (4, 'unknown smtp_host_lookup value "hosts" in "hosts"', "use dns, native"),
    "smtpd_forbid_bare_newline = maybe": (4, 'unknown smtpd_forbid_bare_newline value "maybe" in "maybe"', "use yes, no, normalize"),
    "receive_override_options = no_milter": (4, 'unknown receive_override_options value "no_milter" in "no_milter"', "use no_unknown"),
}
# a further line of master.cf (the fifth) -> (what, remedy)
IN_MASTER = {
    "smtp inet": ("bad field count", "an entry has eight columns"),
    "smtp inet n - n - -": ("bad field count", "an entry has eight columns"),
    "x tcp n - - - - smtpd": ('invalid type field "tcp" in "x tcp n - - - - smtpd"', "use one of unix, fifo, inet"),
    "x INET n - - - - smtpd": ('invalid type field "INET" in "x INET n - - - - smtpd"', "use one of unix, fifo, inet"),
    "x inet y - - - - smtpd": ('inet service cannot be private: "x inet y - - - - smtpd"', "write n in the third column"),
    "x unix q - - - - smtpd": ('invalid private field "q" in "x unix q - - - - smtpd"', "write y, n or -"),
    "x unix n yes - - - smtpd": ('invalid unprivileged field "yes" in "x unix n yes - - - smtpd"', "write y, n or -"),
    "x unix n - 0 - - smtpd": ('invalid chroot field "0" in "x unix n - 0 - - smtpd"', "write y, n or -"),
    "x unix n - - 5m - smtpd": ('invalid wakeup field "5m" in "x unix n - - 5m - smtpd"', "write seconds, seconds? or -"),
    "x unix n - - -1 - smtpd": ('invalid wakeup field "-1" in "x unix n - - -1 - smtpd"', "write seconds, seconds? or -"),
    "x unix n - - - many smtpd": ('invalid process_limit field "many" in "x unix n - - - many smtpd"', "write a number or -"),
    "x unix n - - - - smtpd -o": ("", ""),
    "x unix n - - - - smtpd -o novalue": ("missing '=' after attribute name: \"novalue\"", "write name = value"),
    "x unix n - - - - smtpd -o =x": ('missing attribute name: "=x"', "write name = value"),
    "x unix n - - - - smtpd -o {foo=bar": ("missing '}' in \"{foo=bar\"", "balance the braces"),
    "x unix n - - - - smtpd {a}b": ("syntax error after '}' in \"{a}b\"", "balance the braces"),
    "smtp unix - - n - - smtp": ('duplicate service name "smtp" and type "unix"', "remove one of the two lines"),
    "99999 inet n - - - - smtpd": ("unknown service: 99999/tcp", "use a port number"),
    "nosuchport inet n - - - - smtpd": ("unknown service: nosuchport/tcp", "use a port number"),
    ":25 inet n - - - - smtpd": ("bad inet service name: :25", "write port, host:port or [address]:port"),
    "127.0.0.1: inet n - - - - smtpd": ("bad inet service name: 127.0.0.1:", "write port, host:port or [address]:port"),
    "name.invalid:25 inet n - - - - smtpd": ("host not found: name.invalid", "use an address, or a name that /etc/hosts knows"),
    "x unix n - - - - smtpd -o smtpd_timeout=x": ("parameter smtpd_timeout: bad time value or unit: x", "write a number and one of"),
    "x unix n - - - - smtp -o { soft_bounce = x }": ("bad boolean configuration: soft_bounce = x", "write yes or no"),
    "x unix n - - - - smtpd -o relayhost=${x": ('truncated macro reference: "${x"', "correct the ${...} expression"),
    "x unix n - - - - smtpd -o inet_protocols=ipv5": ('unknown inet_protocols value "ipv5" in "ipv5"', "use all, ipv4, ipv6"),
}


def load(path, main="", master=""):
    (path / "main.cf").write_text(MAIN + main)
    (path / "master.cf").write_text(MASTER + master)
    return plan.load(str(path))


def refused(path, main="", master=""):
    with pytest.raises(ConfigError) as caught:
        load(path, main, master)
    return caught.value


def test_there_are_enough():
    assert sum(bool(what) for _, what, _ in IN_MAIN.values()) >= 50 and sum(bool(what) for what, _ in IN_MASTER.values()) >= 20


@pytest.mark.parametrize("text", IN_MAIN)
def test_main_cf(tmp_path, text):
    line, what, remedy = IN_MAIN[text]
    if not what:        # it only looks bad
        load(tmp_path, text + "\n")
        return
    error = refused(tmp_path, text + "\n")
    assert (error.file, error.line, error.text) == (f"{tmp_path}/main.cf", line, what)
    assert error.remedy.startswith(remedy)
    assert str(error).startswith(f"{tmp_path}/main.cf, line {line}: {what} ({remedy}")


@pytest.mark.parametrize("text", IN_MASTER)
def test_master_cf(tmp_path, text):
    what, remedy = IN_MASTER[text]
    if not what:
        load(tmp_path, master=text + "\n")
        return
    error = refused(tmp_path, master=text + "\n")
    assert (error.file, error.line, error.text) == (f"{tmp_path}/master.cf", 5, what)
    assert error.remedy.startswith(remedy)


def test_all_mistakes_are_named_at_once(tmp_path):
    error = refused(tmp_path, "soft_bounce = x\nqueue_run_delay = y\n", "x unix n - - - - smtp -o biff=1 -o message_size_limit=z\n")
    assert error.line == 4 and error.text == "bad boolean configuration: soft_bounce = x"
    assert f"{tmp_path}/main.cf, line 5: parameter queue_run_delay" in error.remedy
    assert f"{tmp_path}/master.cf, line 5: bad numerical configuration: message_size_limit = z" in error.remedy


@pytest.mark.parametrize("text", ["lmtp_connect_timeout = x", "postscreen_dnsbl_threshold = x", "hash_queue_depth = x", "foo = ${bar"])
def test_what_nothing_reads_is_not_judged(tmp_path, text):
    load(tmp_path, text + "\n")


def test_a_program_in_master_cf_makes_its_parameters_count(tmp_path):
    assert refused(tmp_path, "lmtp_connect_timeout = x\n", "lmtp unix - - n - - lmtp\n").line == 4


def test_the_words_hold_the_defaults(tmp_path):
    config, rows = load(tmp_path).config, details()
    for name, words in WORDS.items():
        assert parameters()[name].type == "str" and rows[name].status != "ignored"
        assert set(re.split(r"[, ]+", config[name])) - {""} <= set(words), name
