#!/usr/bin/env bash
# Installs the release build into a folder of its own, builds the examples against what came there, by CMake and by
# pkg-config, and lets two of each talk to each other on loopback.
#   tests/install/test_install.sh [--junit FILE] [BUILD]      BUILD: the build folder, build/release if not given; brought
#                                                             up to date first
# Ends with one line: N passed, N failed, N skipped.
set -uo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
junit=
[ "${1:-}" = --junit ] && { junit=$2; shift 2; }
build=${1:-build/release}
cxx=${CXX:-clang++-19}
work=$(mktemp -d)
passed=0
failed=0
cases=
serving=

stop_serving() {
  [ -n "$serving" ] || return 0
  kill "$serving" 2>/dev/null
  wait "$serving"
  local code=$?
  serving=
  return $code
}
clean_up() { stop_serving; rm -rf "$work"; }
trap clean_up EXIT

# check NAME COMMAND...: one test; what it says is shown when it fails.
check() {
  local name=$1
  shift
  if "$@" >"$work/output" 2>&1; then
    passed=$((passed + 1))
    cases+="<testcase classname=\"install\" name=\"$name\"/>"
    echo "ok      $name"
  else
    failed=$((failed + 1))
    cases+="<testcase classname=\"install\" name=\"$name\"><failure/></testcase>"
    echo "FAILED  $name"
    tail -30 "$work/output"
  fi
}
finish() {
  [ -z "$junit" ] || printf '<testsuite name="install">%s</testsuite>\n' "$cases" >"$junit"
  echo "$passed passed, $failed failed, 0 skipped"
  [ "$failed" -eq 0 ]
  exit
}
need() { [ "$failed" -eq 0 ] || finish; }

install_build() { cmake --build "$build" -j2 && cmake --install "$build" --prefix "$work/prefix"; }

# A program outside sees every installed header on its own path, and nothing else of ours.
headers_are_whole() {
  (cd "$work/prefix/include" && find kith -name '*.hpp' ! -name testing.hpp | sort | sed 's/.*/#include <&>/') >"$work/all.cpp"
  [ -s "$work/all.cpp" ] && "$cxx" -std=c++23 -fsyntax-only -I"$work/prefix/include" "$work/all.cpp"
}

build_example() {
  cmake -G Ninja -S "examples/$1" -B "$work/$1" -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_PREFIX_PATH="$work/prefix" && cmake --build "$work/$1" -j2
}

every_component_links() {
  mkdir -p "$work/every"
  cat >"$work/every/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(every LANGUAGES CXX)
find_package(kith REQUIRED)
file(WRITE ${CMAKE_BINARY_DIR}/main.cpp "int main() {}")
add_executable(every ${CMAKE_BINARY_DIR}/main.cpp)
foreach(module IN LISTS _kith_modules)
  target_link_libraries(every PRIVATE kith::${module})
endforeach()
END
  cmake -G Ninja -S "$work/every" -B "$work/every/build" -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_PREFIX_PATH="$work/prefix" \
    && cmake --build "$work/every/build"
}

unknown_component_is_refused() {
  mkdir -p "$work/unknown"
  printf 'cmake_minimum_required(VERSION 3.25)\nproject(unknown LANGUAGES CXX)\nfind_package(kith REQUIRED COMPONENTS nonsense)\n' \
    >"$work/unknown/CMakeLists.txt"
  ! cmake -G Ninja -S "$work/unknown" -B "$work/unknown/build" -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_PREFIX_PATH="$work/prefix"
}

# The installation is moved first: neither way of finding it may know where it was.
build_by_pkg_config() {
  export PKG_CONFIG_PATH=$work/moved/lib/pkgconfig
  [ -f "$PKG_CONFIG_PATH/kith-host.pc" ] || PKG_CONFIG_PATH=$(dirname "$(find "$work/moved" -name kith-host.pc)")
  local flags libraries
  flags=$(pkg-config --cflags kith-host) && libraries=$(pkg-config --libs kith-host) || return 1
  # shellcheck disable=SC2086
  "$cxx" -std=c++23 -O1 $flags "$root/examples/ping/main.cpp" $libraries -o "$work/ping-by-pkg-config"
}

# serve LINES COMMAND...: starts it and waits until it has printed that many lines, into the array `said`.
serve() {
  local lines=$1
  shift
  # What the one before said must not be taken for this one's.
  : >"$work/said"
  "$@" >"$work/said" 2>"$work/serving.log" &
  serving=$!
  for _ in $(seq 100); do
    [ "$(wc -l <"$work/said")" -ge "$lines" ] && break
    kill -0 "$serving" 2>/dev/null || break
    sleep 0.1
  done
  mapfile -t said <"$work/said"
  [ "${#said[@]}" -ge "$lines" ] || { cat "$work/serving.log"; return 1; }
}

two_ping() {
  serve 1 "$1" && "$2" "${said[0]}" 5 >"$work/pings" || return 1
  cat "$work/pings"
  grep -q '^ping-example/1 speaks' "$work/pings" && [ "$(grep -c ' ms$' "$work/pings")" = 5 ] && stop_serving
}

two_echo() {
  serve 1 "$work/echo-protocol/echo-protocol" || return 1
  [ "$("$work/echo-protocol/echo-protocol" "${said[0]}" one "two words" "")" = $'one\ntwo words' ] && stop_serving
}

two_share() {
  local program=$work/share-a-file/share-a-file
  head -c 5000000 /dev/urandom >"$work/file"
  serve 2 "$program" "$work/store-1" add "$work/file" || return 1
  "$program" "$work/store-2" get "${said[0]}" "${said[1]}" >"$work/fetched" || return 1
  cmp "$work/file" "$work/fetched" && stop_serving
}

two_request() {
  serve 1 "$work/request-response/request-response" || return 1
  local now
  now=$("$work/request-response/request-response" "${said[0]}") || return 1
  [ $(($(date +%s) - now)) -lt 60 ] && stop_serving
}

# Whoever comes to a room is heard once the one who is there has heard of it.
two_meet_in_a_room() {
  local program=$work/pubsub/pubsub
  serve 1 bash -c "exec '$program' lobby < <(sleep 30)" || return 1
  { sleep 2; echo "good evening"; sleep 1; } | "$program" lobby "${said[0]##* }" >/dev/null || return 1
  cat "$work/said"
  grep -q ': good evening$' "$work/said" && stop_serving
}

# The second begins with the first, and finds it under the name.
two_find_each_other() {
  local program=$work/find/find first
  serve 1 "$program" chess || return 1
  first=${said[0]##* }
  "$program" chess "$first" >"$work/found" &
  local second=$!
  for _ in $(seq 100); do
    grep -q ' says hello$' "$work/said" && break
    sleep 0.1
  done
  kill "$second" && wait "$second" || return 1
  cat "$work/found" "$work/said"
  grep -q "^found ${first##*/}\$" "$work/found" && grep -q ' says hello$' "$work/said" && stop_serving
}

# It asks the router for a port: in a network of its own there is none.
two_chat() {
  serve 1 unshare -n bash -c "ip link set lo up; exec '$work/chat/chat' < <(sleep 30)" || return 1
  echo hello | nsenter -t "$serving" -n "$work/chat/chat" call "${said[0]##* }" || return 1
  for _ in $(seq 50); do
    grep -qx '< hello' "$work/said" && break
    sleep 0.1
  done
  cat "$work/said"
  grep -qx '< hello' "$work/said" && stop_serving
}

ping_a_stranger_fails() {
  "$work/ping/ping" /ip4/127.0.0.1/tcp/1/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA
  [ $? -eq 1 ]
}

check "the release build installs" install_build
need
check "installed headers need nothing that isn't installed" headers_are_whole
check "every component is found and links" every_component_links
check "a component that doesn't exist is refused" unknown_component_is_refused
for example in ping echo-protocol request-response pubsub find chat share-a-file; do
  check "$example builds by find_package" build_example "$example"
done
mv "$work/prefix" "$work/moved"
check "ping builds by pkg-config" build_by_pkg_config
need
check "two of ping ping each other" two_ping "$work/ping/ping" "$work/ping-by-pkg-config"
check "ping fails where nobody is" ping_a_stranger_fails
check "two of echo-protocol talk" two_echo
check "two of request-response ask and answer" two_request
check "two of pubsub meet in a room" two_meet_in_a_room
check "two of find find each other by a name" two_find_each_other
if [ "$(id -u)" = 0 ]; then check "two of chat talk by QUIC" two_chat; fi
check "two of share-a-file share a file" two_share
finish
