"""LDAP as a sans-IO core: messages, filters, DNs, controls, LDIF and the server session (RFC 4511 to 4516)."""
