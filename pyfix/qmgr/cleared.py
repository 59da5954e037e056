"""confirm_delay_cleared: a sender who was told of a delay is told when the mail has gone. Manual pages: postconf(5), qmgr(8).

The law: only for a message with the warned flag, only for recipients whose sender wants to hear of delays (NOTIFY=DELAY, or none
given), and not where a report of success goes out anyway. Everything else costs the look at an empty dictionary.
"""

from typing import Any

from pyfix.model import NOTIFY_DELAY, NOTIFY_FAILURE, Recipient
from pyfix.qmgr.scheduler import Agent, Message

TEXT = "delivered after a delay"        # (the server's words are in the log only)


class Cleared:
    """The active messages of a Manager whose delay may be over."""

    def __init__(self, manager: Any) -> None:
        self.manager = manager
        self.messages: dict[int, Message] = {}      # by slot

    def watch(self, message: Message) -> None:
        """A message is tried again."""
        if self.manager.parameters.confirm_cleared and self.manager.store.is_warned(message.slot):
            self.messages[message.slot] = message

    def mark(self, agent: Agent, results: list[list[Any]]) -> None:
        """Make "cleared" of sent in an OUTCOME frame, where the sender is to hear of it; a malformed item is left to others."""
        for result in results:
            entry = agent.jobs.get(result[0]) if type(result) is list and len(result) == 3 else None
            if entry is None or self.messages.get(entry.message.slot) is not entry.message:
                continue
            people = self.manager.load(entry.message).recipients
            result[2] = [self.told(one, people) if type(one) is int and one in entry.recipients else one for one in result[2]]
            if entry.message.pending == 1:
                del self.messages[entry.message.slot]

    @staticmethod
    def told(index: int, people: list[Recipient]) -> Any:
        """The outcome of a recipient whose mail was sent, of which an agent says no more than the index."""
        wanted = people[index].notify in (0, NOTIFY_DELAY, NOTIFY_DELAY | NOTIFY_FAILURE)
        return [index, "cleared", "2.0.0", TEXT] if wanted else index
