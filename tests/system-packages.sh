#!/usr/bin/env bash
# Installs the programs that tests start: PostgreSQL and Chromium. Does nothing where they are
# there already; tests that need a program that cannot be installed are skipped and say so.
set -uo pipefail
wanted=()
command -v chromium >/dev/null || wanted+=(chromium)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || wanted+=(postgresql)
[ ${#wanted[@]} -eq 0 ] && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${wanted[@]}" >/dev/null
fi
exit 0
