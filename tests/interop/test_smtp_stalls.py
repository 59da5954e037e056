"""Silent servers and dropped connections: the reasons that Debian's smtp(8) logs, and those of pyfix's table (tests/kit/stall_cases.py)."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.interop.test_smtp_log_lines import facts
from tests.kit.client_cases import H
from tests.kit.delivery import run
from tests.kit.outgoing import sent_by_postfix
from tests.kit.smtp_server import Close, Server, Silence
from tests.kit.stall_cases import STALLS, script

pytestmark = [pytest.mark.interop,
              pytest.mark.skipif(not shutil.which("postfix", path="/usr/sbin") or os.geteuid() != 0,
                                 reason="needs Debian's Postfix and root")]
NAMES = [name for name in STALLS if "XFORWARD" not in name]     # it is not sent for what sendmail submits
TIMEOUTS = "".join(f"smtp_{name}_timeout = 1s\n" for name in (
    "helo", "xforward", "mail", "rcpt", "data_init", "data_xfer", "data_done", "quit", "rset"))


def test_same_reasons() -> None:
    async def scenario() -> dict[str, tuple[str, str]]:
        servers = {f"{how}{name}": await Server(script(STALLS[name][0], Silence() if how == "s" else Close())).start()
                   for name in NAMES for how in "sc"}
        wanted = [STALLS[name[1:]][2] for name in servers]
        base = Path(tempfile.mkdtemp(prefix="pyfix-"))
        try:
            lines = await sent_by_postfix(base, [server.nexthop for server in servers.values()], wanted,
                                          lambda lines: len(facts(lines)) >= sum(wanted), TIMEOUTS)
        finally:
            shutil.rmtree(base)
        found = facts(lines)
        wrong = {}
        for i, name in enumerate(servers):
            where, count = STALLS[name[1:]][1:]
            how = "conversation with {} timed out while " if name[0] == "s" else "lost connection with {} while "
            ours = ("4.4.2", "deferred", how.format(H) + where)
            for k in range(count):
                theirs = found.get(f"a{k}@c{i}.test", ("", "", "", ""))[1:]
                if theirs != ours:
                    wrong[name] = (theirs, ours)
        for server in servers.values():
            await server.stop()
        return wrong

    wrong = run(scenario, 150)
    assert not wrong, "\n".join(f"{name}\n  Postfix {theirs}\n  pyfix   {ours}" for name, (theirs, ours) in wrong.items())
