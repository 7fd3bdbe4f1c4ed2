"""LDAP as a sans-IO core: messages, filters, DNs, controls, LDIF and the session (RFC 4511 to 4516)."""
