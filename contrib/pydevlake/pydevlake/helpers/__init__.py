"""pydevlake's name for where the debugger is."""
