import pytest
from django.db import connection


@pytest.mark.django_db
def test_no_index_waits_for_a_question_that_nobody_asks():
    """Beside a unique text column Django makes one more for LIKE on PostgreSQL."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        found = {
            (table, *index["columns"])
            for table in tables
            if table.startswith("subscribers_")
            for name, index in connection.introspection.get_constraints(cursor, table).items()
            if name.endswith("_like")
        }

    assert found <= {("subscribers_subscriber", "email")}  # whose beginning is searched for
