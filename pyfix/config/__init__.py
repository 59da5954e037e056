"""Parameters: one table, main.cf, master.cf, and the expansion language.

    config = Config.load("/etc/postfix", service.overrides)
    config.message_size_limit       # int
    for service in load_master(f"{config.directory}/master.cf"): ...
"""

from pyfix.config.master_cf import Service, load_master
from pyfix.config.snapshot import DEFAULT_DIRECTORY, Config, config_directory

__all__ = ["DEFAULT_DIRECTORY", "Config", "Service", "config_directory", "load_master"]
