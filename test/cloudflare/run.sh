#!/bin/sh
# `npm run mock-cloudflare -- [OPTION …]`. Works in a clone in any state: installs toolchain and packages first.
set -eu
cd "$(dirname "$0")/../.."
. ./orchestrator/bootstrap.sh
devenv_bootstrap --dev
exec images/toolchain/node_modules/.bin/node --no-warnings test/cloudflare/main.ts "$@"
