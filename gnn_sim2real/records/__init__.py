"""Results of trainings: records, their keys, tables, curves, summaries and figures."""
