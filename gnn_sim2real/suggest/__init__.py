"""What to measure next: a pool of candidates, ranked by what a measurement of each is worth."""
