#!/usr/bin/env bash
# Checks that every file is as the tools would write it: formatted, vetted, with tidy go.mod files and fresh generated
# files. All checks run; the first line of each failure says what to do.
set -euo pipefail
cd "$(dirname "$0")/.."

modules=(. hack/flights) # those under hack/tools hold pins only, and that of hack/cluster is built by every end-to-end test
failed=0

fail() {
	echo "verify: $1" >&2
	failed=1
}

# contents lists the checksum of every file that is or would be committed.
contents() {
	git ls-files --cached --others --exclude-standard -z | sort -z | xargs -0 sha256sum 2>/dev/null || true
}

unformatted=$(gofmt -l .)
if [[ -n $unformatted ]]; then
	fail "run gofmt -w on:"
	echo "$unformatted" >&2
fi

for module in "${modules[@]}"; do
	go -C "$module" vet ./... || fail "go vet complains in $module"
	go -C "$module" mod tidy -diff || fail "run go mod tidy in $module"
done

before=$(contents)
make --no-print-directory generate >/dev/null || fail "make generate fails"
if ! stale=$(diff <(echo "$before") <(contents)); then
	fail "generated files were stale and are fresh now: commit them"
	grep '^>' <<<"$stale" >&2 || true
fi

if ((failed)); then
	exit 1
fi
echo "verify: formatted, vetted, tidy, generated files fresh"
