"""The data module: a table of materials, its split, the order in which a database grows, and batches."""
