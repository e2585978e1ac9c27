import psycopg
import pytest
import redis as client

pytestmark = pytest.mark.exhaustive


def test_a_database_is_empty_and_of_this_version(postgres_url):
    with psycopg.connect(postgres_url) as connection:
        version = connection.execute("SHOW server_version_num").fetchone()
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()

    assert int(version[0]) >= 180000
    assert tables == (0,)


def test_what_was_committed_is_there_when_the_server_was_killed(postgres, postgres_url):
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE kept ()")
    postgres.kill()
    postgres.serve()

    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def test_redis_is_empty(redis_url):
    with client.Redis.from_url(redis_url) as connection:
        assert connection.keys() == []
        assert connection.set("a", 1)


def test_redis_answers_again_after_it_was_killed(redis, redis_url):
    redis.kill()
    redis.start()

    with client.Redis.from_url(redis_url) as connection:
        assert connection.ping()
