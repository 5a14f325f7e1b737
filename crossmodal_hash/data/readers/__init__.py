"""One file a layout; the map in `crossmodal_hash.components` names them."""
