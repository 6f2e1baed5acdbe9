"""The embedded PostgreSQL and Valkey of a checkout. `config.embedded` is the door; this is the other side."""
