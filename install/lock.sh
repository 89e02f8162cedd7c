#!/bin/sh
# Writes requirements.txt and requirements-test.txt: every version and hash of the registry's wheels, and no address.
# uv reads neither pip's configuration nor its find-links, so what a machine keeps beside the registry stays out.
set -eu
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "uv is missing: python3 -m pip install uv" >&2; exit 1; }

lock() {
	output=$1
	shift
	uv --no-config pip compile pyproject.toml --universal --python-version 3.11 --only-binary :all: \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --quiet \
		--custom-compile-command "make lock" --output-file "$output" "$@"
}

lock requirements.txt
lock requirements-test.txt --extra test --constraint requirements.txt
