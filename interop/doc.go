// Package interop holds permledger against software that its authors did not write: the documents against Digital
// Bazaar's eddsa-jcs-2022, the live log against Tessera and transparency-dev/merkle, bundles against unzip and Python.
//
// It is a module of its own, so that none of what it needs is needed by permledger, and it imports nothing of ours: it
// runs the built program and reads what this serves and writes. Where a tool is missing a test says what it skipped; with
// PERMLEDGER_JUDGES=1, as in CI, a missing tool is a failure.
package interop
