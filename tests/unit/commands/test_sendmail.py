"""sendmail: what it makes of options and of bad input, with no relay running: messages land in maildrop."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pyfix.commands.common import Failure
from pyfix.commands.recipients import header_recipients
from pyfix.commands.sendmail import end_at_dot, sender_address, strip_from_lines
from pyfix.commands.sendmail_options import Wish, parse
from pyfix.ipc.submission import HEAD_SIZE, Decoder, head

POSTDROP = Path(sys.executable).with_name("postdrop")


@pytest.fixture
def spool(tmp_path):
    for name in ("maildrop", "public"):
        (tmp_path / "spool" / name).mkdir(parents=True)
    (tmp_path / "main.cf").write_text(f"queue_directory = {tmp_path}/spool\nmessage_size_limit = 100000\nmyhostname = a.example\n"
                                      f"maillog_file = {tmp_path}/log\nmaillog_file_prefixes = /\ncommand_directory = {POSTDROP.parent}\n")
    return tmp_path


def run(spool, *options, data=b"Subject: x\n\nhi\n"):
    return subprocess.run([sys.executable, "-m", "pyfix.commands.sendmail", "-C", str(spool), *options], input=data,
                          capture_output=True, timeout=60, env={**os.environ, "NAME": "N"})


def stored(spool):
    """(Submission, content) of the one file in maildrop."""
    [file] = (spool / "spool" / "maildrop").iterdir()
    decoder, content, data = Decoder(), b"", file.read_bytes()
    while data:
        kind, size = head(data[:HEAD_SIZE])
        content += decoder.take(kind, data[HEAD_SIZE:HEAD_SIZE + size])
        data = data[HEAD_SIZE + size:]
    return decoder.message, content


@pytest.mark.skipif(not POSTDROP.exists(), reason="postdrop is not built")
def test_a_message_waits_in_maildrop(spool):
    done = run(spool, "-f", "me@a.example", "-N", "never", "-R", "hdrs", "-V", "name", "-t", "b@b.example",
               data=b"To: c@c.example\nSubject: x\n\nhi\n.\nnot this\n")
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    message, content = stored(spool)
    assert message.sender == b"me@a.example" and content == b"To: c@c.example\nSubject: x\n\nhi\n"
    assert [(one.address, one.notify) for one in message.recipients] == [(b"b@b.example", 1), (b"c@c.example", 1)]
    assert message.attributes["ret"] == "2" and message.attributes["envid"] == "name" and message.attributes["fullname"] == "N"


@pytest.mark.parametrize("options, data, text", [
    ((), b"x", b"Recipient addresses must be specified on the command line or via the -t option"),
    (("-t",), b"Subject: x\n\nTo: a@b\n", b"No recipient addresses found in message header"),
    (("-i", "a@b"), b"x" * 100001, b"message file too big"), (("-B", "9BIT", "a@b"), b"", b"-B option needs 8BITMIME or 7BIT"),
    (("-bz", "a@b"), b"", b"unsupported: -bz"), (("-y", "a@b"), b"", b"invalid option -- 'y'"), (("-qX",), b"", b"-qX is not implemented"),
    (("-f",), b"", b"option requires an argument -- 'f'"), (("-oA",), b"", b"-oA requires pathname"),
], ids=str)
def test_all_trouble_is_75_and_leaves_nothing(spool, options, data, text):
    done = run(spool, *options, data=data)
    assert done.returncode == 75 and text in done.stderr
    assert list((spool / "spool" / "maildrop").iterdir()) == []


def test_a_missing_configuration_is_75(tmp_path):
    done = run(tmp_path / "nowhere", "a@b")
    assert done.returncode == 75 and b"nowhere/main.cf" in done.stderr


@pytest.mark.parametrize("argv, mode", [
    (["-bs"], "s"), (["-bp"], "p"), (["-bi"], "i"), (["-I"], "i"), (["-bv", "a@b"], "m"), (["-bd"], "d"), (["-bl"], "d"), (["-q"], "q"),
    (["-bd", "-q"], "d"), (["-q1h", "-bd"], "d"), (["-bm", "a@b"], "m"), (["-qRsite"], "m"), (["-qIid"], "m"), (["-bh"], "m"), (["-I", "-bv"], "i"),
])
def test_modes(argv, mode):
    assert parse(["sendmail", *argv]).mode == mode


@pytest.mark.parametrize("argv, words, end", [
    (["-oi", "a"], ["a"], False), (["-i", "a"], ["a"], False), (["-ti", "a"], ["a"], False), (["--", "-f"], ["-f"], True), (["-"], ["-"], True),
    (["-oem", "-om", "-odb", "-h", "3", "-p", "x", "-A", "c", "-L", "t", "-O", "a=b", "-G", "-m", "-v", "-x", "a"], ["a"], True),
])
def test_options_that_come_and_go(argv, words, end):
    wish = parse(["sendmail", *argv])
    assert (wish.words, wish.dots_end) == (words, end)


@pytest.mark.parametrize("argv, warnings", [
    (["-N", "never,success"], 1), (["-N", "often"], 2), (["-R", "some"], 1), (["-N", "SUCCESS,delay", "-R", "FULL"], 0),
])
def test_bad_notification_options_are_ignored_with_a_warning(argv, warnings):
    assert len(parse(["sendmail", *argv]).warnings) == warnings


@pytest.mark.parametrize("option, text", [
    ("-XVx", b"-V requires two characters from -=+"), ("-XVabc", b"-V requires two characters from -=+"),
    ("-Vab", b"-V requires two characters from -=+"), ("-XY", b"unsupported: -XY")])
def test_verp_wants_two_of_three_characters(spool, option, text):
    done = run(spool, option, "a@b")
    assert done.returncode == 75 and text in done.stderr


@pytest.mark.parametrize("data, kept", [
    (b"a\n.\nb\n", b"a\n"), (b".\nb", b""), (b"a\n.", b"a\n"), (b"a\r\n.\r\nb", b"a\r\n"), (b"a\n..\n", b"a\n..\n"), (b"a.\n", b"a.\n"), (b"", b""),
])
def test_a_dot_ends(data, kept):
    assert end_at_dot(data) == kept


def test_mailbox_lines_go():
    assert strip_from_lines(b"From a b\n>From c\nFrom: x\n") == b"From: x\n"


@pytest.mark.parametrize("header, found", [
    (b"To: a@b, c@d\nCc: e@f\nBcc: g@h\n\nTo: no@no\n", [b"a@b", b"c@d", b"e@f", b"g@h"]), (b"To: A B <a@b>,\n c@d\n\n", [b"a@b", b"c@d"]),
    (b"To: a@b\nResent-To: r@s\n\n", [b"r@s"]), (b"to: list: a@b, c@d;\n\n", [b"a@b", b"c@d"]), (b"Subject: a@b\nFrom: c@d\n\n", []),
    (b"no header\nTo: a@b\n\n", []),
])
def test_recipients_of_a_header(header, found):
    assert header_recipients(header) == found


@pytest.mark.parametrize("argv, text", [
    (["-bp", "-t"], "-t can be used only in delivery mode"), (["-bs", "-qIx"], "-qI can be used only in delivery mode"),
    (["-qRx", "-bd"], "-qR can be used only in delivery mode"), (["-qRx", "y"], "flush site requires no recipient"),
    (["-qIx", "y"], "flush queue_id requires no recipient"), (["-q", "y"], "flush queue mode requires no recipient"),
    (["-bd", "y"], "daemon mode requires no recipient"), (["-bi", "y"], "alias initialization mode requires no recipient"),
    (["-bp", "y"], "display queue mode requires no recipient"), (["-bs", "y"], "stand-alone mode requires no recipient"),
    (["-bv", "-t", "y"], "-t option cannot be used with -bv"), (["-bv", "-N", "never", "y"], "-N option cannot be used with -bv"),
    (["-bv", "-R", "full", "y"], "-R option cannot be used with -bv"), (["-v", "-bv", "y"], "-v option cannot be used with -bv"),
    (["-n", "y"], "-n option not supported"), (["-B", "8bitmime", "y"], "-B option needs 8BITMIME or 7BIT")])
def test_what_does_not_go_together(argv, text):
    with pytest.raises(Failure, match=text):
        parse(["sendmail", *argv])


@pytest.mark.parametrize("argv, attributes, warning", [
    (["-Vxy"], {"verp": "xy"}, "option -Vxy is deprecated with Postfix 2.3; specify -XVxy instead"),
    (["-V+=", "a"], {"verp": "+="}, "option -V+= is deprecated with Postfix 2.3; specify -XV+= instead"),
    (["-V", "+=", "a"], {"verp": "default"}, "option -V is deprecated with Postfix 2.3; specify -XV instead"),
    (["-V", "x" * 101, "a"], {}, "too long -V option value -- ignored"), (["-V", "", "a"], {}, "bad syntax in -V option value -- ignored"),
    (["-V", "a\tb", "a"], {}, "bad syntax in -V option value -- ignored"), (["-V", "a b c", "a"], {"envid": "a b c"}, None)])
def test_envelope_ids_and_what_they_once_were(argv, attributes, warning):
    wish = Wish()
    assert parse(["sendmail", *argv], wish).attributes == attributes
    assert wish.warnings == ([warning] if warning else [])


@pytest.mark.parametrize("value, sender, warned", [
    ("a@b", b"a@b", 0), ("(x)", b"", 0), (",", b"", 0), ("x (y)", b"x", 0), ("Foo Bar <a@b>", b"a@b", 0), ("a\\ b@c", b"a b@c", 0),
    ("a b", b"a", 1), ("a@b,c@d", b"a@b", 1), ("<a@b> x", b"a@b", 1), ("", b"", 0), ("<>", b"", 0)])
def test_the_sender_is_the_first_address(value, sender, warned):
    wish = parse(["sendmail", "-f", value, "x"])
    assert (sender_address(wish, "me"), len(wish.warnings)) == (sender, warned)
