"""Keys as text: `a/b` for an asset, `a/b:name` for a check, `:name` for a job."""

from dagster._core.definitions.asset_key import AssetCheckKey, AssetJobKey, AssetKey, EntityKey

from controlplane.definitions.asset_keys import check_text, entity_text, to_parts, to_text


def text_of(key: EntityKey) -> str:
    """As runs and backfills name it. An asset `a:b` and a check `b` of `a` have the same text."""
    if isinstance(key, AssetJobKey):
        return f":{key.job_name}"
    if isinstance(key, AssetCheckKey):
        return check_text(list(key.asset_key.path), key.name)
    return to_text(list(key.path))


def entity_of(key: EntityKey) -> str:
    """As what comes of its condition is stored: each key has a text of its own."""
    if isinstance(key, AssetJobKey):
        return text_of(key)
    if isinstance(key, AssetCheckKey):
        return entity_text(to_text(list(key.asset_key.path)), key.name)
    return entity_text(to_text(list(key.path)))


def asset_key(text: str) -> AssetKey:
    """An asset's key as dagster has it."""
    return AssetKey(to_parts(text))
