"""Why a model says what it says: importance, attributions, dependence, counterfactuals."""
