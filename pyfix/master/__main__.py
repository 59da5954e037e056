"""The master program: `python -m pyfix.master -c DIRECTORY [-r FD]`.

Law: master(8). It is started by `postfix start` and `postfix start-fg`. FD is where the
result of the start is written: b"ok", or the text of what went wrong.
"""

import asyncio
import contextlib
import getopt
import os
import resource
import sys

from pyfix.errors import ConfigError, PyfixError
from pyfix.master import lock, spool
from pyfix.master.logfile import LogFile
from pyfix.master.plan import load
from pyfix.master.supervisor import Supervisor
from pyfix.telemetry.maillog import Maillog

READY_PATIENCE = 10.0       # seconds that the start waits for the processes


def raise_limits() -> None:
    """As many open files as the system lets us have: every session is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def serve(supervisor: Supervisor, report: int) -> None:
    """Start everything, report, and go on until stopped."""
    supervisor.start()
    config = supervisor.plan.config
    supervisor.log.info(f"daemon started -- version {config.mail_version}, configuration {config.directory}")
    deadline = asyncio.get_running_loop().time() + READY_PATIENCE
    while not supervisor.all_ready() and not supervisor.stopping and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
    tell(report, b"ok")
    await supervisor.done


def tell(report: int, text: bytes) -> None:
    """Write the result of the start where the command waits for it."""
    if report >= 0:
        with contextlib.suppress(OSError):
            os.write(report, text)
            os.close(report)


async def master(directory: str, report: int) -> int:
    """The life of master; its exit status."""
    log = None
    try:
        plan = load(directory)
        logfile = LogFile(plan.config)
        log = Maillog(plan.config, "master", fd=os.dup(logfile.fd) if logfile.fd >= 0 else None)
        for warning in plan.warnings:
            log.warning(warning)
        spool.make(plan.config)
        os.chdir(plan.config.queue_directory)
        lock.acquire(lock.PID_FILE)
        log.loop = asyncio.get_running_loop()
        supervisor = Supervisor(plan, log, logfile, log.loop)
        await serve(supervisor, report)
    except (PyfixError, OSError, lock.AlreadyRunning) as error:
        if log is not None:
            log.fatal(str(error))
            log.flush()
        tell(report, str(error).encode("utf-8", "surrogateescape"))
        if report < 0:
            print(f"postfix/master: fatal: {error}", file=sys.stderr)
        return 1
    return 0


def main(argv: list[str]) -> int:
    """Parse the command line and run."""
    try:
        options, rest = getopt.getopt(argv, "c:r:")
        given = dict(options)
        if rest or "-c" not in given:
            raise ConfigError("usage: master -c config_directory", remedy="use the postfix command")
    except (getopt.GetoptError, ConfigError) as error:
        print(f"master: fatal: {error}", file=sys.stderr)
        return 1
    os.umask(0o022)
    raise_limits()
    return asyncio.run(master(given["-c"], int(given.get("-r", -1))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
