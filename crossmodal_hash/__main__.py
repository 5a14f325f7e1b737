"""`python -m crossmodal_hash` is `chash`."""

from crossmodal_hash.cli.main import entry

entry()
