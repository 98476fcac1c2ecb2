"""`daggerboard new-master-key` and `rotate-master-key`."""

from controlplane.cli.accounts import set_up_django
from controlplane.cli.errors import CommandError
from controlplane.cli.stack import new_master_key


def print_new_master_key() -> None:
    """Print a new key; it is stored nowhere."""
    print(new_master_key())


def rotate_master_key() -> None:
    """Wrap every data key by the newest master key; CommandError naming those that cannot be opened."""
    set_up_django()
    from tenants.accounts.resealing import reseal_personal_secrets
    from tenants.sealing import rewrap_data_keys

    print(f"Sealed {reseal_personal_secrets()} second steps of people anew.")
    done = rewrap_data_keys()
    print(f"The newest master key now wraps {done.count} data keys that an older one wrapped.")
    if done.failed:
        lines = "\n".join(f"  organization {org_id}: {why}" for org_id, why in done.failed.items())
        raise CommandError(f"{len(done.failed)} data keys are as they were:\n{lines}")
    print("When every process runs with the newest key, older ones can be removed from DAGGERBOARD_MASTER_KEY.")
