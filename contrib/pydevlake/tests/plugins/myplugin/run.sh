#!/bin/sh
cd "$(dirname "$0")" && exec python myplugin/main.py "$@"
