"""Where a message comes from, as cleanup and the Received field need it.

What is the same for all sessions of a client is made once, packed as the envelope has it; a
session adds its port.
"""

from pyfix._core.pack cimport Packer


cdef class Origin:
    """One client session, or one local submission."""

    def __init__(self, bytes received not None, dict attributes not None, str described not None, bint local=False,
                 int uid=-1, str full_name not None="", bint utf8=False, bytes logged not None=b""):
        self.received, self.fixed, self.described, self.logged = received, attributes, described, logged
        self.local, self.uid, self.full_name, self.utf8, self.port = local, uid, full_name, utf8, NONE
        self.pack()

    cdef int pack(self) except -1:
        """Makes `packed` of `fixed`."""
        cdef Packer packer = Packer()
        for name, value in self.fixed.items():
            packer.text(name)
            packer.text(value)
        self.packed, self.pairs = packer.take(), len(self.fixed)
        return 0

    cdef str port_text(self):
        """The attribute client_port; `port` is not NONE."""
        return str(self.port) if self.port >= 0 else "unknown"

    @property
    def attributes(self) -> dict:
        """All of them, the port included; change them by change()."""
        attributes = dict(self.fixed)
        if self.port != NONE:
            attributes["client_port"] = self.port_text()
        return attributes

    def change(self, dict attributes not None) -> None:
        """Sets attributes of this origin, and of none that it shares values with."""
        self.fixed = {**self.attributes, **attributes}
        self.port = NONE
        self.pack()


cdef Origin of_session(Origin client, int port):
    """The same for one session of a client."""
    cdef Origin origin = Origin.__new__(Origin)
    origin.received, origin.packed, origin.described = client.received, client.packed, client.described
    origin.full_name, origin.local, origin.utf8, origin.uid = client.full_name, client.local, client.utf8, client.uid
    origin.pairs, origin.fixed, origin.logged = client.pairs, client.fixed, client.logged
    origin.port = max(port, <int> UNKNOWN)
    return origin
