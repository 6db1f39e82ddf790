"""A study: a grid of pretrainings and fine-tunings on fixed test sets, resumable, with one record per cell."""
