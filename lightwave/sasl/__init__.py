"""SASL mechanisms (RFC 4422) as sans-IO acceptors, for every protocol that carries them."""
