"""Errors that people and programs are meant to see. One base; the class carries code and HTTP status."""


class AppError(Exception):
    """Something was refused."""

    code = "error"
    status = 400

    def __init__(self, message: str | None = None, *, attr: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.attr = attr
        super().__init__(self.message)


class InvalidError(AppError):
    """The request does not make sense."""

    code = "invalid"
    status = 400


class NotFoundError(AppError):
    """There is no such thing here, or you may not know of it."""

    code = "not_found"
    status = 404


class ForbiddenError(AppError):
    """You may see this, but not do that."""

    code = "permission_denied"
    status = 403


class OrganizationReadOnlyError(ForbiddenError):
    """The organization is read-only: everything can be looked at, and nothing changed."""

    code = "organization_read_only"


class OrganizationSuspendedError(ForbiddenError):
    """The organization is suspended. Only its Organization Admins get in, and only to its settings."""

    code = "organization_suspended"


class OrganizationPendingDeletionError(OrganizationSuspendedError):
    """The organization is going to be deleted. Only its Organization Admins get in, and only to its settings."""

    code = "organization_pending_deletion"


class AddressRefusedError(ForbiddenError):
    """The organization admits people and programs from certain networks only."""

    code = "address_refused"


class SessionTooOldError(AppError):
    """The organization wants you to sign in again: this session is older than it allows."""

    code = "session_too_old"
    status = 401


class ConflictError(AppError):
    """The state of the thing does not allow it."""

    code = "conflict"
    status = 409


class TooLargeError(AppError):
    """The request is larger than is accepted."""

    code = "too_large"
    status = 413


class TooManyError(AppError):
    """Too many of these in a short time; try again later."""

    code = "throttled"
    status = 429

    def __init__(
        self, message: str | None = None, *, attr: str | None = None, retry_after: float | None = None
    ) -> None:
        # Seconds, for the header Retry-After; None when time alone does not help.
        self.retry_after = retry_after
        super().__init__(message, attr=attr)


class QuotaExceededError(TooManyError):
    """The organization uses all it may use of this."""

    code = "quota_exceeded"


class UnavailableError(AppError):
    """Something this needs does not answer now; try again."""

    code = "unavailable"
    status = 503
