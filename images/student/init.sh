#!/usr/lib/devenv/init-shell
# Process 1 of an environment, run as the student. The kernel protects it from the student's own `kill -9 1`. The agent may
# end at any time: it is restarted, and no shell ends with it. `wait` reaps orphans.
# Students can run its shell, but not read it. The kernel therefore refuses them this process's files: what they write to
# /proc/1/fd/1 would go straight to the engine's log driver (5.7 s of dockerd's CPU in 6 s).
trap 'kill -TERM "$agent" 2>/dev/null; exit 0' TERM INT

# Prints what the agent prints, at most ten lines a second.
print_lines() {
  while IFS= read -r line; do
    printf '%.500s\n' "$line"
    sleep 0.1 </dev/null >/dev/null 2>&1
  done
}

# 3 is the engine's pipe, for this shell and its reader only. All other processes print into 4, from which the reader reads.
output=/run/devenv/.output
rm -f "$output"
mkfifo -m 600 "$output"
exec 3>&1 4<>"$output" >/dev/null 2>&1
rm "$output"

# A new host key at every start: the connection through Docker already proves which environment answers, so the key only
# satisfies the SSH protocol.
[ -f /run/devenv/ssh_host_ed25519_key ] ||
  ssh-keygen -q -t ed25519 -N '' -C '' -f /run/devenv/ssh_host_ed25519_key >&4 2>&4 3>&- 4>&-

while :; do
  if ! kill -0 "$reader" 2>/dev/null; then
    print_lines <&4 >&3 3>&- 4>&- &
    reader=$!
  fi
  /usr/lib/devenv/agent.sh </dev/null >&4 2>&4 3>&- 4>&- &
  agent=$!
  # `wait` returns at once on a signal, and goes on waiting when an orphan ends.
  wait "$agent"
  sleep 0.2 3>&- 4>&- &
  wait $!
done
