#!/usr/bin/env bash
# Java 17 for the Spark cluster of tests/prep, where the machine has none: Debian's package, as root.
set -euo pipefail
if command -v java >/dev/null; then exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "The Spark tests need Java 17 or newer: install a JRE and put 'java' on the PATH" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless >/dev/null
