"""One file per layout; the table in `crossmodal_hash.components` names them."""
