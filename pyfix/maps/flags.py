"""What a caller asks of a table: Postfix's DICT_FLAG_* by the names that postmap -v prints (dict.h)."""

DUP_WARN = 1 << 0  # a second entry for a key: keep the first, warn
DUP_IGNORE = 1 << 1  # keep the first, say nothing
DUP_REPLACE = 1 << 2  # keep the last
TRY0NULL = 1 << 3  # keys and values without a terminating NUL
TRY1NULL = 1 << 4  # keys and values with a terminating NUL
FOLD_FIX = 1 << 5  # fold the case of keys of tables with fixed keys
FOLD_MUL = 1 << 6  # fold the case of keys given to patterns
NO_REGSUB = 1 << 7  # refuse $number in results
NO_PROXY = 1 << 8  # refuse to be reached through proxymap
NO_UNAUTH = 1 << 9  # refuse tables that anyone could answer (tcp, unix datagram)
UTF8_REQUEST = 1 << 10  # keys and values must be UTF-8 where smtputf8_enable is on
UTF8_FORCE = 1 << 11  # the same whatever smtputf8_enable says (postmap -U)
RHS_IS_FILE = 1 << 12  # results are names of files whose content is the value (postmap -F)
SYNC_UPDATE = 1 << 13  # each change is durable before it returns

FOLD_ANY = FOLD_FIX | FOLD_MUL
#: what the daemons use for ordinary tables
LOOKUP = FOLD_FIX | UTF8_REQUEST
