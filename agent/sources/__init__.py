"""Code that comes as an archive: fetched, unpacked, given a virtualenv, and kept for the versions that share it."""
