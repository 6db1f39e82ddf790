"""Reading public databases over the network: polite requests, pages, and snapshots that stay as they were taken."""
