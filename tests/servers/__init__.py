"""Real database servers for the tests, started on loopback when a test first asks for one.

`kinds` knows how PostgreSQL and MariaDB are found, initialised and started; `keeper` is the process
that owns one server and ends it when the test run is over, killed or not; `run` is what the
fixtures use.
"""
