# Installs the pinned Node and npm and the project's packages where they are missing. Sourced in the project's folder.
#   devenv_bootstrap         installs what running devenv needs
#   devenv_bootstrap --dev   installs what its tests need too
# Reports on stderr what it installs; prints nothing if nothing is missing.

devenv_say() { printf '%s\n' "$*" >&2; }

devenv_die() { # what-happened [what-to-do]
  devenv_say "devenv: $1"
  [ -z "${2-}" ] || devenv_say "  $2"
  exit 1
}

# Identifies the lockfile from which a folder's packages were installed. The stamp file is inside node_modules, so it
# disappears with it.
devenv_stamp() { cksum <"$1/package-lock.json" | tr ' ' '-'; }

devenv_is_current() { # folder kind…: whether node_modules matches the lockfile and was installed as one of the kinds
  [ -f "$1/node_modules/.devenv-stamp" ] || return 1
  read -r devenv_installed <"$1/node_modules/.devenv-stamp"
  devenv_folder=$1
  shift
  for devenv_kind in "$@"; do
    [ "$devenv_installed" = "$(devenv_stamp "$devenv_folder") $devenv_kind" ] && return 0
  done
  return 1
}

devenv_npm_ci() { # folder kind npm-option…
  devenv_folder=$1 devenv_kind=$2
  shift 2
  devenv_log=$(mktemp)
  if ! (cd "$devenv_folder" && npm ci --ignore-scripts --no-audit --no-fund "$@" >"$devenv_log" 2>&1); then
    tail -n 15 "$devenv_log" >&2
    rm -f "$devenv_log"
    devenv_die 'npm could not install the packages (its last lines are above).' \
      'Check that npm reaches its registry (`npm ping`), then run the command again.'
  fi
  rm -f "$devenv_log"
  echo "$(devenv_stamp "$devenv_folder") $devenv_kind" >"$devenv_folder/node_modules/.devenv-stamp"
}

devenv_check_node() { # the pinned Node needs libatomic, which minimal systems lack
  devenv_node=images/toolchain/node_modules/.bin/node
  "$devenv_node" --version >/dev/null 2>&1 && return 0
  devenv_fix='apt-get update && apt-get install -y --no-install-recommends libatomic1'
  if [ "${DEVENV_NO_INSTALL-}" = 1 ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    devenv_die "The pinned Node does not run: $("$devenv_node" --version 2>&1 | tail -n 1)" \
      "Install what is missing, as root: $devenv_fix"
  fi
  devenv_say '… Installing libatomic1 with apt-get: the pinned Node needs it'
  DEBIAN_FRONTEND=noninteractive sh -c "$(echo "$devenv_fix" | sed 's/apt-get/& -o DPkg::Lock::Timeout=300/g')" >/dev/null 2>&1 ||
    devenv_die 'apt-get could not install libatomic1.' "Run it yourself to see why: $devenv_fix"
  "$devenv_node" --version >/dev/null ||
    devenv_die 'The pinned Node does not run on this machine.' 'It needs Linux on x86-64 or arm64 with glibc 2.28 or newer.'
}

devenv_install() { # kind…: the first one is installed if none of them is current
  if ! devenv_is_current images/toolchain toolchain; then
    command -v npm >/dev/null || devenv_die 'npm is missing.' 'Install Node 20 or newer with npm, then run the command again.'
    devenv_major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
    [ "${devenv_major:-0}" -ge 20 ] ||
      devenv_die "Node 20 or newer is required; this is $(node --version 2>/dev/null || echo 'no Node')." 'Install it, then run the command again.'
    devenv_say '… Installing the pinned Node and npm'
    devenv_npm_ci images/toolchain toolchain
  fi
  devenv_check_node
  devenv_is_current . "$@" && return 0
  devenv_say "… Installing devenv's packages"
  PATH="$PWD/images/toolchain/node_modules/.bin:$PATH"
  if [ "$1" = dev ]; then devenv_npm_ci . dev; else devenv_npm_ci . run --omit=dev; fi
}

devenv_bootstrap() {
  devenv_kinds='run dev'
  # Where the packages of the tests are installed, they stay so when the lockfile changes.
  case "${1-} $(cat node_modules/.devenv-stamp 2>/dev/null)" in --dev* | *' dev') devenv_kinds=dev ;; esac
  # shellcheck disable=SC2086
  if devenv_is_current images/toolchain toolchain && devenv_is_current . $devenv_kinds; then return 0; fi
  # One process at a time installs into a folder. The next one finds everything installed.
  # shellcheck disable=SC2086
  (
    flock 9
    devenv_install $devenv_kinds
  ) 9>images/toolchain/.lock || exit 1
}
