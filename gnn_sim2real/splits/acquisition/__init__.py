"""The orders in which a database grows; each is one file."""
