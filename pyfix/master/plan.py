"""From main.cf and master.cf to what shall run: values, no processes.

Law: master(5). `load` is everything that can be wrong about a configuration, before
anything is touched: a reload calls it first and leaves all as it is when it fails.
"""

import os
from collections.abc import Iterable
from typing import Any, NamedTuple

from pyfix.config import Config
from pyfix.config.check import mistakes, together
from pyfix.config.master_cf import Service as Entry
from pyfix.config.master_cf import load_master
from pyfix.config.table import details
from pyfix.errors import ConfigError
from pyfix.master.listeners import Wanted, inet_sockets, unix_path, unix_socket
from pyfix.master.registry import BOOT, PROGRAMS, SHARE, UNBUILT, Program


UNSERVED = frozenset(("pass", "unix-dgram"))    # types for which no stage of ours can listen


class Planned(NamedTuple):
    """One line of master.cf that runs processes here.

    listen   sockets that the processes get
    trigger  the socket on which somebody knocks to have them started (DEMAND), or None
    overrides, wakeup, maxproc  as in master.cf
    jail     its processes go into a chroot jail
    """

    name: str
    type: str
    program: str
    module: str
    count: int
    boot: bool
    keep_root: bool
    overrides: tuple[tuple[str, str], ...]
    listen: tuple[Wanted, ...]
    trigger: Wanted | None
    wakeup: int
    maxproc: int | None
    jail: bool = False

    @property
    def identity(self) -> str:
        """"smtp/inet": what makes a line the same one after a reload."""
        return f"{self.name}/{self.type}"

    def same_processes(self, other: "Planned") -> bool:
        """True where processes of `other` can go on under this plan, with a reload."""
        return self._replace(overrides=(), wakeup=0) == other._replace(overrides=(), wakeup=0)


class Plan(NamedTuple):
    """A whole configuration: its Config, the lines that run, and what the administrator should hear."""

    config: Config
    services: dict[str, Planned]
    warnings: list[str]

    def sockets(self) -> list[Wanted]:
        """All sockets of the plan."""
        return [one for s in self.services.values() for one in (*s.listen, *((s.trigger,) if s.trigger else ()))]


def cores() -> int:
    """Processor cores that we may use."""
    return len(os.sched_getaffinity(0))


def own_socket(entry: Entry, mode: int, config: Config) -> list[Wanted]:
    """The sockets of a master.cf line itself. Raises ConfigError, also for a name that leads out of private or public."""
    if entry.type == "inet":
        return inet_sockets(entry.service, config)
    return [unix_socket(unix_path(entry.type, entry.service, "private" if entry.private else "public", config["queue_directory"]), mode)]


def plan_entry(entry: Entry, program: Program, config: Config, boot: set[str]) -> Planned:
    """One line. Raises ConfigError."""
    own = own_socket(entry, program.mode, config)
    extra = tuple(unix_socket(path, mode) for path, mode in program.sockets)
    at_boot = program.start == BOOT or entry.service in boot
    listen = (*own, *(one for one in extra if one.name not in {o.name for o in own})) if program.start == BOOT else extra
    # one process carries thousands of sessions; more processes than cores only switch back and forth
    count = max(cores() // 2, 1) if program.count == SHARE else program.count
    maxproc = most(entry, config)
    if maxproc:
        count = min(count, maxproc)
    return Planned(entry.service, entry.type, entry.command, program.module, count, at_boot, program.keep_root,
                   entry.overrides, tuple(listen), None if program.start == BOOT else own[0], entry.wakeup, maxproc, jailed(entry))


def most(entry: Entry, config: Config) -> int | None:
    """The process limit of a line; default_process_limit counts where main.cf has it, else None: our own default."""
    return config.default_process_limit if entry.maxproc is None and "default_process_limit" in config.raw else entry.maxproc


def disabled(entry: Entry, patterns: list[str]) -> bool:
    """Does master_service_disable turn the line off? Types and name/type, the first that matches decides; "!" keeps."""
    for pattern in patterns:
        keep, pattern = pattern.startswith("!"), pattern.removeprefix("!")
        if pattern.lower() in (entry.type, entry.name.lower()):
            return not keep
    return False


def transport_name(value: str) -> str:
    """The master.cf service in a transport setting such as default_transport = smtp:[relay]."""
    return value.partition(":")[0].strip()


def load(directory: str) -> Plan:
    """Read main.cf and master.cf. Raises ConfigError, which names file, line and remedy."""
    config = Config.load(directory)
    path = os.path.join(directory, "master.cf")
    boot = {transport_name(config["default_transport"])}
    services: dict[str, Planned] = {}
    patterns = config.words("master_service_disable")
    entries = [entry for entry in load_master(path) if not disabled(entry, patterns)]
    if wrong := misconfigured(config, entries, path):
        raise together(wrong)
    warnings = config.notices() + notices(entries, path)
    for entry in entries:
        program = PROGRAMS.get(entry.command)
        if program is None:
            warnings.append(f"{path}, line {entry.line}: unknown program {entry.command} is not started")
        elif entry.name in services:
            raise ConfigError(f"duplicate service name \"{entry.service}\" and type \"{entry.type}\"", path, entry.line,
                              "remove one of the two lines")
        elif program.module and entry.type not in UNSERVED:
            services[entry.name] = _located(entry, program, config, boot, path)
    return Plan(config, services, warnings)


def misconfigured(config: Config, entries: list[Entry], path: str) -> list[ConfigError]:
    """Bad values of main.cf, and of the -o in master.cf, that something to be started would stumble over."""
    programs = {entry.command for entry in entries}
    found = mistakes(config, programs)
    for entry in entries:
        if entry.overrides and entry.command in PROGRAMS:
            names = dict(entry.overrides)
            found += [ConfigError(error.text, path, entry.line, error.remedy)
                      for error in mistakes(config.override(entry.overrides), programs, names)]
    return found


def notices(entries: list[Entry], path: str) -> list[str]:
    """What has no effect here although lines of master.cf ask for it: parameters given with -o, chroot."""
    rows = details()
    out = [f"{path}, line {entry.line}: parameter {name} has no effect: {rows[name].note}"
           for entry in entries if entry.command in PROGRAMS for name, _ in entry.overrides
           if name in rows and rows[name].status == "ignored"]
    if strange := listed(entry for entry in entries if entry.type in UNSERVED and serves(entry)):
        out.append(f"{path}: services of type pass and unix-dgram are not built yet, so not started: {strange}")
    if missing := listed(entry for entry in entries if entry.command in UNBUILT):
        out.append(f"{path}: not built yet, so not started: {missing}; mail for such a transport is deferred")
    if asroot := listed(entry for entry in entries if not entry.unprivileged and serves(entry)):
        out.append(f"{path}: n in the fourth column has no effect: {asroot}; no process that meets the network keeps root")
    if free := listed(entry for entry in entries if entry.chroot and serves(entry) and not jailed(entry)):
        out.append(f"{path}: chroot has no effect: {free}; " + (
            "these meet no network and ask for users of the system; write n in that column" if os.geteuid() == 0 else
            "only root can do it"))
    return out


def jailed(entry: Entry) -> bool:
    """Do the line's processes go into a chroot jail? Only root can do that, and only what can serve there does."""
    return entry.chroot and entry.command in PROGRAMS and PROGRAMS[entry.command].jail and os.geteuid() == 0


def serves(entry: Entry) -> bool:
    """Does the line start processes here?"""
    return entry.command in PROGRAMS and bool(PROGRAMS[entry.command].module)


def listed(entries: Iterable[Entry]) -> str:
    """"line 12 (smtp/inet), line 14 (qmgr/unix)"."""
    return ", ".join(f"line {entry.line} ({entry.name})" for entry in entries)


def _located(entry: Entry, program: Program, config: Config, boot: set[str], path: str) -> Planned:
    try:
        return plan_entry(entry, program, config, boot)
    except ConfigError as error:
        raise ConfigError(error.text, path, entry.line, error.remedy) from None
