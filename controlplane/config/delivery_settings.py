"""Settings of deployed code: archives, Git hosts, promotions, branch deployments. Part of settings.py, which takes all of them over."""

from controlplane.config import environment as env

# ---- code that is deployed as a source archive

MAX_SOURCE_BYTES = env.integer(
    "DAGGERBOARD_MAX_SOURCE_BYTES", 64 * 1024**2, "how large the source archive of one code location may be"
)
SOURCE_ARCHIVE_DAYS = env.integer(
    "DAGGERBOARD_SOURCE_ARCHIVE_DAYS", 7, "how many days a source archive is kept that no version is made of"
)

# ---- Git hosts

# GitHub sends 25 MB at most.
WEBHOOK_MAX_BYTES = env.integer(
    "DAGGERBOARD_WEBHOOK_MAX_BYTES", 25 * 1024**2, "how large a webhook of a Git host may be"
)

# ---- promotions

PROMOTION_LOAD_SECONDS = env.number(
    "DAGGERBOARD_PROMOTION_LOAD_SECONDS", 1800.0, "how long a promotion waits for agents to load what it deployed"
)
PROMOTION_SMOKE_SECONDS = env.number(
    "DAGGERBOARD_PROMOTION_SMOKE_SECONDS", 3600.0, "how long a promotion waits for its smoke job to end"
)

# ---- branch deployments

MAX_REPOSITORY_BYTES = env.integer(
    "DAGGERBOARD_MAX_REPOSITORY_BYTES",
    256 * 1024**2,
    "how large a Git host's archive of a repository may be that is deployed from there",
)
RECONCILE_SECONDS = env.number(
    "DAGGERBOARD_RECONCILE_SECONDS", 300.0, "how often each repository's open pull requests are asked for"
)
# Longer than asking a repository with hundreds of pull requests takes, and than fetching, packing and telling one does.
DELIVERY_LEASE_SECONDS = env.number(
    "DAGGERBOARD_DELIVERY_LEASE_SECONDS",
    180.0,
    "how long a repository or pull request waits for a worker that was killed while it looked after it",
)
GONE_GRACE_SECONDS = env.number(
    "DAGGERBOARD_GONE_GRACE_SECONDS",
    3600.0,
    "how long a Git host must say that a repository is not there for us before its branch deployments end",
)
BRANCH_EXPIRE_DAYS = env.integer(
    "DAGGERBOARD_BRANCH_EXPIRE_DAYS", 7, "days without activity after which a branch deployment made by CI is closed"
)
BRANCH_ARCHIVE_DAYS = env.integer(
    "DAGGERBOARD_BRANCH_ARCHIVE_DAYS", 7, "days after which an archived branch deployment is deleted"
)
BRANCH_CLOSE_SECONDS = env.number(
    "DAGGERBOARD_BRANCH_CLOSE_SECONDS", 1800.0, "how long the end of a branch deployment waits for its runs and its job"
)
