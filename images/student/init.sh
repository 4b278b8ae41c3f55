#!/bin/sh
# Process 1 of an environment, as the student. The kernel shields it from the student's own `kill -9 1`; the agent
# may end at any time and is started again, without ending anybody's shell. Orphans are reaped by `wait`.
trap 'kill -TERM "$agent" 2>/dev/null; exit 0' TERM INT

# The host key is new at every start: the engine's pipe has proved who is asked, the key only satisfies ssh.
[ -f /run/devenv/ssh_host_ed25519_key ] ||
  ssh-keygen -q -t ed25519 -N '' -C '' -f /run/devenv/ssh_host_ed25519_key

while :; do
  /usr/lib/devenv/agent.sh &
  agent=$!
  # `wait` returns at once for a signal, and goes on for an orphan that is not the agent.
  wait "$agent"
  sleep 0.2 &
  wait $!
done
