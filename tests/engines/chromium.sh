#!/usr/bin/env bash
# Chromium for tests/lab, where the machine has none: Debian's package as root, else Playwright's own download.
set -euo pipefail
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
else
  "$(dirname "$0")/../../.venv/bin/python" -m playwright install chromium
fi
