"""A session on ServerCore that says yes to everything, for tests of the core."""

from pyfix._core.data import MemorySink
from pyfix._core.limits import Limits
from pyfix._core.server import ServerCore

NEEDS_ANSWER = {"mail": (250, b"2.1.0 Ok"), "rcpt": (250, b"2.1.5 Ok"), "vrfy": (252, b"2.0.0 ok"),
                "etrn": (459, b"service unavailable")}


class Client:
    """Feeds bytes to a core; `events` and `replies` say what came of it; `messages` holds what was accepted."""

    def __init__(self, policy=None, **limits):
        limits.setdefault("hostname", b"mx.example.org")
        self.core = ServerCore(Limits(**limits))
        self.policy = policy or {}
        self.events, self.messages, self.sink, self.left, self.closed = [], [], None, b"", False

    def send(self, data: bytes) -> bytes:
        """Feeds and answers until nothing is left to do: the replies."""
        self.left += data
        while not self.closed:
            event, used = self.core.feed(self.left)
            self.left = self.left[used:]
            if event == "more":
                break
            self.events.append(self.describe(event))
            self.act(event)
        return self.core.out.take()

    def describe(self, event):
        core = self.core
        detail = {"helo": lambda: core.text, "mail": lambda: (core.address, core.size, core.ret, core.envid, core.utf8),
                  "rcpt": lambda: (core.address, core.notify, core.orcpt), "vrfy": lambda: core.text, "etrn": lambda: core.text}
        return (event, detail[event]()) if event in detail else event

    def act(self, event):
        core = self.core
        if event in self.policy:
            core.reply(*self.policy[event])
        elif event == "close":
            self.closed = True
        elif event == "helo":
            core.reply_lines(250, b"250 mx.example.org\r\n")
        elif event == "data":
            self.sink = MemorySink()
            core.accept(self.sink)
        elif event == "end":
            self.messages.append(bytes(self.sink.content))
            core.reply(250, b"2.0.0 Ok: queued as X")
        elif event in NEEDS_ANSWER:
            core.reply(*NEEDS_ANSWER[event])
