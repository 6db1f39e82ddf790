"""One answer from many members: their weights, an honest error of the whole, and intervals."""
