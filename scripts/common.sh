# shellcheck shell=bash
# Shared by the scripts of this folder (sourced, not run): messages, packages, configuring a build.
# A script sets `program` and, from its options, `install_policy` (ask, yes or no) before it calls these.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${program:-$(basename "$0")}
install_policy=${install_policy:-ask}

# What one clone compiled serves another: ccache then sees paths relative to the repository.
export CCACHE_BASEDIR=${CCACHE_BASEDIR:-$repository} CCACHE_NOHASHDIR=${CCACHE_NOHASHDIR:-1}

say() { printf '==> %s\n' "$*"; }

fail() {  # one line to stderr, exit 2: the request cannot be carried out
  printf '%s: %s\n' "$program" "$*" >&2
  exit 2
}

packages_of() {  # packages_of GROUP...: the names in packages.txt, without those that a command replaces
  local group of package replaced_by
  for group in "$@"; do
    while read -r of package replaced_by; do
      [[ $of == "$group" ]] || continue
      [[ -n $replaced_by ]] && command -v "$replaced_by" >/dev/null || printf '%s\n' "$package"
    done <"$repository/scripts/packages.txt"
  done
}

missing_of() {  # missing_of PACKAGE...: those that dpkg does not have
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status} ' "$package" 2>/dev/null || true) == *"installed "* ]] ||
      printf '%s\n' "$package"
  done
}

install_line() {  # the command for whoever runs this, as root or through sudo
  local sudo='sudo '
  [[ $(id -u) == 0 ]] && sudo=''
  printf '%sapt-get install -y --no-install-recommends %s\n' "$sudo" "$*"
}

apt_get() {  # never asks a question that nobody can answer
  local as_root=()
  if [[ $(id -u) != 0 ]]; then
    command -v sudo >/dev/null || fail "needs root or sudo to install packages; as root: apt-get $*"
    as_root=(sudo)
    [[ -t 0 ]] || as_root+=(-n)
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

ensure_packages() {  # ensure_packages GROUP...: all installed afterwards, or the script has ended
  local packages missing answer
  mapfile -t packages < <(packages_of "$@")
  if ! command -v dpkg-query >/dev/null; then
    say "This is not Debian or Ubuntu; going on with what CMake finds. Debian's names of what is needed:"
    printf '    %s\n' "${packages[*]}"
    return
  fi
  mapfile -t missing < <(missing_of "${packages[@]}")
  [[ ${#missing[@]} -gt 0 ]] || return 0

  say "Missing packages (${#missing[@]}):"
  printf '    %s\n' "${missing[@]}"
  if [[ $install_policy == ask && -t 0 ]]; then
    read -r -p "Install them now? [Y/n] " answer || answer=n
    [[ -z $answer || $answer == [Yy]* ]] && install_policy=yes
  fi
  if [[ $install_policy != yes ]]; then
    printf 'Install them with:\n    %s\n' "$(install_line "${missing[@]}")"
    [[ $install_policy == ask && ! -t 0 ]] && printf 'or run this again with --yes.\n'
    exit 2
  fi
  apt_get update -q
  apt_get install -y -q --no-install-recommends "${missing[@]}"
}

configure() {  # configure PRESET [cmake arguments]: into build/PRESET, with Ninja where it is installed
  local preset=$1 generator=Ninja cache=$repository/build/$1/CMakeCache.txt
  shift
  if [[ -f $cache ]]; then
    generator=$(sed -n 's/^CMAKE_GENERATOR:INTERNAL=//p' "$cache")
  elif ! command -v ninja >/dev/null; then
    generator='Unix Makefiles'
  fi
  (cd "$repository" && cmake --preset "$preset" -G "$generator" "$@")
}

build() {  # build PRESET [cmake --build arguments]
  local preset=$1
  shift
  cmake --build "$repository/build/$preset" --parallel "$(nproc)" "$@"
}
