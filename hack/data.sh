#!/usr/bin/env bash
# Fetches the flight records of the npm package vega-datasets and writes them into .data as JSON lines in the order of
# arrival, 16 files each: .data/flights-20k and .data/flights-3m. What the fields mean: hack/flights/main.go.
set -euo pipefail
cd "$(dirname "$0")/.."

version=3.2.1
archive=.data/vega-datasets-$version.tgz

if [[ ! -f $archive ]]; then
	if ! command -v npm >/dev/null; then
		echo "make data: npm is missing: install Node.js, or put the package vega-datasets $version, as 'npm pack' writes it, at $archive" >&2
		exit 1
	fi
	incoming=.data/incoming
	mkdir -p "$incoming"
	npm pack --silent --pack-destination "$incoming" "vega-datasets@$version"
	mv "$incoming/vega-datasets-$version.tgz" "$archive" # under its name only when it is whole
	rmdir "$incoming"
fi

for set in flights-20k flights-3m; do
	go run -C hack/flights . -package "$PWD/$archive" -set "$set" -files 16 -out "$PWD/.data/$set"
done
