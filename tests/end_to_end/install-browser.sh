# The browser tests need an installed Chromium or Chrome; some also a Firefox and coturn. On Debian, this
# script installs what is missing if it runs as root; elsewhere these tests are skipped. In CI anything
# that is missing is a failure.
set -eu

found() {
    for program in "$@"; do
        if [ -n "$program" ] && command -v "$program" >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

# Chromium's headless shell takes half of the CPU time of a Chromium, which is enough where there is no other.
packages=""
found "${CHROMIUM_PATH:-}" chromium-headless-shell || packages="$packages chromium-headless-shell"
found "${FIREFOX_PATH:-}" firefox-esr firefox || packages="$packages firefox-esr"
found turnserver || packages="$packages coturn"
if [ -z "$packages" ]; then exit 0; fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing$packages for the browser tests, once" >&2
    export DEBIAN_FRONTEND=noninteractive
    if apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends $packages >&2; then exit 0; fi
fi

missing=""
found "${CHROMIUM_PATH:-}" chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable || missing="$missing Chromium"
found "${FIREFOX_PATH:-}" firefox-esr firefox || missing="$missing Firefox"
found turnserver || missing="$missing coturn"
if [ -z "$missing" ]; then exit 0; fi
echo "NOT INSTALLED:$missing; the tests that need them cannot run. CHROMIUM_PATH and FIREFOX_PATH can name a browser" >&2
if [ -n "${CI:-}" ]; then exit 1; fi
