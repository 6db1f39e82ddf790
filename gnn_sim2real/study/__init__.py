"""A study: a grid of pretrainings and fine-tunings on fixed test sets, resumable, one record a cell."""
