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

# The programs of a real API server, for the tests of controllers: `hack/cluster/cluster kube` builds them.
export KUBEBUILDER_ASSETS ?= $(shell hack/cluster/cluster assets)

# The packages and their tests; e2e runs by itself, because its tests kill, stop and starve whole processes,
# e2e/cluster, because it needs a Kubernetes, and e2e/kafka, because it needs a Kafka.
UNIT := $$(go list ./... | grep -v -e '/e2e$$' -e '/e2e/cluster$$' -e '/e2e/kafka$$')
# Nothing of them comes from the cache of go test: they run programs, and hang on the moment at which they kill them.
E2E  := -count=1 -timeout=40m $$(go list ./e2e/... | grep -v -e '/e2e/cluster$$' -e '/e2e/kafka$$')
# A real Apache Kafka, which the tests start by hack/kafka/kafka: it wants Java 17, and Maven the first time.
CONNECTORS := -count=1 -timeout=40m ./engine/connector/kafka ./e2e/kafka
# The tests on a cluster wait for pods most of the time; -timeout bounds all of them.
CLUSTER := -count=1 -timeout=60m ./e2e/cluster
IMAGE ?= localhost/weir:$(VERSION)
CASES ?= 100
SEED ?= 1
FUZZTIME ?= 20000x
COUNT    ?= 6
SOAK     ?= 1h
RACE     ?= ./engine/... ./controllers/...

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

##@ Kubernetes

# The program of an image: weir, or one of a user's, whose main function is job.Main.
PROGRAM ?= ./cmd/weir

.PHONY: image
image: ## Build the image of PROGRAM (./cmd/weir), without a container engine: bin/<its name>-image.tar, named IMAGE.
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/$(notdir $(PROGRAM)) $(PROGRAM)
	@go run ./hack/image -name '$(IMAGE)' -ca-certificates -out bin/$(notdir $(PROGRAM))-image.tar bin/$(notdir $(PROGRAM))=/$(notdir $(PROGRAM))

.PHONY: cluster-up
cluster-up: image ## Bring a Kubernetes up (of KUBECONFIG, by kind, or on this machine: root and apt) and load the image.
	@hack/cluster/cluster up >/dev/null
	@hack/cluster/cluster load bin/weir-image.tar
	@printf '%s\n' '' 'The cluster is up and has the image $(IMAGE). What next:' \
		"  export KUBECONFIG=$$(hack/cluster/cluster kubeconfig) PATH=\$$PATH:$$(hack/cluster/cluster assets)" \
		'  kubectl get pods -A' \
		'  make demo          # install the operator, run the main job, kill it, upgrade it, check every row' \
		'  make cluster-down  # stop and remove it all'

.PHONY: cluster-down
cluster-down: ## Stop the cluster that cluster-up, demo or e2e has started, and remove it.
	@hack/cluster/cluster down

.PHONY: demo
demo: .bin/versitygw .bin/helm ## The main job on Kubernetes: killed, upgraded, rescaled, drained, every output row checked.
	@cd e2e/cluster && go test -count=1 -timeout=30m -run='^TestTheWalkthrough$$'

.PHONY: kube
kube: # The programs of KUBEBUILDER_ASSETS; ten minutes the first time.
	@hack/cluster/cluster kube >/dev/null

##@ Prove

.PHONY: test
test: .bin/versitygw .bin/helm kube ## Run all tests but those that need a cluster, on a real S3 server too, and sum them up in the last line.
	@go run ./hack/testsum -shuffle=on -count=1 -timeout=30m $(UNIT) -- -C hack/flights -count=1 ./... -- $(E2E)

.PHONY: test-unit
test-unit: .bin/versitygw .bin/helm kube ## Run the tests of the packages, without those that kill processes.
	@go run ./hack/testsum -shuffle=on -count=1 -timeout=30m $(UNIT)

.PHONY: test-connectors
test-connectors: .bin/versitygw ## Run the tests of connectors against real servers, which they start: Apache Kafka (needs Java 17 and Maven).
	@WEIR_KAFKA=real go run ./hack/testsum $(CONNECTORS)

.PHONY: e2e
e2e: .bin/versitygw .bin/helm ## Run the tests that kill, stop and starve whole processes and pods: here, and on a real cluster.
	@go run ./hack/testsum $(E2E) -- $(CLUSTER)

.PHONY: e2e-cluster
e2e-cluster: .bin/versitygw .bin/helm ## Run only the tests on a real cluster, which they start unless it is up.
	@go run ./hack/testsum $(CLUSTER)

.PHONY: soak
soak: .bin/versitygw ## Use jobs for SOAK (1h) as people do: edit, move, copy, damage, kill, two of everything; no row may be wrong.
	@SOAK=$(SOAK) go run ./hack/testsum -count=1 -timeout=24h ./e2e/soak

.PHONY: soak-cluster
soak-cluster: .bin/versitygw .bin/helm ## Delete, edit, scale and double the objects of a job on a real cluster for SOAK (1h); it must come back each time.
	@SOAK=$(SOAK) go run ./hack/testsum -count=1 -timeout=24h -run=TestWhatPeopleDoToAJobsObjectsLosesNoRow ./e2e/cluster

# -short runs each scenario of the operator once: faults at its writes are make test's, and races are in the scenario as well.
.PHONY: test-race
test-race: .bin/versitygw kube ## Run the tests of engine and operator (RACE chooses) under the race detector, which needs a C compiler.
	@cc=$$(go env CC); command -v "$${cc%% *}" >/dev/null || { \
		echo "the race detector did not run: there is no C compiler ($$cc); apt-get install gcc" >&2; exit 1; }
	@CGO_ENABLED=1 go run ./hack/testsum -race -short -shuffle=on -count=1 -timeout=30m $(RACE)

.PHONY: mutants
mutants: .bin/versitygw .bin/helm kube ## Break the code in known ways, one at a time: does a test notice? FAULTS='name...' or '-range main..HEAD' chooses.
	@go run ./hack/mutants $(FAULTS)

.PHONY: fuzz-short
fuzz-short: ## Fuzz every target for FUZZTIME (20000x: so many executions).
	@hack/fuzz.sh $(FUZZTIME)

.PHONY: fuzz-sql
fuzz-sql: ## Run CASES (100) random queries from SEED (1) on, through kills and rescales, and compare what they leave with DuckDB's; needs python3.
	@test -x .cache/duckdb/bin/python || { python3 -m venv .cache/duckdb && .cache/duckdb/bin/pip install -q duckdb==2.0.1; }
	@go build -o .cache/weir-fuzzed ./cmd/weir
	@.cache/duckdb/bin/python hack/fuzzsql/fuzz.py --weir .cache/weir-fuzzed --cases $(CASES) --seed $(SEED)

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

.PHONY: hundred
hundred: kube ## Run a hundred jobs under one operator, and print what that costs: passes, API requests, memory.
	@go test -count=1 -v -run='^TestAHundredJobs$$' ./controllers/streamjob | grep -e hundred_test -e '^ok' -e FAIL

##@ Keep house

.PHONY: generate
generate: .bin/controller-gen .bin/helm ## Write the generated files anew: copies of API types, CRDs, roles, plain manifests, sections of docs.
	.bin/controller-gen object paths=./api/...
	.bin/controller-gen crd paths=./api/... output:crd:dir=config/crd
	.bin/controller-gen rbac:roleName=weir-operator paths=./controllers/... output:rbac:dir=config/rbac
	mkdir -p charts/weir/generated && cp config/crd/weir.stream_*.yaml config/rbac/role.yaml charts/weir/generated/
	.bin/helm template weir charts/weir --namespace weir-system --set crds.install=false >config/manager/operator.yaml
	go generate ./...

.PHONY: clean
clean: ## Remove what was built, and the output of jobs; fetched data stays.
	rm -rf bin .bin .cache out

# Each tool is a module of its own under hack/tools, so that its dependencies bind nobody else's. It is built again
# when its go.mod or go.sum says something else than when it was built, which the name of its pin file tells.
TOOLS := golangci-lint benchstat versitygw controller-gen helm
pin = .bin/.pins/$(1)-$(shell cat hack/tools/$(1)/go.mod hack/tools/$(1)/go.sum | cksum | cut -d' ' -f1)
PINS := $(foreach tool,$(TOOLS),$(call pin,$(tool)))

.PHONY: tools
tools: $(addprefix .bin/,$(TOOLS)) ## Build the pinned tools into .bin.

.SECONDEXPANSION:
$(addprefix .bin/,$(TOOLS)): .bin/%: $$(call pin,$$*)
	@echo 'building $@ from its pinned source' >&2
	CGO_ENABLED=0 go build -C hack/tools/$* -o $(CURDIR)/$@ tool
	@touch $@

$(PINS):
	@mkdir -p $(@D); pin=$@; rm -f "$${pin%-*}"-*; touch $@
