"""Reading public databases over the network: polite requests, pages, and snapshots that never change."""
