"""Django's backend for PostgreSQL, with a limit to each wait for a connection."""
