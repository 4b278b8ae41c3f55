#!/bin/sh
# Installs, checks or removes the firewall of the students' bridge. Runs in a short-lived container on the host's network
# that has no right but NET_ADMIN and NET_RAW. The environment names the bridge, the two chains and the rules: BRIDGE
# FORWARD INPUT RULES4 RULES6.
#   firewall.sh install|check|remove
set -eu

# Docker writes its rules with one of the two back ends of iptables. Only rules of the same one are evaluated with them.
find_backend() { # iptables|ip6tables chain-of-docker
  for variant in "$1-nft" "$1-legacy"; do
    if "$variant" -w 5 -n -L "$2" >/dev/null 2>&1; then
      echo "$variant"
      return
    fi
  done
  return 1
}

add_jump() { # tool parent chain: as the parent's first rule, once
  "$1" -w 5 -C "$2" -i "$BRIDGE" -j "$3" 2>/dev/null || "$1" -w 5 -I "$2" 1 -i "$BRIDGE" -j "$3"
}

remove_jump() { # tool parent chain
  while "$1" -w 5 -D "$2" -i "$BRIDGE" -j "$3" 2>/dev/null; do :; done
}

# Whenever Docker creates a network, it removes its jump to DOCKER-USER for a moment. So FORWARD has a jump to our chain
# too, above the rules with which Docker accepts traffic. Docker inserts its rules at the top: one transaction moves the
# jump back there.
move_forward_jump_first() { # tool
  jump="FORWARD -i $BRIDGE -j $FORWARD"
  # shellcheck disable=SC2086
  if "$1" -w 5 -C $jump 2>/dev/null; then delete="-D $jump"; else delete=; fi
  printf '*filter\n%s\n-I %s\nCOMMIT\n' "$delete" "$jump" | "$1-restore" -w 5 --noflush
}

install_rules() { # tool parent rules
  printf '%s' "$3" | "$1-restore" -w 5 --noflush
  add_jump "$1" "$2" "$FORWARD"
  move_forward_jump_first "$1"
  add_jump "$1" INPUT "$INPUT"
}

check_rules() { # tool parent rules: all jumps exist, and each chain has as many rules as expected
  for parent in "$2" FORWARD; do "$1" -w 5 -C "$parent" -i "$BRIDGE" -j "$FORWARD"; done
  "$1" -w 5 -C INPUT -i "$BRIDGE" -j "$INPUT"
  for chain in "$FORWARD" "$INPUT"; do
    expected=$(printf '%s' "$3" | grep -c "^-A $chain ")
    actual=$("$1" -w 5 -S "$chain" | grep -c "^-A $chain ")
    [ "$expected" = "$actual" ] || { echo "chain $chain has $actual rules instead of $expected" >&2; return 1; }
  done
}

remove_rules() { # tool parent
  for parent in "$2" FORWARD; do remove_jump "$1" "$parent" "$FORWARD"; done
  remove_jump "$1" INPUT "$INPUT"
  for chain in "$FORWARD" "$INPUT"; do
    "$1" -w 5 -F "$chain" 2>/dev/null || :
    "$1" -w 5 -X "$chain" 2>/dev/null || :
  done
}

tool4=$(find_backend iptables DOCKER-USER) || { echo 'Docker has no chain DOCKER-USER in iptables' >&2; exit 3; }
"${1}_rules" "$tool4" DOCKER-USER "$RULES4"

# A host without IPv6 needs no rules for it. Docker may have no IPv6 chains: then only FORWARD jumps to ours.
[ -e /proc/net/if_inet6 ] || exit 0
if tool6=$(find_backend ip6tables DOCKER-USER); then parent6=DOCKER-USER; else
  tool6=ip6tables-${tool4#iptables-}
  parent6=FORWARD
fi
"${1}_rules" "$tool6" "$parent6" "$RULES6"
