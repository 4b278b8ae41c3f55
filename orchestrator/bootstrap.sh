# Sourced, from the project's folder: makes sure of the pinned Node and npm, and of the project's packages.
#   devenv_bootstrap         what running devenv needs
#   devenv_bootstrap --dev   what its tests need too
# Says what it does on stderr; says and does nothing where all is there.

devenv_say() { printf '%s\n' "$*" >&2; }

devenv_die() {
  devenv_say "devenv: $1"
  [ -z "${2-}" ] || devenv_say "  $2"
  exit 1
}

# What a folder's packages were installed from. A stamp inside node_modules goes with it.
devenv_stamp() { cksum <"$1/package-lock.json" | tr ' ' '-'; }

devenv_is_current() { # folder kinds…: whether node_modules is what the lockfile says, as one of these kinds
  [ -f "$1/node_modules/.devenv-stamp" ] || return 1
  read -r devenv_have <"$1/node_modules/.devenv-stamp"
  devenv_folder=$1
  shift
  for devenv_kind in "$@"; do
    [ "$devenv_have" = "$(devenv_stamp "$devenv_folder") $devenv_kind" ] && return 0
  done
  return 1
}

devenv_npm_ci() { # folder kind command…
  devenv_folder=$1 devenv_kind=$2
  shift 2
  devenv_log=$(mktemp)
  if ! (cd "$devenv_folder" && "$@" ci --ignore-scripts --no-audit --no-fund ${DEVENV_OMIT-} >"$devenv_log" 2>&1); then
    tail -n 15 "$devenv_log" >&2
    rm -f "$devenv_log"
    devenv_die 'npm could not install the packages (its last lines are above).' \
      'Check that npm reaches its registry (`npm ping`), then run the command again.'
  fi
  rm -f "$devenv_log"
  echo "$(devenv_stamp "$devenv_folder") $devenv_kind" >"$devenv_folder/node_modules/.devenv-stamp"
}

devenv_check_node() { # the pinned Node needs libatomic, which a small system may lack
  images/toolchain/node_modules/.bin/node --version >/dev/null 2>&1 && return 0
  devenv_fix='apt-get update && apt-get install -y --no-install-recommends libatomic1'
  if [ "${DEVENV_NO_INSTALL-}" = 1 ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    devenv_die "The pinned Node does not run here: $(images/toolchain/node_modules/.bin/node --version 2>&1 | tail -n 1)" \
      "Install what it lacks as root: $devenv_fix"
  fi
  devenv_say '… installing libatomic1 with apt-get, which the pinned Node needs'
  DEBIAN_FRONTEND=noninteractive sh -c "$(echo "$devenv_fix" | sed 's/apt-get/& -o DPkg::Lock::Timeout=300/g')" >/dev/null 2>&1 ||
    devenv_die 'apt-get could not install libatomic1.' "Try it by hand: $devenv_fix"
  images/toolchain/node_modules/.bin/node --version >/dev/null ||
    devenv_die 'The pinned Node does not run on this machine.' 'It needs x86-64 or arm64 Linux with glibc 2.28 or newer.'
}

devenv_install() {
  if ! devenv_is_current images/toolchain toolchain; then
    command -v npm >/dev/null || devenv_die 'npm is missing.' 'Install Node 20 or newer with npm, then run the command again.'
    devenv_major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
    [ "${devenv_major:-0}" -ge 20 ] ||
      devenv_die "Node 20 or newer is needed; here is $(node --version 2>/dev/null || echo none)." 'Install it, then run the command again.'
    devenv_say '… installing the pinned Node and npm'
    devenv_npm_ci images/toolchain toolchain npm
  fi
  devenv_check_node
  devenv_is_current . "$@" && return 0
  devenv_say "… installing devenv's packages"
  PATH="$PWD/images/toolchain/node_modules/.bin:$PATH"
  if [ "$1" = dev ]; then DEVENV_OMIT= devenv_npm_ci . dev npm; else DEVENV_OMIT=--omit=dev devenv_npm_ci . run npm; fi
}

devenv_bootstrap() {
  devenv_kinds='run dev'
  # Where the tests' packages are installed, a newer lockfile must not take them away.
  case "${1-} $(cat node_modules/.devenv-stamp 2>/dev/null)" in --dev* | *' dev') devenv_kinds=dev ;; esac
  # shellcheck disable=SC2086
  if devenv_is_current images/toolchain toolchain && devenv_is_current . $devenv_kinds; then return 0; fi
  # Two at once must not install into one folder: the second waits, and then finds all done.
  # shellcheck disable=SC2086
  (
    flock 9
    devenv_install $devenv_kinds
  ) 9>images/toolchain/.lock || exit 1
}
