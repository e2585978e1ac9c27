"""Every setting, and the only place that reads the environment.

Each variable is optional; `.env.example` lists them. Differences between a laptop and a
cluster come from the environment alone: there is one settings module. Importing it has no side effects: folders are
created at start, the secret key on first use (newsletter/operation/apps.py). It imports only pure modules of ours.
"""

import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from newsletter import environment
from newsletter.buckets import bucket_from_url
from newsletter.mail.mailers import Mailers

BASE_DIR = Path(__file__).resolve().parent.parent

env = environment.Environment()
env.read_env(BASE_DIR / ".env", recurse=False)

# --- Files ---

# Relative to the project, whatever the working folder: a mail server's pipe has another one.
DATA_DIR: Path = (BASE_DIR / env.path("DATA_DIR", Path("data"))).resolve()
MEDIA_ROOT = DATA_DIR / "media"
MEDIA_URL = "/media/"
MEDIA_STORAGE_URL: str = env.str("MEDIA_STORAGE_URL", "")  # s3://… for pictures; else they are files in MEDIA_ROOT
if MEDIA_STORAGE_URL:
    bucket_from_url(MEDIA_STORAGE_URL, "MEDIA_STORAGE_URL")  # raises now if it is invalid
OUTBOX_DIR = DATA_DIR / "outbox"
QUEUE_DIR = DATA_DIR / "queue"
DKIM_DIR = DATA_DIR / "dkim"  # private keys for DKIM, if the provider does not sign: docs/deploy.md
LOCK_DIR = DATA_DIR / "locks"  # one flock file for each living sender on this machine
BACKUP_URL: str = env.str("BACKUP_URL", "")  # a folder or s3://… for nightly backups and departures
BACKUP_AGE_KEY: str = env.str("BACKUP_AGE_KEY", "")  # public key of age (age1…): backups are encrypted for it

# --- Hosts, secrets, cookies ---

DEBUG: bool = env.bool("DEBUG", False)
SECRET_KEY: str = env.str("SECRET_KEY", "")
SECRET_KEY_IS_GIVEN = bool(SECRET_KEY)
SECRET_KEY_PATH = DATA_DIR / "secret_key"  # generated if SECRET_KEY is not set
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])

# `up` writes the address it listens on, so that a command in another shell builds the same links.
SITE_URL_FILE = DATA_DIR / "site_url"
_last_address = SITE_URL_FILE.read_text().strip() if SITE_URL_FILE.exists() else "http://127.0.0.1:8000"
SITE_URL_IS_GIVEN = bool(env.str("SITE_URL", ""))
SITE_URL: str = env.str("SITE_URL", _last_address).rstrip("/")
_site_parts = environment.site_parts(SITE_URL)
ALLOWED_HOSTS = [_site_parts.hostname, "localhost", "127.0.0.1", "[::1]"]
TRUSTED_PROXIES: int = env.int("TRUSTED_PROXIES", 0)

_is_https = _site_parts.scheme == "https"
SECURE_SSL_REDIRECT = _is_https
SECURE_HSTS_SECONDS = 31_536_000 if _is_https else 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _is_https
CSRF_COOKIE_HTTPONLY = True  # the desk's scripts read the form field
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # no third cookie
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
VISITS_SITE = True  # the doctor visits SITE_URL from outside; tests switch it off
SECURE_REDIRECT_EXEMPT = [r"^healthz(?:/|$)", r"^readyz$", r"^metrics$"]  # probed inside the network, without TLS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {  # PolicyMiddleware fills in the two hashes
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF, CSP.NONCE, "<INLINE_SCRIPT_HASH>"],
    "style-src": [CSP.SELF, CSP.NONCE, "<SHEET_HASH>"],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "manifest-src": [CSP.SELF],
    "worker-src": [CSP.SELF],
    "frame-src": [CSP.SELF, "https://www.youtube-nocookie.com", "https://player.vimeo.com"],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
SILENCED_SYSTEM_CHECKS = [
    # HSTS for sub-domains and preload affect other hosts: the operator's decision.
    "security.W005",
    "security.W021",
    # Need TLS: an https SITE_URL turns them on.
    *([] if _is_https else ["security.W004", "security.W008", "security.W012", "security.W016"]),
]

# --- Applications and middleware ---

ROOT_URLCONF = "newsletter.urls"
WSGI_APPLICATION = "newsletter.wsgi.application"
INSTALLED_APPS = [
    "newsletter.operation",  # first: sets the umask and the secret key
    *("allauth.account", "allauth.mfa", "allauth.usersessions"),
    "newsletter.api",
    "newsletter.desk.apps.DeskConfig",
    "newsletter.desk.apps.DeskAdminConfig",  # the admin site is the author's desk
    "newsletter.api.hooks",
    "newsletter.moving",
    "newsletter.delivery",
    "subscribers",
    "newsletter.issues",
    "newsletter.posts",
    "newsletter.publication",
    "newsletter.background",
    "newsletter.mail",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.sitemaps",
]
MIDDLEWARE = [
    "newsletter.request_log.RequestIdMiddleware",
    "newsletter.publication.middleware.PermissionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "newsletter.publication.middleware.StaticFilesMiddleware",
    "newsletter.publication.middleware.CompressedPagesMiddleware",
    "newsletter.page_cache.pages.PageCacheMiddleware",
    "newsletter.publication.middleware.PolicyMiddleware",
    "newsletter.publication.middleware.PublicationMiddleware",
    "newsletter.limits.body_size.BodySizeMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "newsletter.desk.middleware.KnownBrowserMiddleware",
    "newsletter.desk.middleware.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "newsletter.publication.middleware.ReaderPageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["newsletter.template_loader.TrimmingLoader", "django.template.loaders.app_directories.Loader"],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "newsletter.publication.context_processors.publication",
            ],
        },
    }
]
LANGUAGE_CODE = "zh-hant"
LANGUAGES = [("zh-hant", "繁體中文"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "newsletter" / "locale"]
FORMAT_MODULE_PATH = "newsletter.formats"
TIME_ZONE = "Asia/Taipei"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
STATIC_URL = "/static/"
# Static files that are collected already, as in the container image; `up` does not write there.
STATIC_ROOT: Path = (BASE_DIR / env.path("STATIC_ROOT", DATA_DIR / "static")).resolve()
STATIC_ROOT_IS_GIVEN = STATIC_ROOT != DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "newsletter" / "static"]
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700
STORAGES = {
    "default": {
        "BACKEND": f"newsletter.publication.pictures.storages.{'BucketMedia' if MEDIA_STORAGE_URL else 'FolderMedia'}",
        "OPTIONS": {"url": MEDIA_STORAGE_URL} if MEDIA_STORAGE_URL else {},
    },
    "staticfiles": {"BACKEND": "newsletter.publication.response_headers.MinifyingStorage"},
}
WHITENOISE_ALLOW_ALL_ORIGINS = False  # no CORS for static files
WHITENOISE_USE_FINDERS = False
WHITENOISE_KEEP_ONLY_HASHED_FILES = True  # halves the work of the first start
PASSWORD_RESET_TIMEOUT = 24 * 3600  # seconds; also of the link that creates the author's account
AUTHENTICATION_BACKENDS = ["newsletter.desk.passwords.CountingBackend"]
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "newsletter.desk.passwords.LengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# django-allauth provides second factors, login stages and sessions. Its views are not mounted: the desk has its own.
ACCOUNT_ADAPTER = "newsletter.desk.accounts.sessions.AccountAdapter"
ACCOUNT_EMAIL_NOTIFICATIONS = False  # newsletter/desk/accounts/security_alerts.py mails them
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_TIMEOUT = 10 * 60  # seconds between the password and the second factor
# Its limits use the cache, which may be down: operation/accounts/second_factors.py counts failures in the database.
ACCOUNT_RATE_LIMITS = MFA_RATE_LIMITS = False
MFA_ADAPTER = "newsletter.desk.accounts.sessions.FactorAdapter"
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
USERSESSIONS_TRACK_ACTIVITY = False  # newsletter/desk/accounts/sessions.py does, only on the desk
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024  # bytes of a form; a pasted post is text

# --- Database, cache, queue ---

_sqlite = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": DATA_DIR / "newsletter.sqlite3",
    "CONN_MAX_AGE": 600,
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    },
}
DATABASE_URL: str = env.str("DATABASE_URL", "")
DATABASES: dict[str, Any] = {
    "default": env.dj_db_url("DATABASE_URL", conn_max_age=600, conn_health_checks=True) if DATABASE_URL else _sqlite
}
environment.check_database(DATABASES["default"])
if _is_sqlite := "sqlite3" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"] = _sqlite | {"NAME": BASE_DIR / DATABASES["default"]["NAME"]}
if DATABASE_PASSWORD := env.str("DATABASE_PASSWORD", ""):  # a password file that PostgreSQL reads too
    DATABASES["default"]["PASSWORD"] = DATABASE_PASSWORD
if "postgresql" in DATABASES["default"]["ENGINE"]:  # fail fast while the server is down
    # A dead machine or a cut cable closes no connection: give up after 20 seconds without a reply. The system's
    # defaults are a quarter of an hour, and hours for an idle connection.
    _timeouts = {"connect_timeout": 2, "tcp_user_timeout": 20_000}  # seconds, milliseconds
    _timeouts |= {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 2}
    DATABASES["default"]["OPTIONS"] = _timeouts | DATABASES["default"].get("OPTIONS", {})
    DATABASES["default"]["ENGINE"] = "newsletter.postgresql"
REDIS_URL: str = env.str("REDIS_URL", "")
_local_memory = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 10_000}}
CACHES: dict[str, dict[str, Any]] = {
    "default": _local_memory,  # rate limits; shared by all processes with Redis
    "spare": _local_memory | {"LOCATION": "spare"},  # of each process, while Redis is down
    # Rebuildable, never in Redis: docs/decisions/0018. A page has 10 KB.
    "pages": _local_memory | {"LOCATION": "pages", "OPTIONS": {"MAX_ENTRIES": 1_000}},
}
# Half a second to connect, and for each reply; Django's own would retry for half a minute.
REDIS_CACHE = {
    "BACKEND": "django.core.cache.backends.redis.RedisCache",
    "OPTIONS": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5, "retry": None},
}
if REDIS_URL:
    environment.check_redis_url(REDIS_URL)
    CACHES["default"] = REDIS_CACHE | {"LOCATION": REDIS_URL}

# A request waits at most a second for the queue; kombu would retry for ever.
REDIS_QUEUE = {"visibility_timeout": 600, "unacked_restore_throttle": 1, "max_retries": 0}
REDIS_QUEUE |= {"socket_timeout": 1, "socket_connect_timeout": 1}
FILES_QUEUE = {"folder": str(QUEUE_DIR)}
CELERY_BROKER_URL = REDIS_URL or "files://localhost/"
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = REDIS_QUEUE if REDIS_URL else FILES_QUEUE
# Celery reconnects for each task; a connection to a file cannot break, and opening it costs more.
CELERY_DB_REUSE_MAX = 1_000 if _is_sqlite else None  # tasks
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False  # a task only wakes a worker; the work is in the database
CELERY_TASK_PUBLISH_RETRY = False  # requests never wait for the queue; beat enqueues again
CELERY_WORKER_PREFETCH_MULTIPLIER = 1 if REDIS_URL else 4  # times its threads; only this machine reads the folder
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # heartbeats show the state of workers
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True  # silences a deprecation warning; there are none
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_TIMEZONE = "UTC"
# The beat schedule. Each task may be lost, duplicated or late without harm.
# Seconds between two runs, and seconds until an unclaimed task expires.
_BEAT = {
    # Requests enqueue urgent work at once; this finds work whose task was lost.
    # Not a multiple of the second at which idle workers poll Redis: of two machines the same one would always
    # be first, and the other would not recover its dead processes.
    "start, recover and close mailings": ("newsletter.delivery.tasks.dispatch", 4.1, 8),
    "send confirmations that are due": ("subscribers.tasks.send_confirmations", 20.0, 20),
    "tell the author": ("newsletter.delivery.tasks.tell_author", 60.0, 60),
    "remind the author of slots": ("newsletter.desk.tasks.remind_author", 60.0, 60),
    "rehearse what has changed and rested": ("newsletter.desk.tasks.rehearse_by_itself", 30.0, 30),
    "work on many readers": ("newsletter.desk.tasks.work_on_errands", 20.0, 20),
    "take in posts that move": ("newsletter.desk.tasks.take_in_posts", 20.0, 20),
    "remove files of readers": ("newsletter.desk.tasks.remove_old_files", 600.0, 600),
    "empty the trash": ("newsletter.desk.tasks.empty_trash", 3600.0, 3600),
    "welcome new readers": ("newsletter.delivery.tasks.send_welcomes", 20.0, 20),
    "apply what became of copies": ("newsletter.delivery.tasks.apply_events", 10.0, 10),
    "count who followed links": ("newsletter.delivery.tasks.count_links", 300.0, 300),
    "read the mailbox": ("newsletter.delivery.tasks.read_mailbox", 60.0, 60),
    "delete the copies of old mailings": ("newsletter.delivery.tasks.delete_old_copies", 60.0, 60),
    "thin out old events": ("newsletter.delivery.tasks.thin_events", 60.0, 60),
    "call webhooks": ("newsletter.api.hooks.tasks.call_hooks", 20.0, 20),
    "forget answers of the API": ("newsletter.api.tasks.forget_answers", 3600.0, 3600),
    "make the sizes of pictures": ("newsletter.posts.tasks.finish_pictures", 600.0, 300),
    "thin the versions of texts out": ("newsletter.posts.tasks.thin_versions", 600.0, 300),
    "look for what has become wrong": ("newsletter.operation.tasks.examine", 600.0, 600),
    "back up at night": ("newsletter.operation.tasks.back_up", 300.0, 300),
    "count the readers of the day": ("subscribers.tasks.count_readers", 900.0, 600),
    "count where readers came from": ("subscribers.tasks.count_origins", 900.0, 600),
    "forget sign-ups that were never confirmed": ("subscribers.tasks.forget_unconfirmed", 24 * 3600.0, 3600),
}
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    name: {"task": task, "schedule": seconds, "options": {"expires": expires}}
    for name, (task, seconds, expires) in _BEAT.items()
}

# --- Mail ---

MAIL_URL: str = env.str("MAIL_URL", "")
BULK_MAIL_URL: str = env.str("BULK_MAIL_URL", MAIL_URL)
SEND_RATE: float | None = env.float("SEND_RATE", None)  # messages a second, all workers together
# For bounces, complaints, unsubscribes and replies: imaps://user:password@host/INBOX, or "pipe:" for receive_mail.
MAILBOX_URL: str = env.str("MAILBOX_URL", "")
# Basic authentication of provider webhooks, user:password; comma-separated during a rotation.
WEBHOOK_SECRET: list[str] = env.list("WEBHOOK_SECRET", [], subcast=str.strip)
environment.check_webhook_secrets(WEBHOOK_SECRET)
# Allow webhooks to loopback, also by http: for developing a receiver.
WEBHOOKS_TO_LOOPBACK: bool = env.bool("WEBHOOKS_TO_LOOPBACK", DEBUG)
# How long deliveries are kept after a mailing; None: for ever.
KEEP_DELIVERIES_DAYS: int | None = env.int("KEEP_DELIVERIES_DAYS", None)
# Sending processes of this machine. SQLite has one writer.
DELIVERY_LANES: int = 1 if _is_sqlite else max(1, min(4, (os.cpu_count() or 1) // 4))
# Without a URL here, the one of the desk, read anew at each use.
MAILERS = Mailers(
    {"default": MAIL_URL, "bulk": BULK_MAIL_URL},
    outbox=OUTBOX_DIR,
    saved_url="newsletter.publication.mail_server.saved_url",
)
# Allow a mail server of the desk on loopback or a private network, at any port.
PRIVATE_MAIL_SERVERS: bool = env.bool("PRIVATE_MAIL_SERVERS", DEBUG)
if MAILERS.uses_api:
    INSTALLED_APPS.append("anymail")  # its checks; not always, because its HTTP client takes 5 MB a process

# --- Log ---

SENTRY_DSN: str = env.str("SENTRY_DSN", "")  # error reports, without personal data
METRICS_TOKEN: str = env.str("METRICS_TOKEN", "")  # of /metrics; without one only loopback during a trial
# No handlers of their own: the root's writes everything.
_TO_THE_ROOT: dict[str, Any] = {"handlers": [], "propagate": True}
LOG_FORMAT: str = env.str("LOG_FORMAT", "") or "line"
LOG_LEVEL: str = (env.str("LOG_LEVEL", "") or "INFO").upper()
LOG_REQUESTS: bool = env.bool("LOG_REQUESTS", False)  # an access log
if LOG_FORMAT not in {"line", "json"}:
    raise ImproperlyConfigured(f"LOG_FORMAT must be line or json, got {LOG_FORMAT!r}")
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
    raise ImproperlyConfigured(f"LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR, got {LOG_LEVEL!r}")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "newsletter.mail.logs.LineFormatter",
            "format": "{asctime} {levelname} {name}{number}: {message}",
            "style": "{",
        },
        "json": {"()": "newsletter.mail.logs.JsonFormatter"},
    },
    "filters": {"client": {"()": "newsletter.request_log.ClientAddressFilter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["client"]}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": _TO_THE_ROOT | {"level": LOG_LEVEL if LOG_LEVEL != "DEBUG" else "INFO"},
        "django.server": _TO_THE_ROOT | {"level": "WARNING"},
        "_granian": _TO_THE_ROOT,
        "granian.access": _TO_THE_ROOT,
        "flufl.bounce": _TO_THE_ROOT | {"level": "WARNING"},  # it logs each format that does not match
        # Celery gives it a handler unless it has one.
        "celery.task": {"handlers": ["console"], "propagate": False},
    },
}
env.seal()
MISSPELT_VARIABLES: dict[str, str] = env.misspelt()  # with the name that is meant
