package bundle

import (
	"cmp"
	"errors"
	"strconv"
	"strings"

	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger/tree"
)

// Files of a zip bundle that stand in every one, or alone.
const (
	fileReadme     = "README.txt"
	fileManifest   = "manifest.json"
	fileCheckpoint = "checkpoint"
	filePolicy     = "policy"
	fileDID        = "did.json"
	fileVerifier   = "verify.py"
	fileSums       = "SHA256SUMS"
)

// kind is what a file of a bundle is. Files stand in the order of their kinds.
type kind uint8

const (
	readme kind = iota
	manifest
	checkpoint
	policy
	did
	entries // tile/entries/…: bundles of entries
	entry   // entries/<position>, each followed by its proof
	tile    // tile/<level>/…
	document
	texts // texts/<n>.jsonl
	schema
	verifier
	sums
)

// place says what a file is by its path. Files stand in the order of kind, a, b and name, which is unique.
type place struct {
	kind kind
	a, b uint64 // tile: level, index; entries and texts: index; entry: position, and 1 for its proof
	tile tree.Tile
	name string // of documents and schemas
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.kind, q.kind), cmp.Compare(p.a, q.a), cmp.Compare(p.b, q.b), cmp.Compare(p.name, q.name))
}

// limit is how many bytes such a file may have.
func (p place) limit() uint64 {
	switch p.kind {
	case entries:
		return uint64(p.tile.Width) * (2 + maxEntry)
	case entry:
		if p.b == 0 {
			return maxEntry
		}
	case tile:
		return uint64(p.tile.Width) * 32
	case document:
		return maxDocument
	case texts:
		return page * (maxText + 1)
	case sums:
		return maxFiles * (66 + maxName + 1)
	}
	return maxSmall
}

var single = map[string]kind{
	fileReadme: readme, fileManifest: manifest, fileCheckpoint: checkpoint, filePolicy: policy, fileDID: did,
	fileVerifier: verifier, fileSums: sums,
}

func entryPath(position uint64) string { return "entries/" + strconv.FormatUint(position, 10) }
func proofPath(position uint64) string { return entryPath(position) + ".tlog-proof" }
func documentPath(cid string) string   { return "documents/" + cid + ".json" }
func textsPath(n uint64) string        { return "texts/" + strconv.FormatUint(n, 10) + ".jsonl" }

var errPath = errors.New("no file of a bundle has this path")

// parsePath reads a path in the one spelling that it has. There is no other file in a bundle: so none leads out of its
// folder, and no two have names that differ in case alone.
func parsePath(path string) (place, error) {
	if k, ok := single[path]; ok {
		return place{kind: k}, nil
	}
	folder, rest, _ := strings.Cut(path, "/")
	if len(path) > maxName {
		return place{}, errPath
	}
	switch folder {
	case "tile":
		t, ofEntries, err := tree.ParseTile(path)
		if err != nil {
			return place{}, errPath
		}
		if ofEntries {
			return place{kind: entries, a: t.Index, tile: t}, nil
		}
		return place{kind: tile, a: uint64(t.Level), b: t.Index, tile: t}, nil
	case "entries":
		digits, isProof := strings.CutSuffix(rest, ".tlog-proof")
		n, err := strconv.ParseUint(digits, 10, 53)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != digits {
			return place{}, errPath
		}
		p := place{kind: entry, a: n}
		if isProof {
			p.b = 1
		}
		return p, nil
	case "documents":
		if cid, ok := strings.CutSuffix(rest, ".json"); ok && canon.CID.Check(cid) == nil {
			return place{kind: document, name: cid}, nil
		}
	case "texts":
		digits, ok := strings.CutSuffix(rest, ".jsonl")
		if n, err := strconv.ParseUint(digits, 10, 32); ok && err == nil && textsPath(n) == path {
			return place{kind: texts, a: n}, nil
		}
	case "schemas":
		if name, ok := strings.CutSuffix(rest, ".json"); ok && len(name) > 0 && schemaName.All(name) && name[0] != '.' && !strings.Contains(name+".", "..") {
			return place{kind: schema, name: name}, nil
		}
	}
	return place{}, errPath
}

var schemaName = canon.NewAlphabet("az09..")
