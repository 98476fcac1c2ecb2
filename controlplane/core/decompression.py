"""Gzip from outside, unpacked to a limit: what is larger is refused after the limit, whatever its headers promise."""

import zlib

from tenants.errors import InvalidError, TooLargeError

# zlib's word for "a gzip header and trailer around it".
_GZIP = 31


def gunzip(data: bytes, *, max_bytes: int) -> bytes:
    """Unpack one gzip member. TooLargeError above `max_bytes`, InvalidError when it is broken, cut off, or followed by something."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        unpacked = unpacker.decompress(data, max_bytes + 1)
    except zlib.error as error:
        raise InvalidError(f"The body is not gzip: {error}.") from error
    if len(unpacked) > max_bytes:
        raise TooLargeError(f"The body is larger than {max_bytes} bytes once decompressed. Send it in smaller parts.")
    if not unpacker.eof or unpacker.unused_data:
        raise InvalidError("The body is not one whole gzip member.")
    return unpacked
