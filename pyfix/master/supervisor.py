"""The supervisor: starts, watches, replaces, reloads and stops the services.

Law: master(8). It parses nothing that came from the network and imports no stage. A
process that dies is replaced at once; one that gives up before it was ready (or dies again and again) is
throttled for service_throttle_time, with Postfix's warnings. A reload reads everything first
and changes nothing unless all of it is right.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable

from pyfix.errors import PyfixError
from pyfix.master.heirs import Heirs
from pyfix.master.listeners import Listeners
from pyfix.master.logfile import LogFile
from pyfix.master.nursery import PATIENCE, Nursery
from pyfix.master.plan import Plan, Planned, load
from pyfix.master.process import Slot
from pyfix.master.spool import owners
from pyfix.telemetry.maillog import Maillog

TICK = 0.25                 # seconds between looks at throttled places and the log file
QUICK = 1.0                 # a life shorter than this is a quick death
QUICK_DEATHS = 5            # so many in a row throttle
STOP_PATIENCE = 2.5         # seconds for all but qmgr, then as long for qmgr, to stop in good order
STDERR_LINES = 40           # lines that are logged of a piece of standard error
LAST_TO_STOP = "qmgr"


class Supervisor:
    """All of master but its command line. `done` is set when everything has stopped."""

    def __init__(self, plan: Plan, log: Maillog, logfile: LogFile, loop: asyncio.AbstractEventLoop, nursery: Nursery) -> None:
        self.plan, self.log, self.logfile, self.loop, self.nursery = plan, log, logfile, loop, nursery
        self.directory = plan.config.directory
        self.listeners = Listeners(owners(plan.config))
        self.slots: dict[str, list[Slot]] = {}
        self.leaving: list[Slot] = []       # of a former configuration, on their way out
        self.heirs = Heirs(self.slots, lambda slot: self.leaving.append(slot), self._launch_slot)
        self.generation = 0
        self.stopping = False
        self.heard_zygote = 0               # the process whose standard error we read
        self.done = loop.create_future()

    # -- start ----------------------------------------------------------------------------

    def start(self) -> None:
        """Bind all sockets and start what starts at boot. Raises SystemTrouble."""
        self.listeners.make(self.plan.sockets())
        for _, address in self.listeners.inherited:
            self.log.warning(f"inherited socket {address} is in no line of master.cf: not used")
        self._hear_zygote()
        for service in self.plan.services.values():
            self._adopt(service)
        for number, action in ((signal.SIGTERM, self.stop), (signal.SIGINT, self.stop), (signal.SIGHUP, self.reload),
                               (signal.SIGCHLD, self.reap), (signal.SIGQUIT, self.abort), (signal.SIGUSR1, self.rotate)):
            self.loop.add_signal_handler(number, action)
        self.loop.call_later(TICK, self._tick)

    def _adopt(self, service: Planned) -> None:
        self.slots[service.identity] = [Slot(service, index, self.generation) for index in range(service.count)]
        if service.boot:
            self._launch(service.identity)
        elif service.trigger is not None:
            sock = self.listeners.open[service.trigger.name]
            self.loop.add_reader(sock.fileno(), self._knock, service.identity)

    def _knock(self, identity: str) -> None:
        """Somebody connected to the socket of a service that starts on demand."""
        sock = self.listeners.open[self.plan.services[identity].trigger.name]
        try:
            sock.accept()[0].close()
        except OSError:
            return
        self._launch(identity)

    def _launch(self, identity: str) -> None:
        now = time.monotonic()
        for slot in self.slots.get(identity, ()):
            if slot.status is None and not slot.stopping and now >= slot.not_before and not self.stopping:
                self._launch_slot(slot)

    def _launch_slot(self, slot: Slot) -> None:
        try:
            slot.start(self.directory, self.listeners.open, self.logfile.fd, self.plan.config, self.nursery)
        except BlockingIOError:             # the zygote has enough to do: soon again
            slot.not_before = time.monotonic() + TICK
            return
        except OSError as error:
            self.log.warning(f"cannot start {slot.plan.program}: {error.strerror}")
            self._throttle(slot)
            return
        self._hear_zygote()
        self.loop.add_reader(slot.status.fileno(), self._heard, slot)
        self.loop.add_reader(slot.errors, self._said, slot)

    def _heard(self, slot: Slot) -> None:
        slot.listen()
        self.heirs.heard(slot)
        if slot.silent:
            self.loop.remove_reader(slot.status.fileno())
            if not slot.pid:
                self._forget(slot, 1)

    def _said(self, slot: Slot) -> None:
        """A process wrote to standard error: it could not log that, or it is dying."""
        lines = slot.said()
        for line in lines[-STDERR_LINES:]:
            self.log.warning(b"%b[%d]: %b" % (slot.plan.program.encode(), slot.pid, line))
        if not lines:
            self.loop.remove_reader(slot.errors)

    # -- the zygote -----------------------------------------------------------------------

    def _hear_zygote(self) -> None:
        if self.nursery.pid and self.nursery.pid != self.heard_zygote:
            self.heard_zygote = self.nursery.pid
            self.loop.add_reader(self.nursery.errors, self._zygote_said)

    def _zygote_said(self) -> None:
        lines = self.nursery.said()
        for line in lines[-STDERR_LINES:]:
            self.log.warning(b"zygote[%d]: %b" % (self.nursery.pid, line))
        if not lines:
            self.loop.remove_reader(self.nursery.errors)

    def _zygote_ended(self, result: int) -> None:
        """Services live on; a new zygote is started at once, or with the next service where this one lived for a moment only."""
        lived = time.monotonic() - self.nursery.started
        self._zygote_said()
        self.loop.remove_reader(self.nursery.errors)
        self.log.warning(f"process {self.plan.config.daemon_directory}/zygote pid {self.nursery.pid} {manner(result)}")
        self.nursery.ended()
        if lived >= QUICK and not self.stopping:
            self.nursery.start()
            self._hear_zygote()

    def _watch_zygote(self) -> None:
        """A zygote that forks nothing any more is replaced."""
        late = time.monotonic() - PATIENCE
        if any(slot.status is not None and not slot.pid and slot.started < late for slot in self._alive()):
            self.log.warning("the zygote does not answer: it is killed")
            self.nursery.kill()

    def all_ready(self) -> bool:
        """True when every process that starts at boot is ready, or has failed and been logged."""
        return all(slot.ready or slot.not_before for slots in self.slots.values() for slot in slots if slot.plan.boot)

    # -- ends of processes ----------------------------------------------------------------

    def reap(self) -> None:
        """Take note of every process that has ended, and replace it."""
        ended = collected()
        slots = self._alive() if ended else []
        for slot in slots:
            slot.listen()
        for slot in slots:
            if slot.pid in ended:
                self._forget(slot, ended[slot.pid])
        if self.nursery.pid in ended:
            self._zygote_ended(ended[self.nursery.pid])
        if self.stopping and not self._alive():
            self._finish()

    def _forget(self, slot: Slot, result: int) -> None:
        """A process has ended, or could not be forked."""
        pid = slot.pid
        self.loop.remove_reader(slot.status.fileno())
        self._said(slot)
        self.loop.remove_reader(slot.errors)
        slot.ended()
        self.leaving = [one for one in self.leaving if one is not slot]
        self._ended(slot, pid, result)

    def _ended(self, slot: Slot, pid: int, result: int) -> None:
        program = f"{self.plan.config.daemon_directory}/{slot.plan.program}"
        if result and not slot.stopping:
            self.log.warning(f"process {program} pid {pid} {manner(result)}" if pid else f"cannot start {program}")
        if slot.stopping or self.stopping:
            return
        lived = time.monotonic() - slot.started
        slot.quick_deaths = slot.quick_deaths + 1 if lived < QUICK else 0
        if not pid and slot.quick_deaths < QUICK_DEATHS:
            slot.not_before = time.monotonic() + TICK       # there was no zygote, or it could not fork
        elif result > 0 and not slot.ready or result and slot.quick_deaths >= QUICK_DEATHS:
            self.log.warning(f"{program}: bad command startup -- throttling")
            self._throttle(slot)
        else:
            self._launch_slot(slot)

    def _throttle(self, slot: Slot) -> None:
        slot.not_before = time.monotonic() + self.plan.config.service_throttle_time
        slot.quick_deaths = 0

    def _alive(self) -> list[Slot]:
        return [slot for slots in self.slots.values() for slot in slots if slot.status is not None] + self.leaving

    def _tick(self) -> None:
        self.loop.call_later(TICK, self._tick)
        if self.logfile.moved():
            self.rotate()
        self.reap()
        self._watch_zygote()
        if not self.stopping:
            for path in self.heirs.look(self._next_generation):
                self.log.info(f"{path} has changed: its reader is replaced")
        for identity, slots in self.slots.items():
            if any(slot.status is None and slot.not_before for slot in slots):
                self._launch(identity)

    def _next_generation(self) -> int:
        self.generation += 1
        return self.generation

    # -- log ------------------------------------------------------------------------------

    def rotate(self) -> None:
        """Open maillog_file anew and hand the descriptor to all."""
        try:
            fd = self.logfile.reopen()
        except OSError as error:
            self.log.warning(f"cannot open {self.logfile.path}: {error.strerror}; going on with the old file")
            return
        if fd >= 0:
            self.log.reopened(os.dup(fd))
            for slot in self._alive():
                slot.tell(b"L", (fd,))

    # -- reload ---------------------------------------------------------------------------

    def reload(self) -> None:
        """Take the configuration as it is on disk now, or say what is wrong with it and go on as before."""
        try:
            plan = load(self.directory)
            fresh = self.listeners.make(plan.sockets())
        except (PyfixError, OSError) as error:
            self.log.error(f"reload: {error}; the mail system keeps running with its previous configuration")
            return
        self.log.configure(plan.config)
        for warning in plan.warnings:
            if warning not in self.plan.warnings:
                self.log.warning(warning)
        old, self.plan = self.plan, plan
        self.generation += 1
        self.log.info(f"reload -- version {plan.config.mail_version}, configuration {self.directory}")
        self._replan(old, plan)
        wanted = {one.name for one in plan.sockets()}
        self.listeners.drop(self.listeners.open.keys() - wanted - fresh.keys())

    def _replan(self, old: Plan, new: Plan) -> None:
        for identity, service in old.services.items():
            successor = new.services.get(identity)
            if successor is None or not service.same_processes(successor):
                self._dismiss(identity, service)
        for identity, service in new.services.items():
            if identity not in self.slots:
                self._adopt(service)
                continue
            for slot in list(self.slots[identity]):
                if service.jail:
                    self.heirs.replace(slot, service, self.generation)
                    continue
                slot.not_before = min(slot.not_before, 1e-9)
                slot.tell_reload(service)
            if service.boot:
                self._launch(identity)

    def _dismiss(self, identity: str, service: Planned) -> None:
        """Let the processes of a line that is gone or quite different finish what they have."""
        if service.trigger is not None and service.trigger.name in self.listeners.open:
            self.loop.remove_reader(self.listeners.open[service.trigger.name].fileno())
        for slot in self.slots.pop(identity):
            self.heirs.dismiss(slot)
            if slot.status is not None:
                slot.stopping = True
                slot.tell(b"Q")
                self.leaving.append(slot)

    # -- stop -----------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop in good order: first those that take and deliver mail, then qmgr."""
        if self.stopping:
            return
        self.stopping = True
        self.log.info("terminating on signal 15")
        self._stop_some(lambda slot: slot.plan.program != LAST_TO_STOP)
        self._stop_when_idle(time.monotonic() + STOP_PATIENCE)

    def _stop_some(self, which: Callable[[Slot], bool]) -> None:
        for slot in filter(which, self._alive()):
            slot.stopping = True
            slot.tell(b"Q")

    def _stop_when_idle(self, deadline: float) -> None:
        others = [slot for slot in self._alive() if slot.plan.program != LAST_TO_STOP]
        if others and time.monotonic() < deadline:
            self.loop.call_later(0.02, self._stop_when_idle, deadline)
            return
        for slot in others:
            slot.signal(signal.SIGKILL)
        self._stop_some(lambda slot: slot.plan.program == LAST_TO_STOP)
        self.loop.call_later(STOP_PATIENCE, self.abort)
        self.reap()

    def abort(self) -> None:
        """End all processes at once; the queue is made for that."""
        self.stopping = True
        for slot in self._alive():
            slot.stopping = True
            slot.signal(signal.SIGKILL)
        if not self._alive():
            self._finish()

    def _finish(self) -> None:
        self.log.flush()
        if not self.done.done():
            self.done.set_result(None)


def collected() -> dict[int, int]:
    """Exit status (negative: signal) of all children that have ended by now, orphans of services among them."""
    found = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not pid:
            return found
        found[pid] = os.waitstatus_to_exitcode(status)


def manner(result: int) -> str:
    """How a process ended, in Postfix's words."""
    return f"killed by signal {-result}" if result < 0 else f"exit status {result}"
