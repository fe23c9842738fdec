#!/usr/bin/env bash
# Builds the foreign peers into build/peers/, each only when its sources have changed since.
#
#   build.sh               all of them
#   build.sh go kubo       only these (of: go kubo rust js hardhat)
#
# Compilers that a fresh Debian 12 lacks come from package registries: Go from the Go module proxy (fetched by Debian's
# old Go, whose checksum database check covers it), Rust from Debian itself (rustc-web, in bookworm-security), Node as
# the npm package node@22. What can't be had is said and skipped, and the exit code is 1.
set -euo pipefail

peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$peers/../../.." && pwd)
out=${KITH_PEERS:-$root/build/peers}
jobs=${KITH_JOBS:-$(nproc)}
mkdir -p "$out"

fail() {
  echo "build.sh: $*" >&2
  return 1
}

# Whether version $1 is at least version $2.
at_least() {
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

install_debian() {
  local sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  echo "build.sh: installing Debian's $*" >&2
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2
}

# The Go of go.mod's `go` line or a newer one. Sets $go.
find_go() {
  local wanted have
  wanted=$(awk '$1 == "go" { print $2; exit }' "$peers/go/go.mod")
  go=$(command -v go || true)
  if [ -z "$go" ]; then
    install_debian golang-go ca-certificates
    go=$(command -v go)
  fi
  have=$("$go" env GOVERSION | sed 's/^go//')
  if at_least "$have" "$wanted"; then
    return
  fi
  if at_least "$have" 1.21; then
    export GOTOOLCHAIN=auto # It fetches the one that go.mod asks for by itself.
    return
  fi
  # Debian's Go is too old to switch by itself, but it can fetch the newer one as what it is, a module.
  local toolchain=$out/toolchain-go$wanted
  if [ ! -x "$toolchain/bin/go" ]; then
    local module=golang.org/toolchain@v0.0.1-go$wanted.$("$go" env GOOS)-$("$go" env GOARCH) dir
    dir=$(cd "$out" && "$go" mod download -json "$module" | sed -n 's/^\t*"Dir": "\(.*\)",*$/\1/p')
    [ -n "$dir" ] || fail "the Go module proxy gave no $module"
    rm -rf "$toolchain"
    cp -r "$dir" "$toolchain.part"
    chmod -R u+w "$toolchain.part"
    # A module's zip keeps neither the executable bits nor nested go.mod files, which stand there as _go.mod.
    find "$toolchain.part/bin" "$toolchain.part/pkg/tool" -type f -exec chmod +x {} +
    find "$toolchain.part" -name _go.mod -execdir mv _go.mod go.mod ';'
    mv "$toolchain.part" "$toolchain"
  fi
  go=$toolchain/bin/go
  export GOTOOLCHAIN=local
}

build_go_program() {
  find_go
  # What it downloads, hundreds of lines, is of interest only if it fails.
  (cd "$peers/go" && CGO_ENABLED=0 "$go" build -p "$jobs" -trimpath -buildvcs=false -o "$out/$1" "$2") > "$out/$1.log" 2>&1 ||
    { cat "$out/$1.log" >&2; fail "go build $2 failed"; }
}

build_go() {
  build_go_program golibp2p-peer ./cmd/golibp2p-peer
}

build_kubo() {
  build_go_program ipfs github.com/ipfs/kubo/cmd/ipfs
}

build_rust() {
  local wanted have
  wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$peers/rust/Cargo.toml")
  command -v cargo > /dev/null || install_debian cargo-web rustc-web gcc libc6-dev
  have=$(rustc --version | cut -d ' ' -f 2)
  at_least "$have" "$wanted" ||
    { fail "Rust is $have, the peer needs $wanted; Debian 12 has it as rustc-web and cargo-web in bookworm-security"; return 1; }
  (cd "$peers/rust" && CARGO_TARGET_DIR=$out/rust-target cargo build --release --locked --jobs "$jobs")
  cp "$out/rust-target/release/rustlibp2p-peer" "$out/rustlibp2p-peer.part"
  mv "$out/rustlibp2p-peer.part" "$out/rustlibp2p-peer"
}

build_js() {
  command -v npm > /dev/null || install_debian npm ca-certificates
  # No package's scripts run but node's own, which fetches the program for this processor.
  (cd "$peers/js" && npm ci --no-audit --no-fund --ignore-scripts && npm rebuild node --foreground-scripts) > "$out/npm.log" 2>&1 ||
    { cat "$out/npm.log" >&2; fail "npm failed"; return 1; }
  "$peers/js/node_modules/.bin/node" --version | grep -q '^v22\.' || fail "node@22 is not there"
}

build_hardhat() {
  # With an older Node than Hardhat asks for, npm leaves parts of it out.
  local bin=$peers/js/node_modules/.bin
  [ -x "$bin/node" ] || { fail "hardhat runs on the Node of the peer js: build that first"; return 1; }
  (cd "$peers/hardhat" && PATH=$bin:$PATH npm ci --no-audit --no-fund --ignore-scripts) > "$out/npm-hardhat.log" 2>&1 ||
    { cat "$out/npm-hardhat.log" >&2; fail "npm failed"; }
}

# What a peer is made of, as one digest.
sources_of() {
  local folder
  case $1 in
    go | kubo) folder=go ;;
    *) folder=$1 ;;
  esac
  # The JavaScript programs run as they are; only the packages are installed.
  find "$peers/$folder" "$peers/build.sh" \( -name node_modules -o -name '*.mjs' \) -prune -o -type f -print0 |
    sort -z | xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1
}

product_of() {
  case $1 in
    go) echo "$out/golibp2p-peer" ;;
    kubo) echo "$out/ipfs" ;;
    rust) echo "$out/rustlibp2p-peer" ;;
    js) echo "$peers/js/node_modules/.bin/node" ;;
    hardhat) echo "$peers/hardhat/node_modules/hardhat/package.json" ;;
  esac
}

failed=0
for peer in "${@:-go kubo rust js hardhat}"; do
  for name in $peer; do
    case $name in
      go | kubo | rust | js | hardhat) ;;
      *) fail "unknown peer $name; there are go, kubo, rust, js and hardhat" || exit 2 ;;
    esac
    stamp=$out/.$name.built
    digest=$(sources_of "$name")
    if [ -e "$(product_of "$name")" ] && [ "$(cat "$stamp" 2> /dev/null)" = "$digest" ]; then
      echo "$name: up to date"
      continue
    fi
    start=$SECONDS
    # In a shell of its own, so that a step that fails ends this peer and not the others. As the condition of an `if`
    # it would go on after failed steps.
    set +e
    (set -e; "build_$name")
    code=$?
    set -e
    if [ "$code" = 0 ]; then
      echo "$digest" > "$stamp"
      echo "$name: built in $(awk "BEGIN { printf \"%.1f\", ($SECONDS - $start) / 60 }") minutes"
    else
      echo "$name: NOT built"
      failed=1
    fi
  done
done
exit $failed
