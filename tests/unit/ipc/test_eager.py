"""ipc.eager: no task where none is needed, a real one where it is."""

import asyncio

import pytest

from pyfix.ipc.eager import run


def test_what_does_not_wait_is_done_at_once():
    async def quick():
        return 7

    results = []
    assert run(quick(), results.append) is None      # and no loop is needed for it
    assert results == [7]


def test_what_waits_goes_on_in_a_task():
    async def slow(future):
        first = await future
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await asyncio.sleep(0.001)
        return first + 1

    async def main():
        future, results = asyncio.get_running_loop().create_future(), []
        task = run(slow(future), results.append)
        assert results == []
        future.set_result(1)
        await task
        assert results == [2]

    asyncio.run(main())


def test_errors_come_out_where_they_happen():
    async def bad():
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        run(bad(), print)

    async def later():
        await asyncio.sleep(0)
        raise ValueError("later")

    async def main():
        seen = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: seen.append(context["exception"]))
        task = run(later(), print)
        await asyncio.wait([task])
        await asyncio.sleep(0)
        assert [str(e) for e in seen] == ["later"]

    asyncio.run(main())


def test_cancellation_reaches_the_coroutine():
    async def careful(log):
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            log.append("cleaned up")
            raise

    async def main():
        log = []
        task = run(careful(log), print)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() and log == ["cleaned up"]

    asyncio.run(main())
