"""Which program name in master.cf is which stage, and how many processes it gets.

Law: master(5), and the process table of docs/architecture.md. Names only: master imports
no stage. A program that is a part of another process here (`cleanup`, `trivial-rewrite`, ...) starts
nothing; its master.cf line still counts for its `-o` parameters.
"""

from typing import NamedTuple

SHARE = 0
BOOT, DEMAND = "boot", "demand"


class Program(NamedTuple):
    """What runs for a program name.

    module   stage module, "" where it is a part of another process
    count    processes; SHARE (0): half as many as processor cores that we may use, at least one
    start    BOOT: when master starts; DEMAND: when somebody connects to its master.cf socket
    sockets  UNIX sockets that it listens on besides the one of its master.cf line: (path, mode)
    jail     it can serve in a chroot jail: it meets the network, and asks for no user of the system
    keep_root  a launcher that becomes the recipient; all others run as mail_owner
    mode     of the socket of its master.cf line
    """

    module: str = ""
    count: int = 1
    start: str = BOOT
    sockets: tuple[tuple[str, int], ...] = ()
    keep_root: bool = False
    mode: int = 0o600
    jail: bool = False


LIBRARY = Program()

PROGRAMS: dict[str, Program] = {
    "smtpd": Program("pyfix.smtpd.stage", SHARE, jail=True),
    "pickup": Program("pyfix.pickup.stage", 1, BOOT, (("public/submit", 0o666),), mode=0o622),
    "qmgr": Program("pyfix.qmgr.stage", 1, BOOT, (("private/qmgr", 0o600), ("public/showq", 0o666)), mode=0o622),
    "smtp": Program("pyfix.deliver.stage", SHARE, DEMAND, jail=True),
    "lmtp": Program("pyfix.deliver.stage", SHARE, DEMAND, jail=True),
    **dict.fromkeys(
        ("cleanup", "trivial-rewrite", "bounce", "error", "discard", "showq", "flush", "verify", "anvil", "scache",
         "tlsmgr", "proxymap", "postlogd", "dnsblog", "tlsproxy", "postscreen", "local", "virtual", "pipe", "spawn",
         "qmqpd"), LIBRARY),
}
# these do work that no other process does here yet; lines that name them are pointed out at start
UNBUILT = frozenset(("local", "virtual", "pipe", "spawn", "postscreen", "qmqpd", "tlsproxy", "dnsblog"))
PROGRAMS["nqmgr"] = PROGRAMS["oqmgr"] = PROGRAMS["qmgr"]
