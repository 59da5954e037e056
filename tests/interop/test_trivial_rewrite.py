"""Thousands of random addresses through Debian's trivial-rewrite and through pyfix: no difference.

A private Postfix runs with its own queue and configuration under the test's directory; the test speaks
the attribute protocol of private/rewrite. PYFIX_SEED and PYFIX_COUNT choose other questions.
"""

import asyncio
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyfix._core.address import quote, unquote
from pyfix.config import Config
from pyfix.resolve import Resolver

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]
PROGRAM = Path("/usr/lib/postfix/sbin/trivial-rewrite")
SEED, COUNT = int(os.environ.get("PYFIX_SEED", "1")), int(os.environ.get("PYFIX_COUNT", "4000"))
MASTER = """rewrite unix - - n - - trivial-rewrite
postlog unix-dgram n - n - 1 postlogd
"""
MAIN = """compatibility_level = 3.6
maillog_file = {top}/log
maillog_file_prefixes = {top}
queue_directory = {top}/queue
data_directory = {top}/data
myhostname = mail.example.com
mydomain = example.com
myorigin = $mydomain
mydestination = $myhostname, localhost.$mydomain, localhost
inet_interfaces = loopback-only
append_dot_mydomain = yes
remote_header_rewrite_domain = domain.invalid
virtual_alias_domains = valias.test
virtual_mailbox_domains = vmbox.test
relay_domains = relay.test
virtual_alias_maps =
alias_maps =
recipient_delimiter = +-
"""
SETTINGS = {
    "plain": "",
    "relay": "relayhost = [hub.test]:26\nrelocated_maps = inline:{{ {{a@vmbox.test = new@c.d}}, {{ @b = gone}} }}\n"
             "transport_maps = inline:{{ {{.test = slow:}}, {{c.d = :there}}, {{user@c.d = error:}}, {{* = any:}} }}\n",
    "strange": "swap_bangpath = no\nallow_percent_hack = no\nresolve_dequoted_address = no\nappend_dot_mydomain = no\n"
               "resolve_null_domain = yes\nresolve_numeric_domain = yes\nallow_min_user = yes\n",
    "senders": "sender_dependent_relayhost_maps = inline:{{ {{a@c.d = [own]}}, {{b = DUNNO}}, {{<> = null.test}} }}\n"
               "sender_dependent_default_transport_maps = inline:{{ {{@c.d = smtp:other}}, {{b = DUNNO}} }}\n"
               "relayhost = hub.test\n",
}
PIECES = [b"a", b"b", b"c.d", b".", b"..", b"@", b"@", b"@", b"!", b"%", b"[", b"]", b"(", b")", b"<", b">", b",", b":", b";",
          b'"', b"\\", b" ", b"\t", b"|", b"x\xc3\xa9", b"[1.2.3.4]", b"1.2.3.4", b"'", b'"q s"', b"mail.example.com", b"localhost",
          b"@mail.example.com", b"@localhost", b"@[127.0.0.1]", b"valias.test", b"@relay.test", b"@vmbox.test", b"-", b"+x",
          b"[IPv6:::1]", b"user@c.d", b"postmaster"]


class TrivialRewrite:
    """A client of private/rewrite: NUL-terminated names and values, an empty name at the end."""

    def __init__(self, path: Path) -> None:
        self._path, self._socket, self._buffer = str(path), None, b""

    def ask(self, **attributes: bytes) -> dict[str, bytes]:
        """One request; the server closes idle connections, so a second try is made on a new one."""
        request = b"".join(k.encode() + b"\0" + v + b"\0" for k, v in attributes.items()) + b"\0"
        for last in (False, True):
            try:
                if self._socket is None:
                    self._connect()
                self._socket.sendall(request)
                return self._answer()
            except OSError:
                self._socket = None
                if last:
                    raise
        raise AssertionError

    def _connect(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(self._path)
        self._buffer = b""
        self._answer()

    def _text(self) -> bytes:
        while b"\0" not in self._buffer:
            more = self._socket.recv(65536)
            if not more:
                raise ConnectionError("closed")
            self._buffer += more
        text, self._buffer = self._buffer.split(b"\0", 1)
        return text

    def _answer(self) -> dict[str, bytes]:
        found = {}
        while name := self._text():
            found[name.decode()] = self._text()
        return found


@pytest.fixture(params=SETTINGS)
def both(request) -> Iterator[tuple[TrivialRewrite, Resolver]]:
    """A running private Postfix, and pyfix's Resolver on the same main.cf."""
    if not PROGRAM.exists() or os.geteuid():
        pytest.skip("needs Debian's Postfix, and root to start it")
    top = Path(tempfile.mkdtemp(prefix="pyfix-rewrite-"))
    top.chmod(0o755)
    try:
        for name in ("conf", "queue", "data"):
            (top / name).mkdir()
        shutil.chown(top / "data", "postfix")
        (top / "conf/master.cf").write_text(MASTER)
        (top / "conf/main.cf").write_text((MAIN + SETTINGS[request.param]).format(top=top))
        subprocess.run(["postfix", "-c", top / "conf", "start"], check=True, capture_output=True, timeout=60)
        path = top / "queue/private/rewrite"
        deadline = time.monotonic() + 20
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        yield TrivialRewrite(path), Resolver(Config.load(str(top / "conf")), lambda text: None)
    finally:
        subprocess.run(["postfix", "-c", top / "conf", "stop"], capture_output=True, timeout=60)
        shutil.rmtree(top)


def addresses(count: int) -> Iterator[bytes]:
    """Random addresses; blank ones are left out, since Postfix's rewriting stops with a panic at them."""
    chance = random.Random(SEED)
    while count:
        text = b"".join(chance.choices(PIECES, k=chance.randint(1, 8)))
        if text.strip(b" \t"):
            count -= 1
            yield text


def test_no_difference(both):
    postfix, pyfix = both
    differences = []
    for number, text in enumerate(addresses(COUNT // len(SETTINGS))):
        for rule, rules in (("local", pyfix.local), ("remote", pyfix.remote)):
            want = postfix.ask(request=b"rewrite", rule=rule.encode(), address=text)["address"]
            got = rules.rewrite_external(text)
            inside = unquote(postfix.ask(request=b"rewrite", rule=rule.encode(), address=quote(text))["address"])
            if (want, inside) != (got, rules.rewrite(text)):
                differences.append((rule, text, want, got, inside, rules.rewrite(text)))
        sender = (b"", b"a@c.d", b"b@mail.example.com", b"z@z.z")[number % 4]
        answer = postfix.ask(request=b"resolve", sender=sender, address=text)
        found = asyncio.run(pyfix.resolve(text, sender))
        want = tuple(answer[k].decode("utf-8", "surrogateescape") for k in ("transport", "nexthop"))
        want = tuple("" if "NOT UPDATED" in w else w for w in want) + (answer["recipient"], int(answer["flags"]))
        if want != tuple(found):
            differences.append(("resolve", text, sender, want, tuple(found)))
    assert differences == []
