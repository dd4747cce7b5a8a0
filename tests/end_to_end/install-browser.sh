# The browser tests need an installed Chromium or Chrome. On Debian, this script installs one if it
# runs as root; elsewhere these tests are skipped. In CI a missing browser is a failure.
set -eu

for browser in "${CHROMIUM_PATH:-}" chromium chromium-browser google-chrome google-chrome-stable; do
    if [ -n "$browser" ] && command -v "$browser" >/dev/null 2>&1; then exit 0; fi
done

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing Debian's chromium for the browser tests, once" >&2
    export DEBIAN_FRONTEND=noninteractive
    if apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends chromium >&2; then exit 0; fi
fi

echo "NO BROWSER: install Chromium or Chrome, or set CHROMIUM_PATH; the browser tests cannot run" >&2
if [ -n "${CI:-}" ]; then exit 1; fi
