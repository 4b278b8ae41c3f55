#!/bin/sh
# Runs the tests from a clone in any state: installs toolchain and packages where they are missing, then starts run.ts.
#   sh test/run.sh [unit|integration|e2e|bench|check] [FILE-PATTERN …]
#   sh test/run.sh schedules [OPTION …]
set -eu
cd "$(dirname "$0")/.."
. ./orchestrator/bootstrap.sh
devenv_bootstrap --dev
PATH="$PWD/images/toolchain/node_modules/.bin:$PWD/node_modules/.bin:$PATH"
export PATH
exec node --no-warnings test/run.ts "$@"
