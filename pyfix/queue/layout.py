"""Where the queue's log lives: a directory of its own, so that the spool itself can belong to root. Law: docs/queue.md."""

import os


def log_directory(queue_directory: str) -> str:
    """The directory of segments, state log and checkpoints below queue_directory."""
    return os.path.join(queue_directory, "log")
