"""Grants in words, for pages, mails, the audit log and messages."""

from tenants.models import GrantScope, TargetKind

_TARGETS = {
    TargetKind.EVERYTHING: "",
    TargetKind.LOCATION: "code location {}",
    TargetKind.GROUP: "asset group {}",
    TargetKind.TAG: "assets tagged {}",
    TargetKind.SELECTION: "assets in {}",
    TargetKind.OWNED: "what they own",
}
# A deployment that was deleted keeps its grants, which give nothing any more.
GONE = "a deleted deployment"


def scope_words(scope: str, deployment: str | None) -> str:
    """Where a grant holds, as in `Editor in …`."""
    match GrantScope(scope):
        case GrantScope.ORGANIZATION:
            return "the whole organization"
        case GrantScope.DEPLOYMENT:
            return deployment or GONE
        case GrantScope.ALL_BRANCHES:
            return "all branch deployments"
        case GrantScope.BRANCHES_OF:
            return f"branch deployments of {deployment or GONE}"


def target_words(target: str, value: str) -> str:
    """On what a grant holds, as in `Editor in prod on …`; empty for everything."""
    return _TARGETS[TargetKind(target)].format(value)


def grant_words(*, role: str, scope: str, deployment: str | None, target: str, value: str) -> str:
    """A whole grant: `Editor in prod on code location etl`; `Viewer everywhere`; a denial, which has no role: `Nothing in prod`."""
    part = target_words(target, value)
    where = "everywhere" if scope == GrantScope.ORGANIZATION else f"in {scope_words(scope, deployment)}"
    return f"{role or 'Nothing'} {where}" + (f" on {part}" if part else "")
