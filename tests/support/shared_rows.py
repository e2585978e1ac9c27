"""Rows shared by the tests of a module, restored before each test."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django.db import transaction
from django.utils import timezone, translation
from pytest_django import DjangoDbBlocker

type Sharing[Made] = Callable[[Callable[[], Made]], AbstractContextManager[Made]]


@pytest.fixture(scope="session")
def shared_rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Sharing:
    """A context manager for module fixtures: yields what `make` returns, and rolls back at the end.

    Each test is a savepoint within. Not for tests with `transaction=True`: other connections do not see the rows.
    """

    @contextmanager
    def sharing[Made](make: Callable[[], Made]) -> Iterator[Made]:
        outer = transaction.atomic()
        outer._from_testcase = True  # as Django's own round a test: a durable block is allowed in it
        with django_db_blocker.unblock():
            outer.__enter__()
            try:
                with translation.override("en"), timezone.override(None):
                    made = make()
            except BaseException:
                _undo(outer)
                raise
        yield made
        with django_db_blocker.unblock():
            _undo(outer)

    return sharing


def _undo(outer: transaction.Atomic) -> None:
    transaction.set_rollback(True)
    outer.__exit__(None, None, None)
