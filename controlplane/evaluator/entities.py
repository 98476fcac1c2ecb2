"""Keys of what has a condition, as they are stored: `a/b` for an asset, `a/b:name` for a check, `:name` for a job."""

from dagster._core.definitions.asset_key import AssetCheckKey, AssetJobKey, AssetKey, EntityKey

from controlplane.definitions.asset_keys import check_text, to_parts, to_text


def text_of(key: EntityKey) -> str:
    """As it is stored."""
    if isinstance(key, AssetJobKey):
        return f":{key.job_name}"
    if isinstance(key, AssetCheckKey):
        return check_text(list(key.asset_key.path), key.name)
    return to_text(list(key.path))


def asset_key(text: str) -> AssetKey:
    """An asset's key as dagster has it."""
    return AssetKey(to_parts(text))
