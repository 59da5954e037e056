"""How a process starts: configuration, log, listeners, privileges, loop, stage.

    python -m pyfix.service PROGRAM -n NAME -t TYPE -c DIRECTORY -m MODULE [-k KEY] [-i INDEX]
        [-s STATUS_FD] [-g LOG_FD] [-l LISTENER=FD ...] [-r] [-j] [-w WAKEUP] [-z CAPACITY] [-o name=value ...]

Master has pyfix.zygote fork it with these arguments; nobody else needs to. Law: master(8), and the order here: what
needs root (reading configuration, importing code) comes first, then root is given up and
the loss verified, and only then is there a loop, a socket or a byte from outside. With -j (chroot) tables and log are opened
before that, and root is given up in the jail: see pyfix/jail.py.

The status socket (SOCK_SEQPACKET) carries one-letter notices: to master b"p" + process id, b"t" + files that a jailed process
has read (msgpack, path -> jail.Stamp), b"r" (ready); from master b"R" + overrides (reload), b"L" + descriptor (new log file),
b"D" (another has taken over: finish what you have, take no more), b"Q" (stop in good order). When it closes, master is gone, and so is this process at once: the next start must find its
ports free.

A stage is a module with `async start(service)`; it may have `prepare(service)`, called before it without a loop (where there is
a jail: outside it), `reload(service, config)` (plain or async), `async drain(service)` and `async stop(service)`. A mistake of ours (an exception that nobody caught)
ends the process loudly; master has another within two seconds.
"""

import asyncio
import contextlib
import errno
import faulthandler
import gc
import getopt
import importlib
import inspect
import os
import pwd
import signal
import socket
import sys
import traceback
from collections.abc import Coroutine
from types import ModuleType
from typing import Any, NamedTuple, NoReturn

import msgpack
import uvloop

from pyfix import confine, jail
from pyfix.config import Config
from pyfix.errors import ConfigError, PyfixError, QueueError, SystemTrouble
from pyfix.preload import needed, preload, readable_by_all
from pyfix.telemetry.maillog import Maillog

READY, FILES, RELOAD, NEW_LOG, DRAIN, STOP = b"r", b"t", b"R", b"L", b"D", b"Q"
FILES_AT_ONCE = 200         # in one notice
STATUS_SIZE = 65536         # bytes of the longest notice
EXIT_TROUBLE = 1
DISK_TROUBLE = frozenset((errno.EIO, errno.EROFS, errno.ENOSPC, errno.EDQUOT))    # no mistake of ours: said in one line


class Listener(NamedTuple):
    """A listening socket from master: "inet:127.0.0.1:25", "public/submit", "private/qmgr", ..."""

    name: str
    socket: socket.socket


class Arguments(NamedTuple):
    """The command line, parsed."""

    program: str
    name: str
    type: str
    directory: str
    module: str
    key: str
    index: int
    status: int
    log: int | None
    listeners: list[Listener]
    keep_root: bool
    jail: bool
    wakeup: int
    capacity: int
    overrides: list[tuple[str, str]]


def parse(argv: list[str]) -> Arguments:
    """The arguments that `master` gives. Raises ConfigError."""
    try:
        options, rest = getopt.getopt(argv[1:], "n:t:c:m:k:i:s:g:l:rjw:z:o:")
    except (getopt.GetoptError, IndexError) as error:
        raise ConfigError(f"service: {error}", remedy="services are started by master, not by hand") from None
    if not argv or rest:
        raise ConfigError("service: no program name", remedy="services are started by master, not by hand")
    last = dict(options)
    listeners = [listener(value) for option, value in options if option == "-l"]
    overrides = [tuple(value.split("=", 1)) for option, value in options if option == "-o" and "=" in value]
    name = last.get("-n", argv[0])
    return Arguments(argv[0], name, last.get("-t", "unix"), last["-c"], last["-m"], last.get("-k", name),
                     int(last.get("-i", 0)), int(last.get("-s", -1)), int(last["-g"]) if "-g" in last else None,
                     listeners, "-r" in last, "-j" in last,
                     int(last.get("-w", 0)), int(last.get("-z", 0)), overrides)


def listener(text: str) -> Listener:
    """A Listener from "name=fd"."""
    name, _, fd = text.rpartition("=")
    return Listener(name, socket.socket(fileno=int(fd)))


def load_config(arguments: Arguments) -> Config:
    """The configuration of this service: main.cf, what master.cf's line overrides, and who we are."""
    return Config.load(arguments.directory, arguments.overrides, arguments.name, arguments.program)


def identity(owner: str) -> pwd.struct_passwd:
    """The user `mail_owner`. Raises ConfigError."""
    try:
        entry = pwd.getpwnam(owner)
    except KeyError:
        raise ConfigError(f"mail_owner: unknown user {owner}",
                          remedy=f"make the user (useradd -r {owner}) or set mail_owner in main.cf") from None
    if entry.pw_uid == 0:
        raise ConfigError("mail_owner must not be root", remedy="set mail_owner in main.cf")
    return entry


def give_up_root(owner: str, root: str = "") -> None:
    """Become `mail_owner`, in the jail `root` if there is one, without groups, capabilities or a way back. Raises ConfigError,
    SystemTrouble, OSError."""
    if os.geteuid() == 0:
        entry = identity(owner)
        if root:
            jail.enter(root)
        os.setgroups([])
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
        confine.not_dumpable()          # nobody traces what runs as mail_owner, and it leaves no core file
    confine.no_new_privileges()
    confine.drop_capabilities()
    verify_no_root()


def verify_no_root() -> None:
    """Raise SystemTrouble where root could be had back."""
    if 0 in os.getresuid():
        raise SystemTrouble("still root after giving it up")
    with contextlib.suppress(PermissionError):
        os.setuid(0)
        raise SystemTrouble("root could be had back")
    if not confine.has_no_new_privileges():
        raise SystemTrouble("no_new_privs did not hold")


class Service:
    """A running process, as its stage sees it.

    config           Config of this service      log     Maillog
    loop             the uvloop loop             engine  pyfix.net.engine.Engine
    program          "smtpd"                     name    master.cf service, "submission"
    key, index       unique name of this process ("smtpd-submission-0"), and its number among its like
    listeners        list[Listener]              queue_directory  the working directory's name
    wakeup           seconds, 0: never           capacity  sessions at a time (maxproc), 0: our default
    """

    def __init__(self, arguments: Arguments, config: Config, stage: ModuleType, loop: asyncio.AbstractEventLoop) -> None:
        self.arguments, self.config, self.stage, self.loop = arguments, config, stage, loop
        self.program, self.name, self.type = arguments.program, arguments.name, arguments.type
        self.key, self.index = arguments.key, arguments.index
        self.listeners, self.wakeup, self.capacity = arguments.listeners, arguments.wakeup, arguments.capacity
        self.queue_directory = config.queue_directory if not arguments.jail and readable_by_all(config.queue_directory) else "."
        self.log = Maillog(config, arguments.program, loop, fd=arguments.log)
        self.status: socket.socket | None = None
        self.stopping = self.prepared = False
        self.stage_state: Any = None        # whatever the stage keeps
        self._engine: Any = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def engine(self) -> Any:
        """The socket engine of this process, made at the first use."""
        if self._engine is None:
            from pyfix.net.engine import Engine
            self._engine = Engine(self.loop)
        return self._engine

    def maillog(self, process_name: str) -> Maillog:
        """A log under another program's name (`postfix/cleanup[...]`), in one order with `log`."""
        return self.log.sibling(self.config, process_name)

    def listener(self, name: str) -> socket.socket | None:
        """The socket of that name, or None."""
        return next((one.socket for one in self.listeners if one.name == name), None)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a task whose failure ends the process; it is kept until it is done."""
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.die(task.exception())

    # -- ends -----------------------------------------------------------------------------

    def die(self, error: BaseException) -> NoReturn:
        """End the process at once, saying why: Postfix's fatal for trouble, panic for a mistake of ours."""
        if isinstance(error, ConfigError | SystemTrouble | QueueError) or isinstance(error, OSError) and error.errno in DISK_TROUBLE:
            self.log.fatal(str(error))
        else:
            self.log.panic(explain(error))
            traceback.print_exception(error, file=sys.stderr)
        self.log.flush()
        os._exit(EXIT_TROUBLE)

    def leave(self) -> NoReturn:
        """End the process in good order."""
        self.log.flush()
        os._exit(0)

    def unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """The loop's exception handler. A broken connection is nobody's mistake; the rest ends the process."""
        error = context.get("exception")
        if error is None or isinstance(error, OSError) and "transport" in context:
            self.log.warning(f"{context.get('message')}: {error}")
            return
        self.die(error)

    # -- notices from master --------------------------------------------------------------

    def watch(self) -> None:
        """Listen to master."""
        if self.arguments.status >= 0:
            self.status = socket.socket(fileno=self.arguments.status)
            self.status.setblocking(False)
            self.loop.add_reader(self.status.fileno(), self._notice)
        self.loop.add_signal_handler(signal.SIGTERM, self.leave)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def tell(self, notice: bytes) -> None:
        """A notice to master; if master is gone, so are we."""
        if self.status is not None:
            try:
                self.status.send(notice)
            except BlockingIOError:
                return
            except OSError:
                self.leave()

    def _notice(self) -> None:
        try:
            data, fds, _, _ = socket.recv_fds(self.status, STATUS_SIZE, 1, socket.MSG_CMSG_CLOEXEC)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.leave()
        kind = data[:1]
        if kind == RELOAD:
            self.spawn(self._reload(msgpack.unpackb(data[1:])))
        elif kind == NEW_LOG and fds:
            self.log.reopened(fds[0])
        elif kind == DRAIN:
            self.spawn(self._drain())
        elif kind == STOP:
            self.spawn(self._stop())
        elif not kind:
            self.leave()

    async def _reload(self, overrides: list[list[str]]) -> None:
        arguments = self.arguments._replace(overrides=[(name, value) for name, value in overrides])
        try:
            config = load_config(arguments)
            self.log.configure(config)
        except (PyfixError, OSError) as error:
            self.log.error(f"reload: {error}; this process keeps the configuration it has")
            return
        if not hasattr(self.stage, "reload"):
            return await self._stop()
        self.arguments, self.config = arguments, config
        result = self.stage.reload(self, config)
        if inspect.isawaitable(result):
            await result

    async def _drain(self) -> None:
        """Another process has taken over; a stop that comes meanwhile ends us before we are through."""
        if hasattr(self.stage, "drain"):
            await self.stage.drain(self)
        await self._stop()

    async def _stop(self) -> None:
        if self.stopping:
            return
        self.stopping = True
        if hasattr(self.stage, "stop"):
            await self.stage.stop(self)
        self.leave()

    # -- life -----------------------------------------------------------------------------

    def hear_tables(self) -> None:
        """What lookup tables have to say goes to the log; they are of a higher layer, so they are asked for by name."""
        report = sys.modules.get("pyfix.maps.report")
        if report is not None:
            report.set_sink(lambda level, text: getattr(self.log, level)(text))

    def prepare(self) -> None:
        """Have the stage open its tables."""
        self.prepared = True
        self.hear_tables()
        if hasattr(self.stage, "prepare"):
            self.stage.prepare(self)

    def enter_jail(self) -> None:
        """Open what is outside, tell master what was read, and give up root inside."""
        jail.begin()
        self.log.open()
        self.prepare()
        seen = list(jail.seen.items())
        for at in range(0, len(seen), FILES_AT_ONCE):
            os.write(self.arguments.status, FILES + msgpack.packb(dict(seen[at:at + FILES_AT_ONCE]), unicode_errors="surrogateescape"))
        give_up_root(self.config.mail_owner, os.path.realpath(self.config.queue_directory))

    async def run(self) -> None:
        """Start the stage and serve until told otherwise."""
        try:
            if not self.prepared:
                self.prepare()
            await self.stage.start(self)
        except OSError as error:        # the disk's or the network's trouble, no mistake of ours
            raise SystemTrouble(str(error)) from error
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        self.tell(READY)
        await self.loop.create_future()


def work_in_batches() -> None:
    """Don't take the processor from who has it (sched(7) SCHED_BATCH): a process that is woken for one reply or frame finds several
    a moment later, and caches that are less cold. What an administrator has chosen for the whole relay stays."""
    with contextlib.suppress(OSError):
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def explain(error: BaseException) -> str:
    """An exception and where it came from, in one line."""
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    where = " < ".join(f"{os.path.basename(f.filename)}:{f.lineno} {f.name}" for f in reversed(frames))
    return f"{type(error).__name__}: {error} at {where or 'no frame'}"


def startup_failed(program: str, arguments: Arguments | None, error: BaseException) -> NoReturn:
    """There may be no log yet: write to standard error, and to the log where it can be had."""
    text = str(error) if isinstance(error, PyfixError) else explain(error)
    print(f"{program}: fatal: {text}", file=sys.stderr, flush=True)
    if arguments is not None:
        with contextlib.suppress(PyfixError, OSError):
            log = Maillog(Config.load(arguments.directory), program, fd=arguments.log)
            log.fatal(text)
            log.flush()
    os._exit(EXIT_TROUBLE)


def main(argv: list[str], imported: bool = False) -> NoReturn:
    """The life of a process. `imported`: the zygote has loaded the code."""
    faulthandler.enable()
    os.umask(0o077)
    work_in_batches()
    arguments = None
    try:
        arguments = parse(argv)
        config = load_config(arguments)
        stage = importlib.import_module(arguments.module)
        if not imported and needed() or arguments.jail:
            preload([importlib.import_module(arguments.module.rpartition(".")[0])])
        os.chdir(config.queue_directory)
        if not arguments.keep_root and not arguments.jail:
            give_up_root(config.mail_owner)
        loop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        service = Service(arguments, config, stage, loop)
        if arguments.jail:
            service.enter_jail()
    except (Exception, SystemExit) as error:
        startup_failed(argv[0] if argv else "service", arguments, error)
    loop.set_exception_handler(service.unhandled)
    try:
        service.watch()
        loop.run_until_complete(service.run())
    except BaseException as error:
        service.die(error)
    service.leave()


if __name__ == "__main__":
    main(sys.argv[1:])
