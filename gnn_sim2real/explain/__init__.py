"""Why a model predicts what it predicts: contributions of atoms, fragments, sites and elements."""
