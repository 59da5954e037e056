"""Import what may be needed later, while we still can.

A process that has become mail_owner may be unable to read the code: a Python below /root, a checkout in a
private home. Then every import that a function makes later would fail. So where the code is not readable by
everyone, all modules that a stage could come to need are imported before root is given up.
"""

import importlib
import os
import pkgutil
import stat
import sys
from collections.abc import Iterable
from types import ModuleType

import pyfix

NOT_FOR_STAGES = ("pyfix.commands", "pyfix.master", "pyfix.load", "pyfix.service", "pyfix.zygote", "pyfix.smtpd", "pyfix.qmgr", "pyfix.pickup",
                  "pyfix.deliver")
STANDARD = ("asyncio", "concurrent.futures.thread", "ctypes", "ctypes.util", "encodings.ascii", "encodings.idna",
            "encodings.latin_1", "encodings.punycode", "grp", "ipaddress", "json", "pwd", "queue", "random", "select",
            "socket", "sqlite3", "ssl", "stringprep", "_strptime", "subprocess", "threading", "traceback", "unicodedata",
            "zlib", "dns.resolver", "dns.asyncresolver", "idna", "lmdb", "msgpack")
DNS_TYPES = tuple(f"dns.rdtypes.{name}" for name in (
    "IN.A", "IN.AAAA", "IN.SRV", "ANY.CNAME", "ANY.DNAME", "ANY.DNSKEY", "ANY.DS", "ANY.MX", "ANY.NS", "ANY.NSEC",
    "ANY.NSEC3", "ANY.OPT", "ANY.RRSIG", "ANY.SOA", "ANY.TLSA", "ANY.TXT", "ANY.PTR"))


def readable_by_all(path: str) -> bool:
    """True where every directory on the way to `path` can be entered by everyone."""
    path = os.path.realpath(path)
    while True:
        if not os.stat(path).st_mode & stat.S_IXOTH and os.path.isdir(path):
            return False
        parent = os.path.dirname(path)
        if parent == path:
            return True
        path = parent


def needed() -> bool:
    """True where our code or Python's can't be read by mail_owner."""
    return os.geteuid() == 0 and not (readable_by_all(os.__file__) and readable_by_all(pyfix.__file__)
                                      and readable_by_all(sys.prefix))


def preload(stages: Iterable[ModuleType]) -> None:
    """Import everything but other stages than these packages; an optional library that is not installed is left out."""
    names = [module.name for stage in stages for module in pkgutil.walk_packages(stage.__path__, stage.__name__ + ".")]
    names += [module.name for module in pkgutil.walk_packages(pyfix.__path__, "pyfix.")
             if not module.name.startswith(NOT_FOR_STAGES)]
    for name in (*STANDARD, *DNS_TYPES, *names):
        try:
            importlib.import_module(name)
        except ImportError:             # an extra that is not installed
            continue
