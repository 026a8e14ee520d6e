"""Run jobs: what is to be run as a value, who runs it, what is told of it, how it ends."""
