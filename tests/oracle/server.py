"""The plain-Python twin of `_core.server` as far as order goes: which verb may follow which, and with what code.

A reference automaton written from RFC 5321 section 4.1.4 and Postfix's answers, not from the core.
"""

VERBS = ("HELO", "EHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "VRFY", "ETRN", "QUIT")
LINES = {"HELO": b"HELO a.example\r\n", "EHLO": b"EHLO a.example\r\n", "MAIL": b"MAIL FROM:<a@b.example>\r\n",
         "RCPT": b"RCPT TO:<c@d.example>\r\n", "DATA": b"DATA\r\n", "BDAT": b"BDAT 3\r\nabc", "RSET": b"RSET\r\n",
         "NOOP": b"NOOP\r\n", "VRFY": b"VRFY c@d.example\r\n", "ETRN": b"ETRN d.example\r\n", "QUIT": b"QUIT\r\n"}
CONTENT = b"hello\r\n.\r\n"


def run(verbs):
    """The reply codes of a session that sends these verbs in order."""
    mail, rcpts, chunks, codes = False, 0, "none", []
    for verb in verbs:
        if verb in ("HELO", "EHLO", "RSET"):
            mail, rcpts, chunks = False, 0, "none"
            codes.append(250)
        elif verb == "MAIL":
            codes.append(503 if mail or chunks != "none" else 250)
            mail = mail or chunks == "none"
        elif verb == "RCPT":
            codes.append(250 if mail and chunks == "none" else 503)
            rcpts += codes[-1] == 250
        elif verb == "DATA":
            if chunks != "none" or not rcpts:
                codes.append(554 if chunks == "none" and mail else 503)
            else:
                codes += [354, 250]
                mail, rcpts = False, 0
        elif verb == "BDAT":
            if chunks == "failed":
                codes.append(551)
            elif not rcpts:
                codes.append(554 if mail else 503)
                chunks = "failed"
            else:
                codes.append(250)
                chunks = "open"
        elif verb == "ETRN":
            codes.append(503 if mail else 459)
        elif verb == "QUIT":
            codes.append(221)
            break
        else:
            codes.append(252 if verb == "VRFY" else 250)
    return codes
