"""What is wrong with a variable is said before anything starts, by its own name and without a password."""

import re

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from newsletter import environment
from tests.support.product import ROOT

OURS = set(re.findall(r"^# ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def check_database(url):
    environment.check_database(dj_database_url.parse(url))


def check_webhook_secrets(secrets):
    environment.check_webhook_secrets(secrets.split(","))


CHECKS = {
    "SITE_URL": environment.site_parts,
    "REDIS_URL": environment.check_redis_url,
    "DATABASE_URL": check_database,
    "WEBHOOK_SECRET": check_webhook_secrets,
}
WRONG = {
    "SITE_URL": [
        *("", "news.example.org", "user:hunter2@news.example.org", "smtp://user:hunter2@mail.example.org"),
        *("https://user:hunter2@news.example.org", "https://user@news.example.org", "https://news.example.org:99999"),
        *(
            "https://news.example.org:x",
            "https://[::1",
            "https://news.example.org/news",
            "https://news.example.org?x=1",
        ),
        *("https://news.example.org#x", "https://新聞.example.tw", "https://"),
    ],
    "REDIS_URL": [
        *("localhost:6379", "http://localhost", "unix:///run/redis", "redis://:hunter2@localhost/abc"),
        *("redis://:hunter2@localhost:6379/0/1", "redis://:hunt/er2@localhost:6379/0", "redis://localhost:99999"),
    ],
    "DATABASE_URL": ["mysql://user:hunter2@localhost/news", "redshift://user:hunter2@localhost/news", "sqlite://"],
    "WEBHOOK_SECRET": ["hunter2", "hook:", ":hunter2", "hook:hunter2,", "hook:hunter2,hunter2"],
}
RIGHT = {
    "SITE_URL": [
        "https://news.example.org",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
        "https://xn--efvr2g.example",
    ],
    "REDIS_URL": ["redis://localhost", "redis://:p%2Fw@localhost:6379/15", "rediss://host:6379/0?ssl_cert_reqs=none"],
    "DATABASE_URL": [
        "postgres://user:p%zz@localhost/news",
        "postgresql://localhost/news",
        "sqlite:////srv/news.sqlite3",
    ],
    "WEBHOOK_SECRET": ["hook:hunter2", "hook:a:b,hook:c"],
}


def refusal(name, value):
    try:
        CHECKS[name](value)
    except ImproperlyConfigured as error:
        return str(error)
    return ""


def test_a_value_that_cannot_work_is_refused_by_the_name_of_its_variable_and_without_its_password():
    refusals = [(name, value, refusal(name, value)) for name, values in WRONG.items() for value in values]

    assert [row for row in refusals if not row[2].startswith(row[0]) or "hunt" in row[2]] == []


def test_a_value_that_works_is_not_refused():
    refusals = [(name, value, refusal(name, value)) for name, values in RIGHT.items() for value in values]

    assert [row for row in refusals if row[2]] == []


# --- Names ---


def misspelt(*given):
    return dict(environment.misspelt_names(set(given), OURS))


def test_a_name_that_looks_like_one_of_ours_is_found_with_the_one_that_is_meant():
    meant = {
        "MAILURL": "MAIL_URL",
        "MAIL_ULR": "MAIL_URL",
        "EMAIL_URL": "MAIL_URL",
        "SMTP_URL": "MAIL_URL",
        "BULK_MAIL_URl": "BULK_MAIL_URL",
        "BULKMAIL_URL": "BULK_MAIL_URL",
        "SITEURL": "SITE_URL",
        "SITE_URI": "SITE_URL",
        "site_url": "SITE_URL",
        "DATADIR": "DATA_DIR",
        "DB_URL": "DATABASE_URL",
        "DATABSE_URL": "DATABASE_URL",
        "DATABASE_URI_FILE": "DATABASE_URL_FILE",
        "TRUSTED_PROXY": "TRUSTED_PROXIES",
        "SECRETKEY": "SECRET_KEY",
        "REDIS_ULR": "REDIS_URL",
        "Debug": "DEBUG",
        "LOGLEVEL": "LOG_LEVEL",
    }

    assert {name: misspelt(name) for name in meant} == {name: {name: meant[name]} for name in meant}


def test_a_name_beside_the_one_that_it_looks_like_belongs_to_another_program():
    assert misspelt("SMTP_URL", "MAIL_URL", "LOGLEVEL", "LOG_LEVEL", "SECRET_KEY_FILE") == {}


# Of a desktop, a shell by SSH, systemd, cron, Docker, Kubernetes, GitHub, GitLab, Jenkins, Heroku, and of programs
# that share an env file.
ORDINARY = """
BASH COLORTERM COLUMNS DBUS_SESSION_BUS_ADDRESS DEBIAN_FRONTEND DEBUGINFOD_URLS DESKTOP_SESSION DISPLAY EDITOR G_DEBUG
GDMSESSION GPG_AGENT_INFO HISTSIZE HOME HOSTNAME HOSTTYPE LANG LANGUAGE LC_ALL LC_TIME LESSOPEN LINES LOGNAME
LS_COLORS MACHTYPE MAIL MAILCHECK MAILPATH MAILTO MANPATH OLDPWD OSTYPE PAGER PATH PS1 PWD QT_DEBUG_PLUGINS SHELL
SHLVL SSH_AUTH_SOCK SSH_CLIENT SSH_CONNECTION SSH_TTY SUDO_COMMAND SUDO_UID TERM TMPDIR TZ USER VIRTUAL_ENV XAUTHORITY
XDG_CACHE_HOME XDG_CONFIG_DIRS XDG_DATA_DIRS XDG_DATA_HOME XDG_RUNTIME_DIR XDG_SESSION_ID http_proxy https_proxy
no_proxy ALL_PROXY NO_PROXY PYTHONPATH PYTHONUNBUFFERED PYTHONWARNINGS DJANGO_SETTINGS_MODULE DJANGO_DEBUG UV_PYTHON
UV_CACHE_DIR CACHE_DIRECTORY CONFIGURATION_DIRECTORY CREDENTIALS_DIRECTORY INVOCATION_ID JOURNAL_STREAM LISTEN_FDS
LISTEN_PID LOGS_DIRECTORY MAINPID MANAGERPID MEMORY_PRESSURE_WATCH NOTIFY_SOCKET RUNTIME_DIRECTORY STATE_DIRECTORY
SYSTEMD_EXEC_PID SYSTEMD_LOG_LEVEL WATCHDOG_PID WATCHDOG_USEC BUILDKIT_PROGRESS COMPOSE_FILE COMPOSE_PROJECT_NAME
DOCKER_HOST container KUBERNETES_PORT KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT_HTTPS NEWSLETTER_PORT
NEWSLETTER_SERVICE_HOST REDIS_PORT REDIS_PORT_6379_TCP REDIS_SERVICE_HOST POSTGRES_PORT CI GITHUB_ACTIONS
GITHUB_API_URL GITHUB_BASE_REF GITHUB_GRAPHQL_URL GITHUB_SERVER_URL GITHUB_SHA RUNNER_DEBUG RUNNER_TEMP CI_API_V4_URL
CI_JOB_URL CI_PAGES_URL CI_PIPELINE_URL CI_PROJECT_DIR CI_PROJECT_URL CI_REGISTRY_PASSWORD CI_REPOSITORY_URL
CI_SERVER_URL GITLAB_USER_EMAIL BUILD_URL GIT_URL HUDSON_URL JENKINS_URL JOB_URL RUN_DISPLAY_URL WORKSPACE DYNO
HEROKU_APP_NAME HEROKU_POSTGRESQL_AMBER_URL MAILGUN_SMTP_LOGIN MAILGUN_SMTP_PASSWORD PORT REDIS_TEMPORARY_URL
REDIS_TLS_URL REDISCLOUD_URL SECRET_KEY_BASE SENDGRID_API_KEY SOURCE_VERSION STACK WEB_CONCURRENCY WEB_MEMORY PGDATA
PGDATABASE PGHOST PGPASSFILE PGPASSWORD PGUSER POSTGRES_DB POSTGRES_PASSWORD POSTGRES_USER MYSQL_ROOT_PASSWORD
REDIS_PASSWORD AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_DEFAULT_REGION S3_ENDPOINT_URL SENTRY_ENVIRONMENT
SENTRY_RELEASE CELERY_BROKER_URL EMAIL_HOST EMAIL_HOST_PASSWORD SMTP_HOST SMTP_PASSWORD BASE_URL PUBLIC_URL ROOT_URL
APP_URL MEDIA_URL STATIC_URL MEDIA_ROOT LOG_FILE LOG_DIR CONFIG_DIR COMMIT EXTRAS GRANIAN_PORT LD_LIBRARY_PATH
LD_PRELOAD MALLOC_ARENA_MAX SSL_CERT_FILE SSL_CERT_DIR
"""


def test_no_variable_of_a_system_or_of_another_program_is_taken_for_one_of_ours():
    names = re.findall(r"\w+", ORDINARY)

    assert misspelt(*names) == {}
