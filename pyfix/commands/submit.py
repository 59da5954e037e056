"""Hand a local message over: to the running system, or else into maildrop.

Law: pyfix/ipc/submission.py, sendmail(1), postdrop(1). The socket gives a real answer after the commit; where
nobody listens, or where it turns us away for now, the setgid `postdrop` keeps the message until
pickup comes.
"""

import os
import socket
import sys
from typing import Any

from pyfix.commands.common import Failure
from pyfix.errors import PeerError
from pyfix.ipc.submission import Submission, encode
from pyfix.telemetry.maillog import CommandLog

CONNECT_PATIENCE = 10.0     # seconds
ANSWER_PATIENCE = 300.0
POSTDROP_TOO_BIG = 69


def submit(config: Any, message: Submission, content: bytes) -> str:
    """Submit; the words of the answer, "" after maildrop. Raises Failure."""
    limit = config.message_size_limit
    if limit and len(content) > limit:
        raise Failure("message file too big")
    answer = over_socket(config, message, content)
    if answer.startswith("2"):
        return answer
    if answer.startswith("5"):
        raise Failure(answer)
    into_maildrop(config, message, content)
    return ""


def over_socket(config: Any, message: Submission, content: bytes) -> str:
    """The server's answer line, "" where there is none."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(CONNECT_PATIENCE)
        try:
            sock.connect(os.path.join(config.queue_directory, "public/submit"))
        except OSError:
            return ""
        sock.settimeout(ANSWER_PATIENCE)
        try:
            send(sock, message, content)
        except OSError:
            pass                    # it stopped reading; it may have said why
        return read_line(sock)


def send(sock: socket.socket, message: Submission, content: bytes) -> None:
    """All records, in few writes. Raises Failure for an envelope that can't be sent, OSError."""
    try:
        pieces = []
        for record in encode(message, content):
            pieces.append(record)
            if len(record) > 4096 or len(pieces) > 500:
                sock.sendall(b"".join(pieces))
                pieces.clear()
        sock.sendall(b"".join(pieces))
        sock.shutdown(socket.SHUT_WR)
    except PeerError as error:
        raise Failure(str(error)) from None


def read_line(sock: socket.socket) -> str:
    """One line, "" where it does not come."""
    line = b""
    try:
        while not line.endswith(b"\n") and len(line) < 8192:
            data = sock.recv(4096)
            if not data:
                return ""
            line += data
    except OSError:
        return ""
    return line.decode("utf-8", "replace").strip("\n")


def postdrop_path(config: Any) -> str:
    """Where postdrop is: command_directory if it is ours, else beside the commands, else in PATH. Raises Failure."""
    beside = os.path.join(os.path.dirname(sys.executable), "postdrop")
    if os.access(beside, os.X_OK):
        return beside
    import shutil               # loaded where it is needed: every program that sends mail waits for our start
    if found := shutil.which("postdrop"):
        return found
    raise Failure(f"no postdrop command in {os.path.dirname(sys.executable)}")


def into_maildrop(config: Any, message: Submission, content: bytes) -> None:
    """Run postdrop. Raises Failure."""
    try:
        data = b"".join(encode(message, content))
    except PeerError as error:
        raise Failure(str(error)) from None
    import subprocess
    path = postdrop_path(config)
    done = subprocess.run([path, "-c", config.directory, "-r"], input=data, check=False)       # it says itself what is wrong, and what it waits for
    if done.returncode == POSTDROP_TOO_BIG:
        raise Failure("message file too big")
    if done.returncode:
        how = f"exited with status {done.returncode}" if done.returncode > 0 else f"killed by signal {-done.returncode}"
        CommandLog(config, "sendmail").warning(f'command "{path} -r" {how}')
        raise Failure(f"unable to execute {path} -r: Application error")
