"""Django settings: everything that differs between nodes comes from their environment."""

import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from omm_portal.node import env as node_env
from omm_portal.node.databases import default_database, live_database
from omm_portal.node.logs import logging_config
from omm_portal.node.reader import EnvironmentProblem
from omm_portal.node.static_version import version_of
from standby.link.keys import DJANGO, derive

BASE_DIR: Path = node_env.BASE_DIR

try:
    OMM: node_env.NodeEnvironment = node_env.load()
    # Configuration and journal in one database, what changes all the time in the other.
    DATABASES: dict[str, dict[str, Any]] = {
        "default": default_database(OMM),
        "live": live_database(OMM),
    }
except EnvironmentProblem as problem:
    sys.stderr.write(f"omm: {problem}\n")
    sys.exit(node_env.EXIT_BAD_ENVIRONMENT)

DEBUG = False
SECRET_KEY, *SECRET_KEY_FALLBACKS = (derive(each, DJANGO).hex() for each in OMM.pair_secrets)
ROOT_URLCONF = "omm_portal.urls"
ASGI_APPLICATION = "omm_portal.asgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True

_addresses = [OMM.address, *filter(None, [OMM.peer_address])]
_web_origins = [f"http://{node_env.host_in_url(a)}:{OMM.web_port}" for a in _addresses]
_public_origins = [OMM.public_url] if OMM.public_url else []
_public_hosts = [re.sub(r"^https?://|:\d+$", "", OMM.public_url)] if OMM.public_url else []
ALLOWED_HOSTS = [
    *[node_env.host_in_url(address) for address in _addresses],
    *OMM.allowed_hosts,
    *_public_hosts,
]
CSRF_TRUSTED_ORIGINS = list(_public_origins)

INSTALLED_APPS = [
    "django.contrib.auth",  # its code only: groups and permissions are not used
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "axes",
    "omm_portal.accounts",
    "standby",
    "rfps",
]

MIDDLEWARE = [
    "omm_portal.proxies.TrustedProxyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "omm_portal.statics.StaticFilesMiddleware",
    "omm_portal.statics.PackedPagesMiddleware",
    "csp.middleware.CSPMiddleware",
    "omm_portal.middleware.HtmxMiddleware",
    "omm_portal.middleware.ActiveOnlyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "omm_portal.language.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "standby.context.pair",
            ]
        },
    }
]

FORM_RENDERER = "omm_portal.rendering.QuickRenderer"

DATABASE_ROUTERS = ["omm_portal.routers.LiveRouter"]

# Sign-in. Cookies ignore ports and two nodes may share a host name, so each node has its own names.
_node_suffix = re.sub(r"[^0-9A-Za-z]", "-", f"{OMM.address}-{OMM.web_port}")
_is_https = OMM.public_url.startswith("https://")
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = f"omm-session-{_node_suffix}"
SESSION_COOKIE_AGE = int(OMM.session_hours * 3600)
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = _is_https
CSRF_COOKIE_NAME = f"omm-csrf-{_node_suffix}"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = _is_https
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # refuses whoever must pause, before any hash
    "omm_portal.accounts.auth.PasswordBackend",
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("MinimumLengthValidator", {"min_length": 10}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]

# Guessing of passwords: one name from one address pauses. See omm_portal/accounts/lockouts.py.
AXES_HANDLER = "omm_portal.accounts.lockouts.LockOuts"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=5)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # trying meanwhile makes it no longer
AXES_USERNAME_CALLABLE = "omm_portal.accounts.lockouts.counted_name"
AXES_CLIENT_IP_CALLABLE = "omm_portal.proxies.address_of"  # it knows the proxies; nothing guesses
AXES_DISABLE_ACCESS_LOG = True  # the events tell
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
SILENCED_SYSTEM_CHECKS = ["axes.W002"]  # page and API answer a lock-out themselves, each its way

# Counters of the web process; by default 300 entries, and whoever adds more drops others' counts.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

# What a browser may do with our pages. Only this node and its peer are ever spoken to.
SECURE_CONTENT_TYPE_NOSNIFF = True
if OMM.trusted_proxies:  # from anybody else the header is dropped before it is looked at
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "strict-origin"  # a stricter one hides the Origin that a hand-over needs
X_FRAME_OPTIONS = "DENY"
_peer_origins = [*_web_origins[1:], *_public_origins]
_peer_sockets = [re.sub(r"^http", "ws", origin) for origin in _peer_origins]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],  # the small pictures inside Tabler's style sheet
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "connect-src": ["'self'", *_peer_origins, *_peer_sockets],
        "form-action": ["'self'", *_peer_origins],
    }
}

# Static files straight from their source directories: nothing has to be collected first.
STATIC_URL = f"/static/{version_of(BASE_DIR / 'static')}/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True

# Languages and time.
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("de", _("German"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_NAME = f"omm-language-{_node_suffix}"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SECURE = _is_https
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# Redis: Celery's broker and the channel layer. Neither is needed to fail over or to replicate.
REDIS_URL = OMM.redis_url.reveal() if OMM.redis_url else f"unix://{OMM.redis_socket}"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": f"omm-{_node_suffix}"},
    }
}

CELERY_BROKER_URL = re.sub(r"^unix://", "redis+socket://", REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
    "retry_on_timeout": False,
    "global_keyprefix": f"omm-{_node_suffix}:",
}
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # by default the worker exits after 100 attempts
CELERY_BROKER_POOL_LIMIT = 4
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "jobs"
CELERY_TASK_ROUTES = {"standby.tasks.*": {"queue": "standby"}}
CELERY_TASK_STORE_EAGER_RESULT = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BEAT_SCHEDULE_FILENAME = str(OMM.data_dir / "beat-schedule")
CELERY_BEAT_MAX_LOOP_INTERVAL = 60
CELERY_BEAT_SCHEDULE = {
    "back up": {"task": "jobs.back_up", "schedule": 60.0, "options": {"queue": "jobs"}},
    "clean up": {"task": "jobs.clean_up", "schedule": 3600.0, "options": {"queue": "jobs"}},
}
CELERY_TIMEZONE = "UTC"

# REST.
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "omm_portal.accounts.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["omm_portal.permissions.AccountPermission"],
    "DEFAULT_RENDERER_CLASSES": ["omm_portal.api.TolerantJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["omm_portal.api.BoundedJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "omm_portal.api.LenientNegotiation",
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "omm_portal.pagination.StableOrdering",
    ],
    "DEFAULT_PAGINATION_CLASS": "omm_portal.pagination.ListPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "omm_portal.problems.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "OMM portal",
    "DESCRIPTION": "Manages a pair of SIP-DECT OpenMobility Managers.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "omm_portal.openapi.describe_common",
    ],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

LOGGING = logging_config(OMM)
