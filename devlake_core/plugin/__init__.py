"""Who is in the process, and are they healthy: discovery, the host, the Plugin base class."""
