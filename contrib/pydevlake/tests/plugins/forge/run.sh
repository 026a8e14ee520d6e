#!/bin/sh
cd "$(dirname "$0")" && exec python forge/main.py "$@"
