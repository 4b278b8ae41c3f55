#!/bin/sh
# Process 1 of an environment, run as the student. The kernel protects it from the student's own `kill -9 1`. The agent may
# end at any time: it is restarted, and no shell ends with it. `wait` reaps orphans.
trap 'kill -TERM "$agent" 2>/dev/null; exit 0' TERM INT

# A new host key at every start: the connection through Docker already proves which environment answers, so the key only
# satisfies the SSH protocol.
[ -f /run/devenv/ssh_host_ed25519_key ] ||
  ssh-keygen -q -t ed25519 -N '' -C '' -f /run/devenv/ssh_host_ed25519_key

while :; do
  /usr/lib/devenv/agent.sh &
  agent=$!
  # `wait` returns at once on a signal, and goes on waiting when an orphan ends.
  wait "$agent"
  sleep 0.2 &
  wait $!
done
