"""Coroutines that mostly need not wait, run without a task.

The law: `run(coro, done)` takes the first step at once. If the coroutine ends in it, `done(result)` is
called before run() returns, and no Task was made; else it goes on in a Task, which calls `done` later.

A coroutine that has not yet waited has no current task: `asyncio.timeout()` and `current_task()`
belong behind its first real wait, or around `loop.call_later`. An exception in the
first step comes out of run(); a later one goes to the loop's exception handler.
"""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")
_tasks: set[asyncio.Task[Any]] = set()


def run(coro: Coroutine[Any, Any, T], done: Callable[[T], object]) -> asyncio.Task[None] | None:
    """Run `coro`, then `done(result)`. Returns the Task that goes on with it, None if it is over."""
    try:
        waiting = coro.send(None)
    except StopIteration as stop:
        done(stop.value)
        return None
    task = asyncio.get_running_loop().create_task(_finish(coro, waiting, done))
    _tasks.add(task)
    task.add_done_callback(_ended)
    return task


def at_once(coro: Coroutine[Any, Any, T]) -> T | None:
    """What a coroutine gives that has not to wait; None from one that has, which is given up."""
    try:
        coro.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    coro.close()
    return None


async def _finish(coro: Coroutine[Any, Any, T], waiting: Any, done: Callable[[T], object]) -> None:
    done(await _resumed(coro, waiting))


@types.coroutine
def _resumed(coro: Coroutine[Any, Any, T], waiting: Any) -> Generator[Any, Any, T]:
    """Goes on with a coroutine that was stepped by hand and waits for `waiting`."""
    while True:
        error: BaseException | None = None
        value = None
        try:
            value = yield waiting
        except BaseException as thrown:  # noqa: BLE001 - it is the coroutine's to handle, cancellation included
            error = thrown
        try:
            waiting = coro.send(value) if error is None else coro.throw(error)
        except StopIteration as stop:
            return stop.value


def _ended(task: asyncio.Task[Any]) -> None:
    _tasks.discard(task)
    if not task.cancelled() and task.exception() is not None:
        task.get_loop().call_exception_handler({"message": "a decision failed", "exception": task.exception()})
