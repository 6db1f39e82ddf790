"""The data module: a table of materials, their split, the order in which a database grows, their batches."""
