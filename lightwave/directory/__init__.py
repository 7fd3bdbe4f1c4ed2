"""The directory: LDAP messages, schema, store, access decision, operations and the LDAP server."""
