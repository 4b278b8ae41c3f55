#!/bin/sh
# Puts a bridge's firewall in place, or looks whether it stands. Runs in a short-lived container on the host's
# network with NET_ADMIN alone. Rules come by environment: BRIDGE FORWARD INPUT RULES4 RULES6.
#   firewall.sh put|check|remove
set -eu

# The engine writes its rules with one of two back ends; ours must be in the same one, or they would not be asked.
pick() {
  for variant in "$1-nft" "$1-legacy"; do
    if "$variant" -w 5 -n -L "$2" >/dev/null 2>&1; then
      echo "$variant"
      return
    fi
  done
  return 1
}

hook() { # tool parent chain: our jump comes first, once
  "$1" -w 5 -C "$2" -i "$BRIDGE" -j "$3" 2>/dev/null || "$1" -w 5 -I "$2" 1 -i "$BRIDGE" -j "$3"
}

unhook() {
  while "$1" -w 5 -D "$2" -i "$BRIDGE" -j "$3" 2>/dev/null; do :; done
}

# With every network that it makes, the engine takes its jump to DOCKER-USER out for a moment. A jump of our own stands
# meanwhile, above what the engine accepts; it is moved there in one go, since the engine adds its rules at the top.
lead() { # tool
  jump="FORWARD -i $BRIDGE -j $FORWARD"
  # shellcheck disable=SC2086
  if "$1" -w 5 -C $jump 2>/dev/null; then old="-D $jump"; else old=; fi
  printf '*filter\n%s\n-I %s\nCOMMIT\n' "$old" "$jump" | "$1-restore" -w 5 --noflush
}

put() { # tool parent rules
  printf '%s' "$3" | "$1-restore" -w 5 --noflush
  hook "$1" "$2" "$FORWARD"
  lead "$1"
  hook "$1" INPUT "$INPUT"
}

check() { # tool parent rules: the jumps stand, and each chain has as many rules as it should
  for parent in "$2" FORWARD; do "$1" -w 5 -C "$parent" -i "$BRIDGE" -j "$FORWARD"; done
  "$1" -w 5 -C INPUT -i "$BRIDGE" -j "$INPUT"
  for chain in "$FORWARD" "$INPUT"; do
    want=$(printf '%s' "$3" | grep -c "^-A $chain ")
    have=$("$1" -w 5 -S "$chain" | grep -c "^-A $chain ")
    [ "$want" = "$have" ] || { echo "$chain has $have rules, not $want" >&2; return 1; }
  done
}

remove() { # tool parent
  for parent in "$2" FORWARD; do unhook "$1" "$parent" "$FORWARD"; done
  unhook "$1" INPUT "$INPUT"
  for chain in "$FORWARD" "$INPUT"; do
    "$1" -w 5 -F "$chain" 2>/dev/null || :
    "$1" -w 5 -X "$chain" 2>/dev/null || :
  done
}

tool4=$(pick iptables DOCKER-USER) || { echo 'the engine keeps no DOCKER-USER chain in iptables' >&2; exit 3; }
"$1" "$tool4" DOCKER-USER "$RULES4"

# A host without IPv6 has no way around; one with it must have the rules.
[ -e /proc/net/if_inet6 ] || exit 0
if tool6=$(pick ip6tables DOCKER-USER); then parent6=DOCKER-USER; else
  tool6=ip6tables-${tool4#iptables-}
  parent6=FORWARD
fi
"$1" "$tool6" "$parent6" "$RULES6"
