"""Every message between pyfix's processes, in one list.

On the wire: a 4-byte big-endian length, then one msgpack array `[kind, ...]`
with bytes as bin and text as str (`use_bin_type=True`, `raw=False`). All carry
batches: one frame for as many items as are ready. An item is a list in the order
given here. A process that gets a kind it does not know logs it and closes.

qmgr listens on `private/qmgr`; writers and delivery agents connect to it and send
HELLO first. Commands connect to `public/showq` and `public/qmgr`.
"""

# Any process to qmgr, first frame: [HELLO, role, name, pid, generation].
# role: "writer" (smtpd, pickup, ...) or "agent" (smtp, lmtp, relay, error, ...);
# name: the writer's segment prefix, or the transport (master.cf service) served.
HELLO = 1

# writer -> qmgr, after a commit, one frame a group: [COMMITTED, [message, ...]]
# message: [queue_id, arrival, segment, offset, length, size, flags, sender, nrcpt, sites]
# sites: [[transport, nexthop, [recipient index, ...]], ...]
COMMITTED = 2

# qmgr -> agent: [DELIVER, [job, ...]]
# job: [job_id, queue_id, segment, offset, length, nexthop, [recipient index, ...], flags, queued_us]
# queued_us: when it became active, for delays=a/b/c/d
DELIVER = 3

# agent -> qmgr: [OUTCOME, [result, ...]]
# result: [job_id, site_status, [[recipient index, status, dsn, text], ...]]
# site_status: "" well, else why the whole site failed (throttles it: [dsn, text])
# status: "sent" "deferred" "bounced"; dsn "2.0.0"; text: cleaned, one line, bounded.
# A recipient index alone is that recipient, "sent", with nobody who wants to be told of it.
# For "sent" an agent may say more, and a sender who asked for it (NOTIFY=SUCCESS) gets a report: "delivered" (to
# a mailbox), "relayed" (to a server without DSN), "expanded" (to several). Further fields of an item are ignored.
# (the agent has already logged the delivery line)
OUTCOME = 4

# agent -> qmgr: [READY, transport, capacity]: jobs it can take besides those that it has;
# once after HELLO, and again only when that changes by itself (qmgr counts what it gives and gets back)
READY = 5

# command -> qmgr and back: [ASK, verb, arguments...] -> [ANSWER, ...] frames, then [END, count, text]
# A text means that it failed; count is then the command's exit status where that is not its usual one, else 0.
ASK = 6
ANSWER = 7
END = 8

# agent -> qmgr: [NOTICE, subject, text]: a letter to error_notice_recipient, text with CRLF line ends
NOTICE = 9

