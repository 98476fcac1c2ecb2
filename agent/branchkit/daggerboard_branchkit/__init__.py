"""Safe data in branch deployments: write to the branch, read from the base, leave nothing behind."""

from daggerboard_branchkit.branch import Branch, current_branch
from daggerboard_branchkit.errors import BaseWriteRefusedError, BranchKitError, NotABranchError
from daggerboard_branchkit.files import BranchFolder
from daggerboard_branchkit.guard import BaseGuard
from daggerboard_branchkit.io_managers import BranchIOManager
from daggerboard_branchkit.jobs import branch_job
from daggerboard_branchkit.schemas import BranchSchema

__all__ = [
    "BaseGuard",
    "BaseWriteRefusedError",
    "Branch",
    "BranchFolder",
    "BranchIOManager",
    "BranchKitError",
    "BranchSchema",
    "NotABranchError",
    "branch_job",
    "current_branch",
]
