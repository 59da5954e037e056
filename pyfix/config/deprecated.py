"""Parameters that Postfix warns about: deprecated names and what to write instead. Law: DEPRECATION_README, postconf(1)."""

README_HINT = "See https://www.postfix.org/DEPRECATION_README.html for details"
_LEVEL = "_tls_security_level"
_DEFAULT = "do not specify (leave at default)"


def _specify(name: str) -> str:
    return f'specify "{name}"'


# name -> the words after "instead, ".
ALTERNATIVES: dict[str, str] = {
    "authorized_verp_clients": _specify("smtpd_authorized_verp_clients"),
    "disable_dns_lookups": _specify("smtp_dns_support_level"),
    "fallback_relay": _specify("smtp_fallback_relay"),
    "lmtp_cname_overrides_servername": "do not specify",
    "lmtp_enforce_tls": "lmtp_tls_security_level",
    "lmtp_per_record_deadline": _specify("lmtp_per_request_deadline"),
    "lmtp_tls_enforce_peername": _specify("lmtp" + _LEVEL),
    "lmtp_tls_per_site": _specify("lmtp_tls_policy_maps"),
    "lmtp_use_tls": _specify("lmtp" + _LEVEL),
    "postscreen_blacklist_action": _specify("postscreen_denylist_action"),
    "postscreen_dnsbl_ttl": _specify("postscreen_dnsbl_max_ttl"),
    "postscreen_dnsbl_whitelist_threshold": _specify("postscreen_dnsbl_allowlist_threshold"),
    "postscreen_enforce_tls": _specify("postscreen" + _LEVEL),
    "postscreen_use_tls": _specify("postscreen" + _LEVEL),
    "postscreen_whitelist_interfaces": _specify("postscreen_allowlist_interfaces"),
    "smtp_cname_overrides_servername": "do not specify",
    "smtp_enforce_tls": _specify("smtp" + _LEVEL),
    "smtp_per_record_deadline": _specify("smtp_per_request_deadline"),
    "smtp_tls_enforce_peername": _specify("smtp" + _LEVEL),
    "smtp_tls_per_site": _specify("smtp_tls_policy_maps"),
    "smtp_use_tls": _specify("smtp" + _LEVEL),
    "smtpd_client_connection_limit_exceptions": _specify("smtpd_client_event_limit_exceptions"),
    "smtpd_enforce_tls": _specify("smtpd" + _LEVEL),
    "smtpd_per_record_deadline": _specify("smtpd_per_request_deadline"),
    "smtpd_tls_dh1024_param_file": _DEFAULT,
    "smtpd_tls_eecdh_grade": _DEFAULT,
    "smtpd_use_tls": _specify("smtpd" + _LEVEL),
    "tlsproxy_client_enforce_tls": _specify("tlsproxy_client_security_level"),
    "tlsproxy_client_level": _specify("tlsproxy_client_security_level"),
    "tlsproxy_client_per_site": _specify("tlsproxy_client_policy_maps"),
    "tlsproxy_client_policy": _specify("tlsproxy_client_policy_maps"),
    "tlsproxy_client_use_tls": _specify("tlsproxy_client_security_level"),
    "tlsproxy_enforce_tls": _specify("tlsproxy" + _LEVEL),
    "tlsproxy_use_tls": _specify("tlsproxy" + _LEVEL),
    "virtual_maps": _specify("virtual_alias_maps"),
    "deleted-test-only": "do not specify",
}
