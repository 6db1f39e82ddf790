"""A published study again: its data found or made, its cells computed, and compared with the published ones."""
