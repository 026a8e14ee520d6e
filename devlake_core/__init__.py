"""Write Apache DevLake data-source plugins in Python."""
