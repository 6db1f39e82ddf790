"""How sure a prediction is: ensembles of trained models, and whether their intervals hold what they promise."""
