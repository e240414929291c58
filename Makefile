# Firefinch: `make demo` trains and shows a classifier, `make test` runs everything.
.PHONY: demo classify-demo test conformance build lint bench format clean

SWIFT_FLAGS := -c release --static-swift-stdlib
RUNS := runs/demo

build:
	@scripts/setup
	swift build $(SWIFT_FLAGS) --product firefinch

demo: build
	.build/release/firefinch train fashion-mnist --epochs 3 --out $(RUNS)
	.build/release/firefinch inspect $(RUNS)/model.safetensors
	@echo "See $(RUNS)/curves.png and $(RUNS)/predictions.png"

# A pretrained model on three pictures (fetched from PyPI), drawn to runs/classify-demo/classes.png.
classify-demo: build
	@scripts/classify-demo .build/release/firefinch

lint:
	@scripts/lint

# Release, because kernels and exit tests are several times slower in debug builds. The tensor tests also run with the two
# simpler instruction sets, once without libraries. One test after another, because they share the default generator.
test: lint
	@scripts/setup
	swift build -c release --build-tests
	FIREFINCH_ISA=sse2 FIREFINCH_NO_LIBRARIES=1 swift test -c release --skip-build --no-parallel --filter FirefinchTensorTests
	FIREFINCH_ISA=avx2 swift test -c release --skip-build --no-parallel --filter FirefinchTensorTests
	swift test -c release --skip-build --no-parallel

# PyTorch's own test database; `make test` runs a fixed part of it.
CONFORMANCE ?= ../shared/conformance
conformance:
	@scripts/setup
	scripts/conformance $(CONFORMANCE)

bench:
	@scripts/setup
	Benchmarks/run

format:
	swift format --in-place --recursive Sources Tests Package.swift

clean:
	rm -rf .build runs
