"""What the kit refuses."""


class BranchKitError(Exception):
    """Base of the kit's errors."""


class NotABranchError(BranchKitError):
    """It was asked for in a full deployment, and exists in branch deployments only."""


class BaseWriteRefusedError(BranchKitError):
    """Code of a branch deployment wanted to write to what belongs to the base."""
