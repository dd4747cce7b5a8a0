# The browser tests need an installed Chromium or Chrome; some also a Firefox and coturn. On Debian, this
# script installs what is missing if it runs as root; elsewhere these tests are skipped. In CI anything
# that is missing is a failure. Of a Chromium the headless shell is enough, and half as dear.
set -eu

found() {
    for program in "$@"; do
        if [ -n "$program" ] && command -v "$program" >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

packages=""
found "${CHROMIUM_PATH:-}" chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable || packages="$packages chromium-headless-shell"
found "${FIREFOX_PATH:-}" firefox-esr firefox || packages="$packages firefox-esr"
found turnserver || packages="$packages coturn"
if [ -z "$packages" ]; then exit 0; fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing$packages for the browser tests, once" >&2
    export DEBIAN_FRONTEND=noninteractive
    if apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends $packages >&2; then exit 0; fi
fi

echo "NOT INSTALLED:$packages; the tests that need them cannot run. CHROMIUM_PATH and FIREFOX_PATH can name a browser" >&2
if [ -n "${CI:-}" ]; then exit 1; fi
