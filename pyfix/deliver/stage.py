"""The smtp, lmtp and relay services: an Agent on qmgr's socket. Law: smtp(8), ipc.messages.

A process takes as many jobs at a time as its master.cf line has processes (`-`: CAPACITY); one
process carries them all.
"""

import asyncio
import os
from typing import Any

from pyfix.deliver.agent import Agent
from pyfix.deliver.checks import Checks
from pyfix.deliver.hosts import Hosts
from pyfix.deliver.notices import Notices
from pyfix.deliver.outward import Outward
from pyfix.deliver.parameters import Parameters
from pyfix.dns.resolver import Resolver
from pyfix.ipc.connection import Connection, Link
from pyfix.ipc.messages import DELIVER, HELLO, NOTICE, OUTCOME, READY
from pyfix.errors import PeerError
from pyfix.queue.layout import log_directory
from pyfix.queue.reader import Reader
from pyfix.resolve import Resolver as Rewriter
from pyfix.resolve.generic import Generic

CAPACITY = 5_000
DRAIN_LOOK = 0.1        # seconds between looks whether the last job is done


class Smtp:
    """One delivery process: the agent and its link to qmgr."""

    def __init__(self, service: Any) -> None:
        self.service, self.draining = service, False
        self.resolver = Resolver()
        self.capacity = int(getattr(service, "capacity", 0) or CAPACITY)
        parameters = Parameters(service.config, service.log, service.program)
        self.agent = Agent(parameters, self.hosts(parameters), Reader(log_directory(service.queue_directory)), service.engine,
                           service.loop, service.log, self.report)
        self.agent.notices = self.notices()
        self.map_outward()
        self.link = Link(os.path.join(service.queue_directory, "private/qmgr"), self.on_message, self.on_open,
                         lambda connection, error: self.agent.forget_jobs())

    def hosts(self, parameters: Parameters) -> Hosts:
        """The lookups under one configuration; our own addresses are read now."""
        config = self.service.config
        own = {str(interface.address) for interface in config.own_interfaces()}
        proxies = set(config["proxy_interfaces"].replace(",", " ").split())
        return Hosts(self.resolver, parameters, own, proxies, self.service.log)

    def notices(self) -> Notices:
        """Transcripts for the postmaster."""
        return Notices(self.service.config, self.service.program, lambda subject, text: self.link.send([NOTICE, subject, text]))

    def map_outward(self) -> None:
        """smtp_generic_maps, smtp_header_checks and their like, where one is set."""
        config, program = self.service.config, self.service.program
        Outward.remove(self.agent)
        checks = Checks(config, self.service.log, program)
        if config[f"{program}_generic_maps"] or checks:
            resolver = Rewriter(config, self.service.log.warning)
            Outward(self.agent, Generic(config, resolver, program), checks or None)

    def on_open(self, connection: Connection) -> None:
        """Say who we are and how much we can take."""
        connection.send([HELLO, "agent", self.service.name, os.getpid(), self.service.config.generation])
        connection.send([READY, self.service.name, 0 if self.draining else self.capacity])

    def on_message(self, connection: Connection, message: list[Any]) -> None:
        """A frame from qmgr."""
        if message[0] != DELIVER:
            raise PeerError(f"message of kind {message[0]} makes no sense to a delivery agent")
        for job in message[1]:
            self.agent.deliver(job)

    def report(self, results: list[list[Any]]) -> None:
        """Send the outcomes of a turn; without a connection qmgr has forgotten the jobs, and will give them out again."""
        self.service.log.flush()        # our delivery lines stand before qmgr's "removed"
        self.link.send([OUTCOME, results])
        if self.draining:
            self.tell_room()

    async def drain(self) -> None:
        """Another process has taken over: take no more jobs, finish those we have."""
        self.draining = True
        self.tell_room()
        while self.agent.active and self.link.connection is not None:
            await asyncio.sleep(DRAIN_LOOK)
        self.link.close()
        await self.agent.stop()

    def tell_room(self) -> None:
        """qmgr counts what it gets back as room for more: while we drain it has to hear each time that there is none."""
        self.link.send([READY, self.service.name, 0])

    def configure(self) -> None:
        """A reload: new deliveries follow the new configuration."""
        parameters = Parameters(self.service.config, self.service.log, self.service.program)
        self.agent.parameters, self.agent.hosts = parameters, self.hosts(parameters)
        self.agent.sites.clear()
        self.agent.notices = self.notices()
        self.map_outward()


def prepare(service: Any) -> None:
    """Open tables and read files: what a process in a jail can't do later."""
    service.stage_state = Smtp(service)


async def start(service: Any) -> None:
    """Begin to serve."""
    service.stage_state.link.start()


async def reload(service: Any, config: Any) -> None:
    """Take over a new configuration."""
    service.stage_state.configure()


async def drain(service: Any) -> None:
    """Leave the jobs to come to another process."""
    await service.stage_state.drain()


async def stop(service: Any) -> None:
    """End kept connections politely."""
    await service.stage_state.agent.stop()
