"""`maillog_file`, opened by master for everybody.

Law: postlogd(8), `maillog_file` and `maillog_file_prefixes` of postconf(5). Master opens it before any
privilege is dropped and hands the descriptor to the services; it sees when the file was renamed.
"""

import os
import time
from typing import Any

from pyfix.errors import ConfigError
from pyfix.telemetry.maillog import PERMISSIONS, open_log_file

LOOK = 1.0                  # seconds between two looks whether the file is still there


class LogFile:
    """The log file, or nothing where the log goes to syslog (`fd` -1). Raises ConfigError, OSError."""

    def __init__(self, config: Any) -> None:
        self.path = config.maillog_file
        check_prefix(self.path, config)
        self.permissions = config["maillog_file_permissions"]
        self.fd = open_log_file(self.path, self.permissions) if self.path else -1
        self._next_look = 0.0

    def moved(self) -> bool:
        """True where the path is not our file any more; looks once a second."""
        now = time.monotonic()
        if self.fd < 0 or self.path == "/dev/stdout" or now < self._next_look:
            return False
        self._next_look = now + LOOK
        try:
            there, ours = os.stat(self.path), os.fstat(self.fd)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def reopen(self) -> int:
        """Open the path anew; the descriptor, -1 where there is no file. Raises OSError, the old one stays."""
        if self.fd < 0 or self.path == "/dev/stdout":
            return -1
        fresh = open_log_file(self.path, self.permissions)
        os.close(self.fd)
        self.fd = fresh
        return fresh


def check_prefix(path: str, config: Any) -> None:
    """Postfix allows the log only below maillog_file_prefixes, with one of three modes. Raises ConfigError."""
    if config["maillog_file_permissions"] not in PERMISSIONS:
        raise ConfigError(f"bad maillog_file_permissions value: {config['maillog_file_permissions']}",
                          remedy="specify 0600, 0640 or 0644")
    if path and not any(path == word or path.startswith(word.rstrip("/") + "/")
                        for word in config.words("maillog_file_prefixes")):
        raise ConfigError(f"maillog_file pathname '{path}' does not match any of maillog_file_prefixes",
                          remedy="put the file below /var, or extend maillog_file_prefixes")
