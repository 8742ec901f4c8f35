#!/usr/bin/env bash
# Installs the programs that tests start: PostgreSQL, Chromium and Prometheus. Does nothing where
# they are there already; tests that need a program that cannot be installed are skipped and say so.
set -uo pipefail
wanted=()
command -v chromium >/dev/null || wanted+=(chromium)
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || wanted+=(postgresql)
command -v prometheus >/dev/null && has_prometheus=yes || has_prometheus=
[ ${#wanted[@]} -eq 0 ] && [ -n "$has_prometheus" ] && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  # Tests start what they need themselves: no package may start a service.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  [ ${#wanted[@]} -eq 0 ] || apt-get install -y -qq "${wanted[@]}" >/dev/null
  if [ -z "$has_prometheus" ]; then # what it recommends are further services
    apt-get install -y -qq --no-install-recommends prometheus >/dev/null
    command -v systemctl >/dev/null && systemctl disable --quiet prometheus 2>/dev/null
  fi
fi
exit 0
