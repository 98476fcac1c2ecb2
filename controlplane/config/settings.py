"""All settings, flat and in groups; the only reader of the environment in the control plane. docs/settings.md explains each."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from controlplane.config import environment as env

# Chapters of this file, each in a file of its own.
from controlplane.config.account_settings import *  # noqa: F403
from controlplane.config.clock_settings import *  # noqa: F403
from controlplane.config.delivery_settings import *  # noqa: F403
from controlplane.config.run_settings import *  # noqa: F403

BASE_DIR = Path(__file__).resolve().parents[2]

# ---- the installation

SECRET_KEY = env.text("DAGGERBOARD_SECRET_KEY", None, "the key that signs sessions, links and run tokens")
MASTER_KEYS = env.keys(
    "DAGGERBOARD_MASTER_KEY", "the keys (newest first) that wrap each organization's key, which seals its secrets"
)
PUBLIC_URL = env.text("DAGGERBOARD_PUBLIC_URL", "http://127.0.0.1:8321", "the address people and agents use").rstrip(
    "/"
)
ALLOWED_HOSTS = env.words(
    "DAGGERBOARD_ALLOWED_HOSTS",
    [urlsplit(PUBLIC_URL).hostname or "localhost", "127.0.0.1", "localhost"],
    "host names the control plane answers to",
)
TRUSTED_PROXIES = [
    ip_network(text)
    for text in env.words(
        "DAGGERBOARD_TRUSTED_PROXIES", [], "networks (CIDR) of your own proxies, whose X-Forwarded-For is believed"
    )
]
OUTBOUND_ALLOWED_NETWORKS = [
    ip_network(text)
    for text in env.words(
        "DAGGERBOARD_OUTBOUND_ALLOWED_NETWORKS",
        [],
        "private networks (CIDR) that addresses given by users, such as webhooks and identity providers, may lead to",
    )
]
DNS_RESOLVERS = env.words(
    "DAGGERBOARD_DNS_RESOLVERS",
    [],
    "name servers (address or address:port) that domains are verified with; none for the machine's own",
)
DEBUG = False
HTTPS = PUBLIC_URL.startswith("https://")

# ---- data stores


def _database(url: str, *, pool_size: int) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.username:
        raise env.BadSettingError(
            "DAGGERBOARD_DATABASE_URL and its siblings must look like postgresql://user:password@host:5432/name"
        )
    # Planning a statement over partitioned tables costs more than running it: the hot ones (recordsets) are prepared, per connection.
    # A pgbouncer in between must keep them (max_prepared_statements).
    options: dict[str, Any] = {"application_name": "daggerboard", "prepare_threshold": 5}
    if pool_size:
        options["pool"] = {"min_size": 0, "max_size": pool_size, "timeout": 15, "max_idle": 60}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "127.0.0.1",
        "PORT": str(parts.port or 5432),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": options,
    }


DATABASE_POOL_SIZE = env.integer("DAGGERBOARD_DATABASE_POOL", 10, "how many Postgres connections one process may hold")
_app_url = env.text(
    "DAGGERBOARD_DATABASE_URL", None, "the Postgres URL of the application role (no ownership, no BYPASSRLS)"
)
DATABASES = {
    "default": _database(_app_url, pool_size=DATABASE_POOL_SIZE),
    # Cross-tenant jobs only, through tenants.scoping.across_orgs.
    "door": _database(
        env.text("DAGGERBOARD_DATABASE_DOOR_URL", None, "the Postgres URL of the role for cross-tenant jobs"),
        pool_size=2,
    ),
}
# Only `daggerboard migrate` gets this one: the role that owns the tables.
_owner_url = env.optional("DAGGERBOARD_DATABASE_OWNER_URL", "the Postgres URL of the owner role; only migrate needs it")
if _owner_url:
    DATABASES["owner"] = _database(_owner_url, pool_size=0)

REDIS_URL = env.text("DAGGERBOARD_REDIS_URL", None, "the Redis or Valkey URL, for wake-ups and live fan-out")
# Shared by all processes, for what is counted over all of them: rate limits. Nothing in it is missed when it is lost.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "daggerboard",
        "OPTIONS": {"socket_timeout": 5, "socket_connect_timeout": 2},
    }
}
OBJECT_STORE_URL = env.text(
    "DAGGERBOARD_OBJECT_STORE_URL", None, "where log chunks and definitions live: file:///folder or s3://bucket/prefix"
)
OBJECT_STORE_ENDPOINT_URL = env.optional(
    "DAGGERBOARD_OBJECT_STORE_ENDPOINT_URL", "the endpoint of an S3-compatible store"
)

# ---- people

INVITATION_DAYS = env.integer("DAGGERBOARD_INVITATION_DAYS", 7, "how many days an invitation can be accepted")
INVITATIONS_PER_HOUR = env.integer(
    "DAGGERBOARD_INVITATIONS_PER_HOUR", 50, "how many invitations one organization may mail within an hour"
)

# ---- organizations

DELETION_GRACE_DAYS = env.number(
    "DAGGERBOARD_DELETION_GRACE_DAYS", 7.0, "how long the deletion of an organization can be undone; days"
)
SCIM_ANY_DOMAIN = env.flag(
    "DAGGERBOARD_SCIM_ANY_DOMAIN",
    False,
    "whether SCIM may add people whose e-mail domain the organization has not verified",
)

# ---- quotas of an organization that has none of its own; 0 for no limit

QUOTAS = {
    "concurrent_runs": env.integer(
        "DAGGERBOARD_QUOTA_CONCURRENT_RUNS", 500, "how many runs of an organization go on at once"
    ),
    "branch_runs": env.integer(
        "DAGGERBOARD_QUOTA_BRANCH_RUNS", 50, "how many runs of branch deployments of an organization go on at once"
    ),
    "runs_per_branch": env.integer(
        "DAGGERBOARD_QUOTA_RUNS_PER_BRANCH", 5, "how many runs of one branch deployment go on at once"
    ),
    "events_per_second": env.integer(
        "DAGGERBOARD_QUOTA_EVENTS_PER_SECOND", 100_000, "how many events of an organization are stored per second"
    ),
    "log_bytes_per_second": env.integer(
        "DAGGERBOARD_QUOTA_LOG_BYTES_PER_SECOND",
        64 * 1024**2,
        "how many bytes of captured logs of an organization are stored per second",
    ),
    "deployments": env.integer("DAGGERBOARD_QUOTA_DEPLOYMENTS", 100, "how many full deployments an organization has"),
    "branch_deployments": env.integer(
        "DAGGERBOARD_QUOTA_BRANCH_DEPLOYMENTS",
        200,
        "how many branch deployments an organization has that are neither archived nor held for approval",
    ),
    "source_bytes": env.integer(
        "DAGGERBOARD_QUOTA_SOURCE_BYTES", 20 * 1024**3, "how many bytes of source archives of an organization are kept"
    ),
    "tokens": env.integer("DAGGERBOARD_QUOTA_TOKENS", 1000, "how many live tokens an organization has"),
    "api_requests_per_minute": env.integer(
        "DAGGERBOARD_QUOTA_API_REQUESTS_PER_MINUTE", 3000, "how many API requests one caller makes per minute"
    ),
}

# ---- cost; the default price book

PRICE_CURRENCY = env.text(
    "DAGGERBOARD_PRICE_CURRENCY", "usd", "the currency of the default price book (ISO 4217, lower case)"
)
PRICE_PER_VCPU_HOUR = env.number("DAGGERBOARD_PRICE_PER_VCPU_HOUR", 0.04048, "price of one vCPU for one hour")
PRICE_PER_GIB_HOUR = env.number("DAGGERBOARD_PRICE_PER_GIB_HOUR", 0.004445, "price of one GiB of memory for one hour")

# ---- Django

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_standardized_errors",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.openid_connect",
    "tenants",
    "tenants.accounts",
    "tenants.audit",
    "tenants.limits",
    "tenants.credentials",
    "tenants.people",
    "tenants.sealing_keys",
    "tenants.sso",
    "tenants.scim",
    "controlplane.core",
    "controlplane.audit_log",
    "controlplane.definitions",
    "controlplane.deployments",
    "controlplane.environment",
    "controlplane.fleet",
    "controlplane.catalog",
    "controlplane.insights",
    "controlplane.runs",
    "controlplane.dispatch",
    "controlplane.external",
    "controlplane.automation",
    "controlplane.delivery",
    "controlplane.ui",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "tenants.accounts.sessions.SessionActivity",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "controlplane.ui.errors.ErrorPages",
    "tenants.sso.sessions.SsoSessions",
]
ROOT_URLCONF = "controlplane.config.urls"
ASGI_APPLICATION = "controlplane.config.asgi.application"
WSGI_APPLICATION = "controlplane.config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "controlplane" / "ui" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
AUTH_USER_MODEL = "tenants.User"
PASSWORD_HASHERS = ["tenants.passwords.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
CSRF_FAILURE_VIEW = "controlplane.ui.errors.csrf_failed"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "controlplane" / "ui" / "static"]
STATIC_ROOT = env.text(
    "DAGGERBOARD_STATIC_ROOT",
    str(BASE_DIR / ".daggerboard" / "static"),
    "where `collectstatic` puts the files that web serves",
)
WHITENOISE_USE_FINDERS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

# ---- security headers

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "daggerboard_session"
CSRF_COOKIE_NAME = "daggerboard_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
}

# ---- REST API

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.authentication.BearerAuthentication",
        "tenants.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["tenants.parsing.TextJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "controlplane.core.api_schema.AutoSchema",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "tenants.negotiation.OneFormNegotiation",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "DEFAULT_THROTTLE_CLASSES": ["controlplane.core.throttling.CallerThrottle"],
    "UNAUTHENTICATED_USER": None,
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "controlplane.core.api_errors.ApiExceptionHandler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Daggerboard API",
    "VERSION": "1",
    "DESCRIPTION": "Control plane for Dagster code. Authenticate with `Authorization: Bearer <token>`.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "OAS_VERSION": "3.1.0",
    # Enumerations stay where they are used, instead of getting made-up names.
    "POSTPROCESSING_HOOKS": [],
}

# ---- background work

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    # A dead broker fails a send at once instead of after six seconds: whoever enqueues must not wait, a sweep comes by.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# ---- retention: days for which history is kept, in deployments that say nothing else; 0 for ever

RETENTION_DAYS = {
    "runs": env.integer("DAGGERBOARD_RETENTION_RUNS_DAYS", 365, "how many days runs are kept, with all that is theirs"),
    "events": env.integer("DAGGERBOARD_RETENTION_EVENTS_DAYS", 90, "how many days the events of runs are kept"),
    "logs": env.integer("DAGGERBOARD_RETENTION_LOGS_DAYS", 90, "how many days the output of runs is kept"),
    "ticks": env.integer("DAGGERBOARD_RETENTION_TICKS_DAYS", 90, "how many days ticks are kept"),
    "evaluations": env.integer(
        "DAGGERBOARD_RETENTION_EVALUATIONS_DAYS", 90, "how many days evaluations of automation conditions are kept"
    ),
    "asset_events": env.integer(
        "DAGGERBOARD_RETENTION_ASSET_EVENTS_DAYS",
        365,
        "how many days materializations, observations and check results are kept; the latest of each always is",
    ),
}

# ---- logging

LOG_LEVEL = env.text("DAGGERBOARD_LOG_LEVEL", "INFO", "how much the processes say: DEBUG, INFO, WARNING, ERROR").upper()
LOG_FORMAT = env.text("DAGGERBOARD_LOG_FORMAT", "text", "how they say it: text or json")
LOGGING_CONFIG = "controlplane.core.logging.configure"
LOGGING = {"level": LOG_LEVEL, "format": LOG_FORMAT}
