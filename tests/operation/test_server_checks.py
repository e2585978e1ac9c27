"""What PostgreSQL and Redis must allow."""

import os

import pytest
from django.utils import timezone

from newsletter.operation import server_checks
from tests.support.processes import run_python

pytestmark = pytest.mark.servers
ASK = """
import django
django.setup()
from django.utils import timezone
from newsletter.operation import server_checks
for check in (server_checks.dump_program_findings, server_checks.scratch_database_findings):
    print(*(finding.id for finding in check(timezone.now())))
"""


def test_an_old_pg_dump_and_an_account_without_createdb_are_named(postgres, tmp_path):
    program = tmp_path / "pg_dump"
    program.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.4 (Debian 15.4-1)'\n")
    program.chmod(0o755)
    postgres.run("CREATE ROLE plain LOGIN")
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "DATA_DIR": str(tmp_path), "BACKUP_URL": str(tmp_path)}
    env |= {"DJANGO_SETTINGS_MODULE": "newsletter.settings", "DATABASE_URL": postgres.url()}

    able = run_python("-c", ASK, env=env)
    plain = run_python("-c", ASK, env=env | {"DATABASE_URL": postgres.url().replace("//postgres@", "//plain@")})
    postgres.run("DROP ROLE plain")

    assert able.stdout == "backup.pg_dump\n\n", able.stderr
    assert plain.stdout == "backup.pg_dump\nbackup.createdb\n", plain.stderr


def test_a_redis_that_evicts_is_named_only_if_it_has_a_limit(settings, redis, redis_url):
    settings.REDIS_URL = redis_url
    found = {}
    for policy, memory in (("noeviction", "64mb"), ("allkeys-lru", "0"), ("allkeys-lru", "64mb")):
        redis._ask("CONFIG", "SET", "maxmemory-policy", policy)
        redis._ask("CONFIG", "SET", "maxmemory", memory)
        found[policy, memory] = [one.id for one in server_checks.eviction_findings(timezone.now())]
    redis.mend()

    assert [pair for pair, names in found.items() if names == ["queue.evicts"]] == [("allkeys-lru", "64mb")]
