#!/bin/sh
# Installs, checks or removes the firewall of the students' bridge. Runs in a short-lived container on the host's network
# that has no right but NET_ADMIN and NET_RAW. The environment names the bridge, the chains and the rules: BRIDGE FORWARD
# INPUT EGRESS PREROUTING RULES4 RULES6, and UPLOAD DOWNLOAD LIMITS4 for the limits of each student's traffic. The rules
# of FORWARD and INPUT may jump to EGRESS.
#   firewall.sh install   installs it, whether or not it is active
#   firewall.sh ensure    installs it where it is not active, and then prints `installed`
#   firewall.sh check     fails where it is not active
#   firewall.sh remove
# Where install or ensure fail, they take the bridge down: no network is better than one without a firewall. The exit code
# is then 4, or 5 where even that failed. The next one that succeeds takes the bridge up. All but `remove` print
# `no Docker rules` where Docker's own rules are missing, and `no limits` where the limits are missing, which is no
# failure: a kernel may have no module for them.
set -eu

# A packet must pass the rules of both back ends of iptables. Ours are in the one that Docker uses, where it uses any:
# Docker's chain is missing after the host's rules were flushed, and with the engine's back end `nftables`.
find_backend() { # iptables|ip6tables
  if has_docker_user "$1-nft"; then
    echo "$1-nft"
  elif uses_legacy "$1" && has_docker_user "$1-legacy"; then
    echo "$1-legacy"
  elif "$1-nft" -w 5 -n -L INPUT >/dev/null 2>&1; then
    echo "$1-nft"
  elif "$1-legacy" -w 5 -n -L INPUT >/dev/null 2>&1; then
    echo "$1-legacy"
  else
    return 1
  fi
}

has_docker_user() { # tool
  "$1" -w 5 -n -L DOCKER-USER >/dev/null 2>&1
}

# To list the tables of the legacy back end would create them.
uses_legacy() { # iptables|ip6tables
  case $1 in iptables) names=ip_tables_names ;; *) names=ip6_tables_names ;; esac
  [ -n "$(cat "/proc/net/$names" 2>/dev/null)" ]
}

# The bridge's network, as the host's address in it: iptables applies the mask.
find_subnet() {
  subnet=$(ip -4 -o addr show dev "$BRIDGE" | sed -n 's/.* inet \([0-9./]*\).*/\1/p')
  [ -n "$subnet" ] || { echo "the bridge $BRIDGE has no address" >&2; return 1; }
}

add_jump() { # tool parent chain: as the parent's first rule, once
  "$1" -w 5 -C "$2" -i "$BRIDGE" -j "$3" 2>/dev/null || "$1" -w 5 -I "$2" 1 -i "$BRIDGE" -j "$3"
}

remove_jump() { # tool parent chain
  while "$1" -w 5 -D "$2" -i "$BRIDGE" -j "$3" 2>/dev/null; do :; done
}

# The jump in FORWARD needs no chain of Docker's and must be above the rules with which Docker accepts traffic. Docker
# inserts its rules at the top: one transaction moves the jump back there. The jump in DOCKER-USER stays first then, but
# whenever Docker creates a network, it removes its jump to DOCKER-USER for a moment.
move_forward_jump_first() { # tool
  jump="FORWARD -i $BRIDGE -j $FORWARD"
  # shellcheck disable=SC2086
  if "$1" -w 5 -C $jump 2>/dev/null; then delete="-D $jump"; else delete=; fi
  printf '*filter\n%s\n-I %s\nCOMMIT\n' "$delete" "$jump" | "$1-restore" -w 5 --noflush
}

install_rules() { # tool rules
  printf '%s' "$2" | "$1-restore" -w 5 --noflush
  move_forward_jump_first "$1"
  if has_docker_user "$1"; then add_jump "$1" DOCKER-USER "$FORWARD"; fi
  add_jump "$1" INPUT "$INPUT"
}

check_rules() { # tool rules: all jumps exist, and each chain has as many rules as expected
  if has_docker_user "$1"; then parents='FORWARD DOCKER-USER'; else parents=FORWARD; fi
  for parent in $parents; do "$1" -w 5 -C "$parent" -i "$BRIDGE" -j "$FORWARD" || return 1; done
  "$1" -w 5 -C INPUT -i "$BRIDGE" -j "$INPUT" || return 1
  for chain in "$FORWARD" "$INPUT" "$EGRESS"; do
    expected=$(printf '%s' "$2" | grep -c "^-A $chain ") || :
    actual=$("$1" -w 5 -S "$chain" | grep -c "^-A $chain ") || :
    [ "$expected" = "$actual" ] || { echo "chain $chain has $actual rules instead of $expected" >&2; return 1; }
  done
}

remove_chains() { # tool table chain…
  tool=$1 table=$2
  shift 2
  for chain; do "$tool" -w 5 -t "$table" -F "$chain" 2>/dev/null || :; done
  for chain; do "$tool" -w 5 -t "$table" -X "$chain" 2>/dev/null || :; done
}

remove_rules() { # tool
  for parent in FORWARD DOCKER-USER; do remove_jump "$1" "$parent" "$FORWARD"; done
  remove_jump "$1" INPUT "$INPUT"
  remove_chains "$1" filter "$FORWARD" "$INPUT" "$EGRESS"
}

# Only the host itself reaches the students' addresses: a neighbour on the host's network segment could add a route to
# them and open a link past the edge. Replies from the internet pass: they still carry the host's address here. Docker
# does this since version 28.
install_ingress() { # tool
  printf '*raw\n:%s - [0:0]\n-A %s -d %s -j DROP\nCOMMIT\n' "$PREROUTING" "$PREROUTING" "$subnet" |
    "$1-restore" -w 5 --noflush
  "$1" -w 5 -t raw -C PREROUTING ! -i "$BRIDGE" -j "$PREROUTING" 2>/dev/null ||
    "$1" -w 5 -t raw -I PREROUTING 1 ! -i "$BRIDGE" -j "$PREROUTING"
}

# Docker may give the network of a bridge that is gone to another one. The old rule would drop that one's packets, such as
# replies to this host: its links would not answer.
remove_rules_of_gone_bridges() { # tool
  "$1" -w 5 -t raw -S | sed -n "s/^-N \(dv-.*\)${PREROUTING#"$BRIDGE"}\$/\1/p" | while read -r gone; do
    ! ip link show dev "$gone" >/dev/null 2>&1 || continue
    (
      FORWARD=$gone${FORWARD#"$BRIDGE"} INPUT=$gone${INPUT#"$BRIDGE"} EGRESS=$gone${EGRESS#"$BRIDGE"}
      UPLOAD=$gone${UPLOAD#"$BRIDGE"} DOWNLOAD=$gone${DOWNLOAD#"$BRIDGE"}
      PREROUTING=$gone${PREROUTING#"$BRIDGE"} BRIDGE=$gone
      remove_rules "$1"
      remove_ingress "$1"
      remove_limits "$1"
    )
  done
}

check_ingress() { # tool
  "$1" -w 5 -t raw -C PREROUTING ! -i "$BRIDGE" -j "$PREROUTING" &&
    "$1" -w 5 -t raw -C "$PREROUTING" -d "$subnet" -j DROP
}

remove_ingress() { # tool
  while "$1" -w 5 -t raw -D PREROUTING ! -i "$BRIDGE" -j "$PREROUTING" 2>/dev/null; do :; done
  remove_chains "$1" raw "$PREROUTING"
}

# Not where they exist: a new rule has no count of the connections that are open already.
ensure_limits() { # tool
  check_limits "$1" 2>/dev/null && return
  printf '%s' "$LIMITS4" | "$1-restore" -w 5 --noflush &&
    ensure_limit_jump "$1" PREROUTING -i "$UPLOAD" && ensure_limit_jump "$1" POSTROUTING -o "$DOWNLOAD"
}

ensure_limit_jump() { # tool parent option chain
  "$1" -w 5 -t mangle -C "$2" "$3" "$BRIDGE" -j "$4" 2>/dev/null ||
    "$1" -w 5 -t mangle -I "$2" 1 "$3" "$BRIDGE" -j "$4"
}

check_limits() { # tool: both jumps and exactly the expected rules exist
  "$1" -w 5 -t mangle -C PREROUTING -i "$BRIDGE" -j "$UPLOAD" || return 1
  "$1" -w 5 -t mangle -C POSTROUTING -o "$BRIDGE" -j "$DOWNLOAD" || return 1
  for chain in "$UPLOAD" "$DOWNLOAD"; do
    expected=$(printf '%s' "$LIMITS4" | grep -c "^-A $chain ") || :
    actual=$("$1" -w 5 -t mangle -S "$chain" | grep -c "^-A $chain ") || :
    [ "$expected" = "$actual" ] || return 1
  done
  printf '%s' "$LIMITS4" | sed -n 's/^-A //p' | while read -r rule; do
    # shellcheck disable=SC2086
    "$1" -w 5 -t mangle -C $rule || exit 1
  done
}

remove_limits() { # tool
  while "$1" -w 5 -t mangle -D PREROUTING -i "$BRIDGE" -j "$UPLOAD" 2>/dev/null; do :; done
  while "$1" -w 5 -t mangle -D POSTROUTING -o "$BRIDGE" -j "$DOWNLOAD" 2>/dev/null; do :; done
  remove_chains "$1" mangle "$UPLOAD" "$DOWNLOAD"
}

install_all() {
  # Installed in the other back end while Docker's chain was missing.
  if [ "$tool4" = iptables-legacy ] && iptables-nft -w 5 -n -L "$FORWARD" >/dev/null 2>&1; then
    remove_rules iptables-nft
    remove_ingress iptables-nft
    remove_limits iptables-nft
  fi
  remove_rules_of_gone_bridges "$tool4"
  install_rules "$tool4" "$RULES4"
  install_ingress "$tool4"
  if [ -n "$tool6" ]; then install_rules "$tool6" "$RULES6"; fi
}

check_all() {
  check_rules "$tool4" "$RULES4" && check_ingress "$tool4" || return 1
  [ -z "$tool6" ] || check_rules "$tool6" "$RULES6"
}

remove_all() {
  remove_rules "$tool4"
  remove_ingress "$tool4"
  remove_limits "$tool4"
  if [ -n "$tool6" ]; then remove_rules "$tool6"; fi
}

disconnect_on_failure() {
  code=$?
  [ "$code" = 0 ] && return
  if ip link set dev "$BRIDGE" down; then exit 4; else exit 5; fi
}

case $1 in install | ensure) trap disconnect_on_failure EXIT ;; esac

tool4=$(find_backend iptables) || { echo 'iptables does not work on this host' >&2; exit 3; }
# A host without IPv6 needs no rules for it. Docker may have no IPv6 chains: then those of the same back end are used.
tool6=
if [ -e /proc/net/if_inet6 ]; then
  tool6=ip6tables-${tool4#iptables-}
  for variant in ip6tables-nft ip6tables-legacy; do
    case $variant in *-legacy) uses_legacy ip6tables || continue ;; esac
    if has_docker_user "$variant"; then tool6=$variant; fi
  done
fi

case $1 in
remove)
  remove_all
  exit 0
  ;;
check)
  find_subnet
  check_all
  check_limits "$tool4" || echo 'no limits'
  ;;
install)
  find_subnet
  install_all
  ensure_limits "$tool4" || echo 'no limits'
  ip link set dev "$BRIDGE" up
  ;;
ensure)
  find_subnet
  if ! check_all; then
    install_all
    echo installed
  fi
  ensure_limits "$tool4" || echo 'no limits'
  ip link set dev "$BRIDGE" up
  ;;
esac
has_docker_user "$tool4" || echo 'no Docker rules'
