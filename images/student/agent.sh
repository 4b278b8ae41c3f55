#!/bin/sh
# The agent, with the flags that keep it small: it is idle nearly always, in every environment of the class.
exec node --max-semi-space-size=1 --max-old-space-size=64 --optimize-for-size --single-threaded-gc \
  --v8-pool-size=0 --no-warnings /usr/lib/devenv/agent/main.js
