"""A real smtpd server on a loopback port, with a queue that only remembers: for dialogues with policy and log."""

import asyncio
import contextlib
import socket
import threading
import time

import uvloop

from pyfix.cleanup.intake import Intake, Keeper
from pyfix.config import Config
from pyfix.ipc.connection import decode, encode
from pyfix.ipc.messages import END
from pyfix.model import Reply
from pyfix.net.engine import Engine
from pyfix.resolve import Resolver
from pyfix.smtpd.notify import Notices
from pyfix.smtpd.server import Server
from pyfix.smtpd.session import Doorman
from pyfix.smtpd.settings import Settings
from pyfix.telemetry.lines import Lines

MAIN_CF = """
compatibility_level = 3.11
myhostname = mx.example.org
mydomain = example.org
mydestination = $myhostname, example.org, localhost
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
local_recipient_maps =
alias_maps =
alias_database =
smtpd_error_sleep_time = 0
smtpd_peername_lookup = no
"""


class Log(Lines):
    """Keeps lines as Postfix prints them."""

    def __init__(self):
        super().__init__(b"host", b"test")

    @property
    def lines(self):
        """The texts."""
        return [line.partition(b" host test: ")[2].rstrip(b"\n").decode("utf-8", "replace") for line in self.pending()]


class Stage(Keeper):
    """What an Intake needs of cleanup; messages go into the kit's list."""

    def __init__(self, kit):
        self.kit, self.log, self.writer, self.queue_errors = kit, Lines(b"", b""), None, ()
        self.host, self.mail_name, self.hopcount_limit = b"kit.test", b"Postfix", 1000

    def date(self):
        return b"Fri, 15 Jan 2027 08:00:00 +0000 (UTC)"

    def complete(self, intake):
        self.kit.messages.append(intake)
        reply = self.kit.verdict or Reply(250, "2.0.0", "Ok: queued as " + intake.queue_id.decode())
        if self.kit.later:
            self.kit.loop.call_later(self.kit.later, intake.answer, reply)
        else:
            intake.answer(reply)


class FakeIntake(Intake):
    """An intake that keeps the content as it came and commits into a list; `later` answers in a later turn of the loop."""

    def __init__(self, kit, origin):
        super().__init__(Stage(kit), origin)
        kit.ids += 1
        self.kit, self.aborted, self.queue_id, self.body = kit, False, b"ID%d" % kit.ids, bytearray()

    def start(self):
        super().start()
        self.checker = self

    def feed(self, data):
        """What a checker is given: all content."""
        self.body += data

    hops = 0

    def finish(self, *_):
        """A checker's end."""

    def abort(self):
        super().abort()
        self.aborted = True
        self.kit.aborted.append(self)


class Smtpd:
    """The server, running in a thread: `with Smtpd(tmp_path, "name = value") as server: server.talk(...)`."""

    def __init__(self, directory, extra="", limit=0):
        (directory / "main.cf").write_text(MAIN_CF + f"data_directory = {directory}\n" + extra + "\n")
        self.directory, self.limit = directory, limit
        self.log, self.messages, self.aborted, self.ids, self.verdict, self.later = Log(), [], [], 0, None, 0
        self.failures, self.death = [], None

    def __enter__(self):
        started = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(started,), daemon=True)
        self.thread.start()
        assert started.wait(10), "the server did not start"
        if self.death is not None:
            raise self.death
        return self

    def run(self, started):
        """The thread: whoever waits for it is told when it dies."""
        try:
            self.serve(started)
        except BaseException as error:
            self.death = error
        finally:
            started.set()

    def serve(self, started):
        self.loop = uvloop.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(lambda loop, context: self.failures.append(context))
        config = Config.load(str(self.directory))
        resolver = Resolver(config, self.log.warning)
        settings = Settings(config, resolver, self.log)
        self.server = Server(settings, self.log, time.monotonic, lambda origin: FakeIntake(self, origin), "smtp",
                             str(self.directory), self.limit)
        self.notices = []
        self.server.notices = Notices(config, lambda *notice: self.notices.append(notice), time.monotonic)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.port = self.socket.getsockname()[1]
        self.engine = Engine(self.loop)
        self.server.doors.append(Doorman(self.server, self.engine, self.socket.fileno()))
        self.loop.call_soon(started.set)
        self.loop.run_forever()
        self.engine.close()
        self.socket.close()
        self.loop.close()

    def __exit__(self, *_):
        if self.death is None:
            self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        assert not self.failures and self.death is None, (self.failures, self.death)

    def client(self):
        """A connected Wire."""
        return Wire(self.port)

    def talk(self, *pieces):
        """Sends each piece after the reply to the one before: the replies, the greeting first."""
        with self.client() as wire:
            return [wire.reply(), *(wire.ask(piece) for piece in pieces)]

    def lines(self, wait_for="disconnect from"):
        """What was logged, once a line with `wait_for` is there."""
        deadline = time.monotonic() + 5
        while not any(wait_for in line for line in self.log.lines) and time.monotonic() < deadline:
            time.sleep(0.01)
        return list(self.log.lines)


class FakeQmgr:
    """Stands at DIRECTORY/public/qmgr and says `text` ("": all is well) to whatever it is asked; `asked` has the requests."""

    def __init__(self, directory, text=""):
        (directory / "public").mkdir(exist_ok=True)
        self.text, self.asked = text, []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(str(directory / "public/qmgr"))
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.socket.accept()
                length = int.from_bytes(peer.recv(4), "big")
                self.asked.append(decode(peer.recv(length))[1:])
                if self.text is not None:
                    peer.sendall(encode([END, 1, self.text]))
                peer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Wire:
    """The client's side of a connection, blocking."""

    def __init__(self, port, timeout=5):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.file.close()
            self.socket.close()

    def reply(self):
        """One whole reply, b"" when the other side is gone."""
        lines = []
        while True:
            try:
                line = self.file.readline()
            except ConnectionResetError:
                line = b""
            lines.append(line)
            if len(line) < 4 or line[3:4] != b"-":
                return b"".join(lines)

    def ask(self, data):
        """Sends, then one reply."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)
        return self.reply()

    def rest(self):
        """All that still comes until the other side closes."""
        try:
            return self.file.read()
        except ConnectionResetError:
            return b""
