#!/bin/sh
cd "$(dirname "$0")" && exec python fakeplugin/main.py "$@"
