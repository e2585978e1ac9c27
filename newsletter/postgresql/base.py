"""Django's backend, for servers that may accept connections and never answer."""

from select import POLLIN, poll
from traceback import clear_frames
from typing import Any

from django.db.backends.postgresql import base
from psycopg import Error
from psycopg.errors import ConnectionTimeout
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

ANSWER_TIMEOUT_SECONDS = 2  # for the first answer on a reused connection


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: Any) -> Any:
        try:
            return super().get_new_connection(conn_params)
        except ConnectionTimeout as error:
            clear_frames(error.__traceback__)  # they refer to the socket, which would stay open
            raise

    def is_usable(self) -> bool:
        """Like Django's check before a connection is reused, but with a timeout."""
        try:
            return self.connection is not None and _answers(self.connection.pgconn)
        except Error:
            return False


def _answers(server: PGconn) -> bool:
    """Run SELECT 1, waiting at most ANSWER_TIMEOUT_SECONDS for each part of the answer."""
    server.send_query(b"SELECT 1")
    server.flush()
    readable = poll()
    readable.register(server.socket, POLLIN)
    is_answered = False
    while True:
        while server.is_busy():
            if not readable.poll(ANSWER_TIMEOUT_SECONDS * 1000):
                return False
            server.consume_input()
        if (result := server.get_result()) is None:
            return is_answered
        is_answered = result.status == ExecStatus.TUPLES_OK
