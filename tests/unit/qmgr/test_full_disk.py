"""Deliveries end while the state log has no room, the reserve used up: nothing is delivered twice, nothing stays active for ever."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from pyfix import durable
from pyfix._core.slots import make_id
from pyfix.errors import DiskFull, QueueError
from pyfix.ipc.messages import END, OUTCOME
from pyfix.qmgr.admin import Admin
from pyfix.qmgr.parameters import SECOND
from pyfix.qmgr.server import Server
from pyfix.qmgr.stage import Process
from pyfix.queue.states import OP_WARN, pack_op
from tests.kit.qmgr import World


@pytest.fixture
def world():
    found = World()
    yield found
    durable.fill_disk(False)
    found.store.close()


def exhaust(world):
    """No room is left in the state log."""
    slot = world.store.admit([make_id(1 << 20, 0), world.clock.time, 1, 0, 100, 50, 0, b"s@example.org", 1])
    durable.fill_disk(True)
    (Path(world.directory.name) / "reserve").unlink(missing_ok=True)
    while not world.store._backlog:
        world.store.defer(slot, world.clock.time + 10**6 * SECOND, [(0, "4.0.0", "x" * 900)])
    with pytest.raises(DiskFull):
        while True:                 # the smallest record of all fits no more
            world.store._log.append(4, pack_op((OP_WARN, 1)))


@pytest.mark.parametrize("recipients", [[b"a@example.com"], [b"a@example.com", b"b@example.com"], [b"a@example.com", b"b@other.example"]])
def test_a_message_that_was_sent_leaves_when_there_is_room_again(world, recipients):
    agent = world.agent()
    exhaust(world)
    ids = [world.message(*recipients) for _ in range(3)]
    out = world.turn()
    world.manager.outcomes(agent, [[entry.job, "", entry.recipients] for _, entry in out])
    assert not agent.jobs and not agent.busy, "answers behind the first were lost with it: they would be delivered again"
    assert not world.manager.active and world.turn() == []
    assert [line for line in world.log if line.endswith("removed")] == [f"{queue_id.decode()}: removed" for queue_id in ids]
    durable.fill_disk(False)
    world.store.maintain()
    assert [world.state(queue_id) for queue_id in ids] == ["", "", ""]
    world.store.sync()


def test_one_that_was_deferred_or_half_sent_goes_on(world):
    agent = world.agent()
    exhaust(world)
    queue_id = world.message(b"a@example.com", b"b@example.com")
    [(_, entry)] = world.turn()
    world.manager.outcomes(agent, [[entry.job, "", [[0, "sent", "2.0.0", "ok"], [1, "deferred", "4.2.0", "later"]]]])
    assert world.state(queue_id) == "deferred" and world.store.pending(world.store.find(queue_id)) == [1]
    durable.fill_disk(False)
    [(_, entry)] = world.sleep(400)
    assert entry.recipients == [1]
    world.answer(agent, entry)
    world.store.maintain()
    assert world.state(queue_id) == ""


def test_a_command_is_told_that_what_it_asked_for_is_not_on_disk(world):
    exhaust(world)
    queue_id, frames = world.message(b"a@example.com"), []
    connection = SimpleNamespace(send=frames.append, closed=False)
    admin = Admin(world.manager, lambda: None, None, None)
    asyncio.run(admin.change(connection, "delete", [queue_id], []))
    assert frames[-1][:2] == [END, 0] and "No space left" in frames[-1][2]
    assert world.turn() == [] and not world.manager.active


class Died(Exception):
    """The process has ended."""


def die(error):
    raise Died(str(error))


def test_a_state_log_that_has_ended_ends_the_process(world):
    """What its sync failed for is not known to be on disk: nobody's frame is to blame, and no agent's jobs are given to another."""
    agent, queue_id = world.agent(), world.message(b"a@example.com")
    [(_, entry)] = world.turn()
    durable.record()
    durable.fail_sync(0)
    world.store.hold(world.store.find(queue_id))
    with pytest.raises(QueueError):
        world.store.sync()
    durable.recorded()
    durable.fail_sync(-1)
    server = Server(world.manager, None, None, "", None)
    server.agents[link := object()] = agent
    with pytest.raises(QueueError, match="write to the queue"):
        server.on_message(link, [OUTCOME, [[entry.job, "", entry.recipients]]])
    with pytest.raises(Died, match="state log can't be written"):
        Process.upkeep(SimpleNamespace(store=world.store, service=SimpleNamespace(die=die)))
