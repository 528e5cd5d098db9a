"""File formats: packed files, encodings, and the forms in which one file holds both sides of a parallel text."""
