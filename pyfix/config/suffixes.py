"""Parameters of database clients, by type: NAME_suffix in main.cf, or suffix in the table's own file.

Law: ldap_table(5), mysql_table(5), pgsql_table(5), sqlite_table(5), memcache_table(5), mongodb_table(5).
"""

_SQL = ("additional_conditions", "domain", "expansion_limit", "query", "result_format", "select_field", "table",
        "where_field")

CLIENT_SUFFIXES: dict[str, tuple[str, ...]] = {
    "ldap": ("bind", "bind_dn", "bind_pw", "cache", "cache_expiry", "cache_size", "chase_referrals", "debuglevel",
             "dereference", "domain", "expansion_limit", "leaf_result_attribute", "query_filter", "recursion_limit",
             "result_attribute", "result_filter", "result_format", "sasl_authz_id", "sasl_mechs", "sasl_minssf",
             "sasl_realm", "scope", "search_base", "server_host", "server_port", "size_limit",
             "special_result_attribute", "start_tls", "terminal_result_attribute", "timeout", "tls_ca_cert_dir",
             "tls_ca_cert_file", "tls_cert", "tls_cipher_suite", "tls_key", "tls_random_file", "tls_require_cert",
             "version"),
    "mysql": (*_SQL, "charset", "dbname", "hosts", "idle_interval", "option_file", "option_group", "password",
              "require_result_set", "retry_interval", "tls_CAfile", "tls_CApath", "tls_cert_file", "tls_ciphers",
              "tls_key_file", "tls_verify_cert", "user"),
    "pgsql": (*_SQL, "dbname", "encoding", "hosts", "idle_interval", "password", "retry_interval", "select_function",
              "user"),
    "sqlite": (*_SQL, "dbpath"),
    "memcache": ("backup", "data_size_limit", "domain", "flags", "key_digest", "key_format", "line_size_limit",
                 "max_try", "memcache", "retry_pause", "timeout", "ttl"),
    "mongodb": ("collection", "dbname", "domain", "expansion_limit", "projection", "query_filter",
                "result_attribute", "result_format", "uri"),
    "redis": ("db", "domain", "expansion_limit", "host", "key_format", "password", "port", "timeout", "user"),
}
PATTERN_TYPES = ("regexp", "pcre")
