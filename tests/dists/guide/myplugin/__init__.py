"""A plugin written as pydevlake's guide for authors shows it, but for the name it imports."""
