"""What is compared. Each scenario says what would flatter pyfix in it, and how that is avoided."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """One load.

    source      words for `pyfix bench source`
    recipients  per message
    profile     of the receiver
    domains     with routes of their own (addresses 127.9.x.y); of these the share `dead` has nobody listening
    discard     accept only
    crowd       idle connections held open meanwhile
    backlog     messages deferred in the queue before the burst
    restart     measure a start with that backlog instead of a burst
    flatters    what would flatter pyfix, and what is done about it
    """

    name: str
    title: str
    flatters: str
    source: tuple[str, ...] = ("-s", "20", "-l", "4096")
    recipients: int = 1
    profile: str = ""
    domains: int = 0
    dead: float = 0.0
    discard: bool = False
    crowd: int = 0
    backlog: int = 0
    restart: bool = False
    quick: bool = False
    most: int = 30000


MANY = ("-s", "20", "-l", "4096", "-t", "user{u}@d{d}.test", "--users", "1000")

ALL = (
    Scenario("small", "4 KiB, a new connection each", quick=True, flatters=(
        "A start with few parallel deliveries to the one destination would slow Postfix for the first seconds: its initial destination "
        "concurrency is raised to 100, and the first burst is not counted.")),
    Scenario("kept", "4 KiB, connections kept", quick=True, source=("-s", "20", "-l", "4096", "-c", "0"), flatters=(
        "Exim queues without delivering after ten messages on a connection, and others limit messages per connection: those limits are off.")),
    Scenario("large", "1 MiB", quick=True, source=("-s", "20", "-l", "1m"), most=2000, flatters=(
        "Nothing known; a message limit below this size would refuse instead of relaying, so all limits are at 50 MiB.")),
    Scenario("recipients", "50 recipients a message", quick=True, source=("-s", "20", "-l", "4096", "-r", "50"), recipients=50, most=5000, flatters=(
        "Counting recipients flatters whoever sends one message with many RCPT; all are at liberty to do so, and the receiver counts "
        "each recipient once.")),
    Scenario("domains", "500 domains, each with its own host", source=MANY, domains=500, flatters=(
        "DNS answers that pyfix keeps and others ask for: there is no DNS here, all have the same table of routes.")),
    Scenario("slow", "a receiver that takes 0.3 s for each message", source=("-s", "20", "-l", "4096"), profile="content_delay = 0.3\n",
             most=3000, flatters=("More parallel deliveries win: each system may have 100 to the one destination; where its default is lower, that is raised.")),
    Scenario("half-dead", "500 domains, half of them refuse connections", source=MANY, domains=500, dead=0.5, most=8000, flatters=(
        "Messages for dead hosts stay queued and cost nothing here; only what reaches the living half is counted, for all alike.")),
    Scenario("accept", "accepted, then thrown away", quick=True, discard=True, flatters=(
        "A queue that accepts fast and pays later: CPU time is taken until the system has come to rest, not only until the last 250.")),
    Scenario("deep", "4 KiB, with messages deferred in the queue", backlog=2000, domains=20, dead=0.5, source=("-s", "20", "-l", "4096", "-t", "user@d1.test"), flatters=(
        "A backlog that is never looked at again costs nothing: all retry it as their defaults say.")),
    Scenario("crowd", "4 KiB, while idle clients stay connected", crowd=200, flatters=(
        "Servers that give each client a process are slower to start them: the crowd is connected before the clock starts, and their "
        "limits are raised to hold it.")),
    Scenario("restart", "start with messages in the queue", backlog=5000, domains=2, dead=0.5, restart=True, source=("-s", "20", "-l", "4096", "-t", "user@d0.test"), flatters=(
        "A greeting before the queue is known: the time until a new message has come through is given beside it. Above 5,000 messages "
        "Postfix's queue is made of copies, without the files in defer/ that it writes too: that flatters Postfix.")),
)
BY_NAME = {scenario.name: scenario for scenario in ALL}
