# Needs Go, make and, for the race detector, a C compiler. Modules, tools and servers are fetched by themselves.

BIN := $(CURDIR)/.bin
GOLANGCI_LINT_VERSION := v2.15.0
GOFUMPT_VERSION       := v0.12.0
GOVULNCHECK_VERSION   := v1.9.0
GOTESTSUM_VERSION     := v1.13.0
FUZZTIME ?= 10s

# A tool is named by its version, so that changing the version installs it anew.
LINT  := $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION)
FUMPT := $(BIN)/gofumpt-$(GOFUMPT_VERSION)
VULN  := $(BIN)/govulncheck-$(GOVULNCHECK_VERSION)
SUM   := $(BIN)/gotestsum-$(GOTESTSUM_VERSION)

GOTEST := $(CURDIR)/.ci/gotest $(SUM)

# Many tests wait for a time to pass, so more of them run at once than there are processors.
AT_ONCE := -p 4 -parallel 8

# The modules that users import.
PUBLISHED := $(shell cat .ci/published)

.PHONY: test test-all long clients services check format vet lint race narrow api api-diff vuln newest newest-move toolchains release-check release-move fuzz bench bench-smoke benchmarks measure measure-purge fmt

test: $(SUM)     ## the tests of what users import, without the long searches
	@printf '%s\n' $(PUBLISHED) | xargs -P 2 -I{} bash -c 'set -o pipefail; cd {} && GOGC=400 $(GOTEST) -short $(AT_ONCE) ./... 2>&1 | sed -u "s|^|{}: |"'
	@echo "Left out: the long searches, the race detector, examples with servers, stores on real servers, proxies, browsers, the senders' SDKs. make test-all runs them."

test-all: race long clients ## every test there is, with real servers: the better part of an hour

race: services $(SUM) ## the tests of every module under the race detector, in random order
	@for dir in $(PUBLISHED); do echo "== race: $$dir"; (cd $$dir && $(GOTEST) -race -shuffle=on $(AT_ONCE) -timeout 30m ./...) || exit 1; done
	@# The others mostly wait for the servers that they start: two at a time, each one package at a time.
	@JOBS=2 SKIP="$(PUBLISHED)" .ci/modules $(GOTEST) -race -shuffle=on -p 1 -timeout 40m ./...

long: services   ## whole, what -short and the race detector make brief
	@echo "== long searches, and what is counted"
	@.ci/long

clients: services ## the oldest go-redis that is supported, and Valkey in the place of Redis
	@echo "== integration: the oldest go-redis that is supported"
	cd integration && go test -modfile=go-redis-9.7.mod -run Redis .
	@echo "== integration: Valkey in the place of Redis"
	@if command -v valkey-server >/dev/null; then cd integration && HOOKONCE_REDIS=valkey go test -run Redis .; \
	else echo "valkey-server is not installed, and Debian's backports cannot be reached: skipped"; fi

services:        ## installs the servers that the tests start, where that is possible
	@.ci/services

check: format vet lint api-diff vuln narrow race ## everything that a change must pass

format:          ## fails if a file is not formatted; `make fmt` formats
	@echo "== format"
	@unformatted="$$($(MAKE) -s $(FUMPT) && git ls-files -co --exclude-standard '*.go' | xargs $(FUMPT) -l)" || exit 1; \
	test -z "$$unformatted" || { echo "not formatted, run make fmt:"; echo "$$unformatted"; exit 1; }

fmt: $(FUMPT)
	git ls-files -co --exclude-standard '*.go' | xargs $(FUMPT) -w

vet:
	@echo "== vet"
	go vet ./...
	@.ci/modules go vet ./...

lint: $(LINT)
	@echo "== lint"
	$(LINT) run ./...
	@.ci/modules $(LINT) run -c $(CURDIR)/.golangci.yml ./...

# What must work with words of 32 bits. Where this machine cannot run that, it is only compiled.
NARROW := ./core ./nethttp ./stores/memstore

narrow:          ## core, nethttp and memstore where an int has 32 bits
	@echo "== 32 bits"
	@case "$$(go env GOHOSTOS)/$$(go env GOHOSTARCH)" in \
	linux/amd64|linux/386) CGO_ENABLED=0 GOOS=linux GOARCH=386 go test $(NARROW);; \
	*) echo "compiled only: this machine runs no 386"; CGO_ENABLED=0 GOOS=linux GOARCH=386 go vet $(NARROW);; \
	esac

api:             ## writes the listing of everything exported
	go run ./internal/apilist $(PUBLISHED) > api.txt

api-diff:        ## shows what a change does to the listing
	@echo "== api"
	@listing="$$(mktemp)"; trap 'rm -f "$$listing"' EXIT; \
	go run ./internal/apilist $(PUBLISHED) > "$$listing" || exit 1; diff -u api.txt "$$listing" || \
	{ echo "the exported API differs from api.txt: if that is meant, run make api and say it in CHANGELOG.md"; exit 1; }

vuln: $(VULN)    ## known vulnerabilities, where the database can be reached
	@echo "== vulnerabilities"
	@.ci/vuln $(VULN)

newest: services ## the tests of every module once more, with the newest versions that newest.mod pins
	@echo "== newest dependencies"
	@.ci/newest

newest-move:     ## moves those pins to what is newest today
	@.ci/newest move

toolchains:      ## the tests of what users import, with the oldest and the newest Go
	@echo "== other versions of Go"
	@.ci/toolchains

release-check: services ## proves on a local module proxy that VERSION=v0.1.0 can be released; publishes nothing
	@test -n "$(VERSION)" || { echo "say which: make release-check VERSION=v0.1.0"; exit 2; }
	cd integration/release && go test -count=1 -v -timeout 90m . -release $(VERSION)

release-move:    ## makes the nested modules require the root at VERSION=v0.2.0
	@test -n "$(VERSION)" || { echo "say which: make release-move VERSION=v0.2.0"; exit 2; }
	git ls-files '*go.mod' '*newest.mod' | xargs sed -i -E 's#^(\s*(require )?github.com/hookonce/hookonce(/[a-z0-9/]+)?) v[0-9]\S*( // indirect)?$$#\1 $(VERSION)\4#'

fuzz:            ## every fuzz target in turn, for FUZZTIME each
	@.ci/fuzz $(FUZZTIME)

bench: services  ## hookonce beside its peers, in under ten minutes, on a machine that does nothing else; writes docs/benchmarks.md
	cd bench && go run . -docs ../docs

bench-smoke: services ## does every part of that run, and do allocations keep to their budgets?
	@echo "== bench: allocations keep to their budgets"
	cd bench && go test -count=1 ./...

benchmarks:      ## every benchmark of the packages
	@for dir in $(PUBLISHED); do (cd $$dir && go test -run='^$$' -bench=. -benchmem ./...) || exit 1; done

measure: services ## every store beside the bare command of its engine, in one run; BASE=commit puts that commit beside them
	cd integration && HOOKONCE_MEASURE=1 HOOKONCE_MEASURE_BASE=$(BASE) go test -v -count=1 -timeout 30m -run 'TestStores|TestCallers' ./measure

measure-purge: services ## a purge of ten million rows in each database, and what an index would cost; an hour
	cd integration && HOOKONCE_MEASURE=1 go test -v -count=1 -timeout 3h -run 'TestPurge|TestAnIndex' ./measure

$(LINT):
	@echo "installing golangci-lint $(GOLANGCI_LINT_VERSION), this takes a few minutes the first time"
	@GOBIN=$(BIN) GOFLAGS= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	@cp $(BIN)/golangci-lint $@

$(FUMPT):
	@GOBIN=$(BIN) GOFLAGS= go install mvdan.cc/gofumpt@$(GOFUMPT_VERSION)
	@cp $(BIN)/gofumpt $@

$(VULN):
	@GOBIN=$(BIN) GOFLAGS= go install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
	@cp $(BIN)/govulncheck $@

$(SUM):
	@GOBIN=$(BIN) GOFLAGS= go install gotest.tools/gotestsum@$(GOTESTSUM_VERSION)
	@cp $(BIN)/gotestsum $@
