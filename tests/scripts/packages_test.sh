#!/usr/bin/env bash
# Missing packages are named, never installed unasked, and installed in one go with --yes.
set -euo pipefail
# shellcheck source=tests/scripts/expect.sh
source "$(dirname "${BASH_SOURCE[0]}")/expect.sh"
stand_in cmake <<<'echo "cmake must not run yet"; exit 99'
stand_in apt-get <<'END'
echo "apt-get $*" >>"$(dirname "$0")/../apt.log"
[[ $* != *install* ]] || exit 9
END
stand_in id <<<'echo 0'
stand_in dpkg-query <<'END'
for package; do :; done
[[ $package == libfmt-dev || $package == g++ ]] && exit 1
echo -n "installed "
END

for script in run_interactive_timing_analysis.sh run_tests.sh; do
  path="$repository/scripts/$script"
  expect "$script --no-install ends" 2 'Missing packages \(2\)' "$path" --no-install
  expect "$script --no-install prints the line" 2 \
    '^ +apt-get install -y --no-install-recommends g\+\+ libfmt-dev$' "$path" --no-install
  expect "$script with nobody to ask ends" 2 'run this again with --yes' "$path"
done
holds 'apt-get never runs unasked' test ! -e "$scratch/apt.log"

expect '--yes updates and installs' 9 '' "$repository/scripts/run_tests.sh" --yes
holds '--yes updates the lists' grep -q 'update' "$scratch/apt.log"
holds '--yes installs what is missing, at once' \
  grep -q 'install -y -q --no-install-recommends g++ libfmt-dev$' "$scratch/apt.log"

stand_in id <<<'echo 1000'
stand_in sudo <<<'echo "sudo $*"; exit 1'
expect 'the line uses sudo for a user' 2 'sudo apt-get install' "$repository/scripts/run_tests.sh" --no-install
expect 'sudo never waits for a password nobody can type' 1 '^sudo -n env' "$repository/scripts/run_tests.sh" --yes

stand_in dpkg-query <<<'echo -n "installed "'
rm "$scratch/apt.log"
expect 'nothing missing: on to the build' 2 'cmake must not run yet' "$repository/scripts/run_tests.sh" --yes
holds 'nothing missing: apt-get does not run' test ! -e "$scratch/apt.log"
finish
