"""What data sets there are, getting them, and looking at one before it is used."""
