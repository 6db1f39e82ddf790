"""How certain a prediction is: ensembles of trained models, and the calibration of their intervals."""
