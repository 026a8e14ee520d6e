"""The command line: words become jobs and questions, answers become text or JSON."""
