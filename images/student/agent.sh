#!/bin/sh
# The agent, with the flags that keep it small: it is idle nearly always, in every environment of the class.
# What it relays passes through buffers of 64 KB. In glibc's heap they would stay with the agent for good, between
# small pieces that live on; mapped one by one they go back to the kernel (74 MB after a busy minute, or 30).
export MALLOC_MMAP_THRESHOLD_=32768 MALLOC_TRIM_THRESHOLD_=65536
exec node --max-semi-space-size=1 --max-old-space-size=64 --optimize-for-size --single-threaded-gc \
  --v8-pool-size=0 --no-warnings /usr/lib/devenv/hooks/agent/main.js
