#!/usr/bin/env bash
# Runs every fuzz target of the module for a while. A failing input is kept by go test under the package's testdata/fuzz:
# commit it with the fix.
#
# How long is a number of executions, not a time: go test reports the end of a time as a failure of the target if it falls into
# the minimising of an input ("context deadline exceeded"). For the same reason minimising is bounded by a number.
#
#   fuzz.sh [executions for each target, 20000x by default]
set -euo pipefail
cd "$(dirname "$0")/.."

fuzztime=${1:-20000x}
count=0
failed=()

while IFS=: read -r file target; do
	count=$((count + 1))
	echo "== $target in $(dirname "$file")"
	go test -run='^$' -fuzz="^$target\$" -fuzztime="$fuzztime" -fuzzminimizetime=20x "$(dirname "$file")" || failed+=("$target in $(dirname "$file")")
done < <(find . -name '*_test.go' -not -path './.*' -not -path './hack/flights/*' -exec grep -HE '^func Fuzz' {} + |
	sed -E 's/func (Fuzz[A-Za-z0-9_]*).*/\1/' | sort)

if ((count == 0)); then
	echo "fuzz: no target was found" >&2
	exit 1
fi
if ((${#failed[@]} > 0)); then
	printf 'fuzz: failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
echo "fuzz: $count targets, $fuzztime each: nothing found"
