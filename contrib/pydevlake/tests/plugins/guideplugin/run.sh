#!/bin/sh
cd "$(dirname "$0")" && exec python guideplugin/main.py "$@"
