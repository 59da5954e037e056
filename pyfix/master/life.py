"""The life of master: read the configuration, take the lock, start everything, go on until stopped.

Law: master(8).
"""

import asyncio
import contextlib
import os
import sys

from pyfix.errors import PyfixError
from pyfix.master import lock, spool
from pyfix.master.logfile import LogFile
from pyfix.master.nursery import Nursery
from pyfix.master.plan import load
from pyfix.master.supervisor import Supervisor
from pyfix.telemetry.maillog import Maillog

READY_PATIENCE = 10.0       # seconds that the start waits for the processes


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


async def master(directory: str, report: int, nursery: Nursery) -> int:
    """From the configuration to the end; the exit status."""
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
        await serve(Supervisor(plan, log, logfile, log.loop, nursery), report)
    except (PyfixError, OSError, lock.AlreadyRunning) as error:
        if log is not None:
            log.fatal(str(error))
            log.flush()
        tell(report, str(error).encode("utf-8", "surrogateescape"))
        if report < 0:
            print(f"postfix/master: fatal: {error}", file=sys.stderr)
        return 1
    return 0


def live(directory: str, report: int, nursery: Nursery) -> int:
    """All of it; the exit status."""
    return asyncio.run(master(directory, report, nursery))
