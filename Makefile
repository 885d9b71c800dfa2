# Everything that this project does to itself. `make help` lists the targets. A fresh machine needs Go, git, make and the
# usual Unix tools; what else a target needs, it fetches and builds.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-builtin-rules

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

# The version comes from git above; the toolchain's own stamping fails in a checkout that belongs to another user.
export GOFLAGS := -buildvcs=false $(GOFLAGS)

# The engine's packages and their tests; e2e runs by itself, because its tests kill, stop and starve whole processes.
UNIT := $$(go list ./... | grep -v '/e2e$$')
FUZZTIME ?= 20000x
COUNT    ?= 6

##@ Use

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/weir, a static binary.
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/weir ./cmd/weir

.PHONY: run-example
run-example: build ## Run the main job: delays per airport and hour from real flight records, into out/flight-delays.
	bin/weir run -f examples/flight-delays/streamjob.yaml

.PHONY: data
data: ## Fetch the real data sets into .data (needs npm; 17 MB down, 300 MB on disk).
	hack/data.sh

##@ Prove

.PHONY: test
test: .bin/versitygw ## Run all tests, on a real S3 server too, and sum them up in the last line.
	@go run ./hack/testsum -shuffle=on $(UNIT) -- -C hack/flights ./... -- -timeout=40m ./e2e/...

.PHONY: test-unit
test-unit: .bin/versitygw ## Run the tests of the packages, without those that kill processes.
	@go run ./hack/testsum -shuffle=on $(UNIT)

.PHONY: e2e
e2e: .bin/versitygw ## Run the tests that kill, stop and starve whole processes.
	@go run ./hack/testsum -timeout=40m ./e2e/...

.PHONY: test-race
test-race: .bin/versitygw ## Run the tests of the packages under the race detector (needs a C compiler).
	@go run ./hack/testsum -race -shuffle=on -timeout=30m $(UNIT)

.PHONY: fuzz-short
fuzz-short: ## Fuzz every target for FUZZTIME (20000x: so many executions).
	@hack/fuzz.sh $(FUZZTIME)

.PHONY: lint
lint: .bin/golangci-lint ## Check style, and the direction of imports.
	go test ./hack/house
	GOLANGCI_LINT_CACHE=$(CURDIR)/.cache/golangci-lint .bin/golangci-lint run ./...
	cd hack/flights && GOLANGCI_LINT_CACHE=$(CURDIR)/.cache/golangci-lint ../../.bin/golangci-lint run --config ../../.golangci.yml ./...

.PHONY: verify
verify: ## Check that formatting, go.mod and generated files are as the tools would write them.
	@hack/verify.sh

.PHONY: bench
bench: ## Measure the engine against hand-written loops that do the same work, as ratios from one run.
	go run ./bench

.PHONY: microbench
microbench: .bin/benchstat ## Run the packages' benchmarks COUNT (6) times on one core and on two, into .cache/microbench.txt.
	@mkdir -p .cache
	go test -run='^$$' -bench=. -benchmem -cpu=1,2 -count=$(COUNT) -timeout=2h \
		$$(find . -name '*_test.go' -not -path './.*' -exec grep -l '^func Benchmark' {} + | xargs -n1 dirname | sort -u) | tee .cache/microbench.txt
	.bin/benchstat .cache/microbench.txt

##@ Keep house

.PHONY: generate
generate: ## Write the generated files anew.
	go generate ./...

.PHONY: tools
tools: .bin/golangci-lint .bin/benchstat .bin/versitygw ## Build the pinned tools into .bin.

.PHONY: clean
clean: ## Remove what was built, and the output of jobs; fetched data stays.
	rm -rf bin .bin .cache out

# Each tool is a module of its own under hack/tools, so that its dependencies bind nobody else's. It is built again
# when its go.mod or go.sum says something else than when it was built, which the name of its pin file tells.
TOOLS := golangci-lint benchstat versitygw
pin = .bin/.pins/$(1)-$(shell cat hack/tools/$(1)/go.mod hack/tools/$(1)/go.sum | cksum | cut -d' ' -f1)
PINS := $(foreach tool,$(TOOLS),$(call pin,$(tool)))

.SECONDEXPANSION:
$(addprefix .bin/,$(TOOLS)): .bin/%: $$(call pin,$$*)
	CGO_ENABLED=0 go build -C hack/tools/$* -o $(CURDIR)/$@ tool
	@touch $@

$(PINS):
	@mkdir -p $(@D); pin=$@; rm -f "$${pin%-*}"-*; touch $@
