"""Naive Bayes: what each column alone says for each class, multiplied."""
