"""Django's backend for PostgreSQL, with a timeout for reused connections."""
