"""Where the protocols meet: credentials, liveness and passwords, answered once for all of them."""
