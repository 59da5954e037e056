"""The whole delivery process but for its process: qmgr's frames in, a real queue record, a server, frames out."""

import asyncio
from types import SimpleNamespace
from typing import Any

from pyfix import model
from pyfix.deliver import stage
from pyfix.ipc.connection import Connection, serve
from pyfix.ipc.messages import DELIVER, HELLO, OUTCOME, READY
from pyfix.net.engine import Engine
from pyfix.queue.envelope import pack
from pyfix.queue.layout import log_directory
from pyfix.queue.writer import Writer
from tests.kit.client_cases import DOT, GO, OK, P
from tests.kit.delivery import BODY, Log, configuration, run
from tests.kit.smtp_server import Server


def test_job_to_outcome(tmp_path: Any) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        server = await Server([*P, OK, OK, GO, DOT]).start()
        (tmp_path / "private").mkdir()
        (tmp_path / "log").mkdir()
        place = await commit(loop, tmp_path, server.nexthop)
        frames: asyncio.Queue[list[Any]] = asyncio.Queue()
        import socket
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "private/qmgr"))
        listener.listen()
        links: list[Connection] = []
        qmgr = await serve(listener, lambda _, message: frames.put_nowait(message), on_open=links.append)
        config = configuration(tmp_path, queue_directory=str(tmp_path))
        service = SimpleNamespace(config=config, log=Log(), loop=loop, engine=Engine(loop), name="relay", program="smtp",
                                  queue_directory=str(tmp_path))
        stage.prepare(service)
        await stage.start(service)
        assert (await frames.get())[:3] == [HELLO, "agent", "relay"]
        assert (await frames.get())[:2] == [READY, "relay"]
        links[0].send([DELIVER, [[7, b"QID", *place, server.nexthop, [0], 0, 1]]])
        assert await frames.get() == [OUTCOME, [[7, "", [0]]]]
        assert server.contents == [BODY + b".\r\n"]
        await stage.reload(service, config)
        await stage.stop(service)
        service.engine.close()
        service.stage_state.link.close()
        qmgr.close()
        await server.stop()
    run(scenario)


async def commit(loop: Any, directory: Any, nexthop: str) -> model.Place:
    """Put one message into a queue log."""
    done: asyncio.Future[Any] = loop.create_future()
    writer = Writer(log_directory(str(directory)), "smtpd.0", loop, lambda group: done.set_result(group[0]))
    envelope = model.Envelope(writer.new_id(), 1, b"s@example.org", size=len(BODY),
                              recipients=[model.Recipient(b"r@example.com", transport="relay", nexthop=nexthop)])
    writer.commit(pack(envelope), BODY, "token")
    token, place, error = await asyncio.wait_for(done, 10)
    assert error is None
    writer.close()
    return place
