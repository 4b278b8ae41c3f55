#!/bin/sh
# Serves one SSH connection on standard input and output, as the student. sshd clears the environment of its sessions, so the
# variables of the container are passed on by name.
exec /usr/sbin/sshd -i -e -f /usr/lib/devenv/sshd_config \
  -o "SetEnv=PORT=$PORT DEVENV_PORT=$PORT DEVENV_INSTANCE=$DEVENV_INSTANCE DEVENV_STUDENT=$DEVENV_STUDENT DEVENV_HOSTNAME=$DEVENV_HOSTNAME DEVENV_URL=$DEVENV_URL BROWSER=$BROWSER LANG=${LANG:-C.UTF-8} NODE_EXTRA_CA_CERTS=$NODE_EXTRA_CA_CERTS" \
  2>/dev/null
