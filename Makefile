# `make` lists the targets. Two suffice for most: run and test.

GO      ?= go
BIN     := bin/redust
COMMIT  := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.commit=$(COMMIT)
FOR     ?= 10m

PLAY    := GORACE=halt_on_error=1
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.DEFAULT_GOAL := help
.PHONY: help build run test crash oracle fuzz soak clients bench compare lint fmt deps

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

build: ## build bin/redust, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) .

run: build ## build and start the server on its defaults (ARGS='--port 7000' for others)
	./$(BIN) $(ARGS)

test: deps lint ## install what the tests need, and run all of them
	$(GO) test -tags deep -timeout 10m ./...
	$(GO) test -race -short -timeout 10m ./db/... ./loop/... ./cmd/... ./aof ./rdb ./scripts ./internal/...
	$(GO) test -run TestManyOperands ./cmd
	$(GO) build -race -tags deep -o bin/redust-race .
	$(PLAY) REDUST_BIN=$(CURDIR)/bin/redust-race $(GO) test -count=1 -run Redust ./tests/oracle ./tests/random
	$(PLAY) REDUST_BIN=$(CURDIR)/bin/redust-race REDUST_ARGS='--io-threads 2' $(GO) test -count=1 -run Redust ./tests/oracle ./tests/random
	CGO_ENABLED=0 $(GO) build -o bin/redust-test .
	REDUST_BIN=$(CURDIR)/bin/redust-test REDUST_ARGS='--io-threads 2' $(GO) test -count=1 ./tests/torture

crash: deps ## kill the server while it writes, 300 rounds of each policy, and see whether anything is missing
	CGO_ENABLED=0 $(GO) build -o bin/redust-crash .
	REDUST_BIN=$(CURDIR)/bin/redust-crash $(GO) test ./tests/crash -run Redust -count=1 -timeout 0 -v -rounds 300

oracle: deps ## play the command scripts against a real redis-server and report differences
	$(GO) test ./tests/oracle -run Oracle -count=1 -oracle

fuzz: deps build ## fuzz everything in turn and compare random commands with redis-server (FOR=10m each)
	@for t in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$t 2>/dev/null | grep ^Fuzz); do \
	    echo "== $$t $$f"; $(GO) test -tags deep -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FOR) -fuzzminimizetime 10x $$t || exit 1; \
	  done; \
	done
	REDUST_BIN=$(CURDIR)/$(BIN) $(GO) test ./tests/random -run Redust -count=1 -timeout 0 -for $(FOR)

soak: build ## ten million messages to a thousand subscribers, and slow ones that are closed
	REDUST_BIN=$(CURDIR)/$(BIN) $(GO) test ./tests/pubsub -run Delivery -count=1 -timeout 30m -soak

bench: ## Go benchmarks of the structures, with allocations
	$(GO) test -run '^$$' -bench . -benchmem ./resp ./db/... ./metrics ./cmd

clients: deps build ## drive Redust and redis-server through client libraries of Go, Python, Node.js and Java
	$(GO) run ./tests/clients -redust $(BIN) $(ARGS)

compare: deps build ## compare with redis-server: throughput, latency, CPU per operation (ARGS for options)
	$(GO) run ./benchmarks/compare -redust $(BIN) $(ARGS)

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo 'gofmt would change the files above'; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags deep ./...
	GOARCH=arm64 CGO_ENABLED=0 $(GO) build ./...
	$(GO) run $(STATICCHECK) ./...

fmt: ## format the code
	gofmt -w .

deps:
	@command -v redis-server >/dev/null && command -v redis-cli >/dev/null || { \
	  export DEBIAN_FRONTEND=noninteractive; \
	  SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	  $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq redis-server redis-tools >/dev/null; }
