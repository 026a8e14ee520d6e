"""The bridge: DevLake's Go server runs our plugins, one process for each call."""
