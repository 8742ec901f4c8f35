"""Plots of one run or several, by the names that Ludwig gives them."""
