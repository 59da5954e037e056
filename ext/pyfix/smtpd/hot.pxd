"""What the sessions of one smtpd process share, as far as each session passes it."""

from libc.stdint cimport int64_t, uint64_t

from pyfix._core.limits cimport Limits
from pyfix.cleanup.origin cimport Origin
from pyfix.resolve.cache cimport Cache
from pyfix.telemetry.lines cimport Lines


cdef class SettingsHot:
    cdef public object config, log, policy, clients, canonical
    cdef public bytes hostname, mail_name, greeting, helo_reply
    cdef public Limits limits
    cdef public Cache resolver
    cdef public long timeout, connection_count, connection_rate, message_rate, recipient_rate
    cdef public uint64_t message_size
    cdef public object error_sleep
    cdef public bint hide_client, forbids_early, checks_at_connect, asks_helo, asks_mail, asks_data, asks_end
    cdef public bint counts_rates, strict_utf8
    cdef public bint short_way          # clients in mynetworks are asked nothing but whether the recipient exists
    cdef public bint asks_no_table      # nor that, for what is relayed
    cdef public bint asks_unlisted      # smtpd_reject_unlisted_recipient

    cdef bint quick(self, bytes address, bytes sender) except -1
    cdef bytes canonical_form(self, bytes address)


cdef class ClientHot:
    cdef public SettingsHot settings
    cdef public bytes address, log_name
    cdef public object peer
    cdef public tuple ehlo              # (ServerCore.masked, reply lines, log line or "")
    cdef public bint trusted, exempt, local
    cdef public int newlines
    cdef public double until            # monotonic: what tables said of it is asked again then
    cdef int64_t known_until            # the same for its name, by the engine's clock in ms
    cdef Origin made                    # the origin of its last session
    cdef bytes made_helo
    cdef bint made_esmtp

    cdef Origin origin(self, bytes helo, int port, bint esmtp, bint utf8)


cdef class ServerHot:
    cdef public SettingsHot settings
    cdef public Lines log
    cdef public object names, clock, make_intake, info, warning
    cdef public set sessions
    cdef public dict tallied            # sessions of clients with limits, and what they are counted as
    cdef public list doors
    cdef public long limit
    cdef public bint stressed, closed
    cdef public double room_until       # has_space() was true, and holds until then
    cdef dict recent                    # clients by address, for a second

    cdef ClientHot known(self, bytes address, int64_t now)
    cdef int remember(self, ClientHot client, int64_t now) except -1
    cdef object enter(self, object session, bytes address, ClientHot client)
    cdef int leave(self, object session, bytes address) except -1
