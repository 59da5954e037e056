"""A Dovecot of its own that takes mail by LMTP: on a UNIX socket and on a free port of 127.0.0.1, users and mail in one directory.

Users: ann, bob (plain), full (its quota is used up by the first message), broken (its mailbox can't be written). Debian's
dovecot-core and dovecot-lmtpd; a test that needs it is skipped where they are absent and can't be installed.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.kit import servers

USERS = ("ann", "bob", "full", "broken")
UID = 65534
CONFIG = """\
protocols = lmtp
listen = 127.0.0.1
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
ssl = no
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/mail
mail_plugins = quota
postmaster_address = postmaster@box.example
hostname = dovecot.example
passdb {{
  driver = passwd-file
  args = {base}/users
}}
userdb {{
  driver = passwd-file
  args = {base}/users
}}
plugin {{
  quota = count:used
  quota_vsizes = yes
  quota_rule = *:storage=1M
}}
lmtp_save_to_detail_mailbox = no
auth_username_format = %n
service lmtp {{
  unix_listener {base}/lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""


class Dovecot:
    """`with Dovecot() as server:`; `path` and `port` are where it listens."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            pytest.skip("Dovecot changes its user and needs root")
        self.program = servers.program("dovecot")
        if not Path("/usr/lib/dovecot/lmtp").exists():
            pytest.skip("apt-get install dovecot-lmtpd")
        self.base = Path(tempfile.mkdtemp(prefix="pyfix-dovecot-"))
        self.path, self.port = self.base / "lmtp", servers.free_port()

    def __enter__(self) -> "Dovecot":
        self.base.chmod(0o755)
        (self.base / "dovecot.conf").write_text(CONFIG.format(base=self.base, port=self.port))
        rows = []
        for name in USERS:
            home = self.base / "home" / name
            home.mkdir(parents=True)
            os.chown(home, UID, UID)
            rule = " userdb_quota_rule=*:bytes=300" if name == "full" else ""
            rows.append(f"{name}:{{PLAIN}}x:{UID}:{UID}::{home}::{rule}")
        (self.base / "users").write_text("\n".join(rows) + "\n")
        (self.base / "home/broken").joinpath("mail").write_text("not a directory")
        self.process = subprocess.Popen([self.program, "-F", "-c", str(self.base / "dovecot.conf")], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not self.path.exists():
            assert time.monotonic() < until and self.process.poll() is None, self.log()
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.base)

    def log(self) -> str:
        """What it logged."""
        path = self.base / "log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def mail(self, user: str) -> list[bytes]:
        """The messages in a user's mailbox."""
        return [path.read_bytes() for path in sorted((self.base / "home" / user / "mail" / "new").glob("*"))]
