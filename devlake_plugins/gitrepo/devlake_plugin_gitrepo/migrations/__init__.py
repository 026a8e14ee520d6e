"""Changes of this plugin's tables, oldest first."""
