"""The backend that settings name: Django's own, for a server that may take connections and never answer."""

from select import POLLIN, poll
from traceback import clear_frames
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Error
from psycopg.errors import ConnectionTimeout
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

ANSWER_SECONDS = 2  # that a connection which is used again has for its first answer, as has a new one


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: Any) -> Any:
        try:
            return super().get_new_connection(conn_params)
        except ConnectionTimeout as error:
            clear_frames(error.__traceback__)  # they hold the socket, and the error holds them: it would stay open
            raise

    def is_usable(self) -> bool:
        """Ask as Django does before a connection is used again, and do not wait for as long as the server likes."""
        try:
            return self.connection is not None and _answers(self.connection.pgconn)
        except Error:
            return False


def _answers(server: PGconn) -> bool:
    """Return whether the server answers a question in time."""
    server.send_query(b"SELECT 1")
    server.flush()
    readable = poll()
    readable.register(server.socket, POLLIN)
    is_answered = False
    while True:
        while server.is_busy():
            if not readable.poll(ANSWER_SECONDS * 1000):
                return False
            server.consume_input()
        if (result := server.get_result()) is None:
            return is_answered
        is_answered = result.status == ExecStatus.TUPLES_OK
