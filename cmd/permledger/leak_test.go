package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Given a ledger whose keys of every purpose are made, replaced, listed and reported, in files and by a signer program, also
// where that fails, then no private key is in what the commands say, nor in any file but those that hold keys.
func TestKeysAreNeverPrinted(t *testing.T) {
	dir, signer := t.TempDir(), signerProgram(t)
	var said bytes.Buffer
	run := func(env string, args ...string) {
		t.Helper()
		cmd := exec.Command("permledger", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PERMLEDGER_KEY=", "PERMLEDGER_SIGNER=", "PERMLEDGER_PINS=none", "PERMLEDGER_ORG=main", "PERMLEDGER_DATA=L", env)
		out, err := cmd.CombinedOutput()
		fmt.Fprintf(&said, "$ %v\n%s%v\n", args, out, err)
		if err != nil && env != "PERMLEDGER_KEY=none" && env != "PERMLEDGER_SIGNER=false" {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	held := "PERMLEDGER_SIGNER=" + signer + " held"
	run("", "init", "L")
	nodes, people := []string{"event", "document", "checkpoint"}, []string{"root", "operator"}
	for _, purpose := range nodes {
		run("", "key", "rotate", purpose, "-o", "json")
	}
	for _, purpose := range people {
		run("", "key", "rotate", purpose, "--dry-run", "--new-key", "never")
	}
	for _, purpose := range append(nodes, people...) {
		run(held, "key", "rotate", purpose)
		run(held, "key", "rotate", purpose)
		run("PERMLEDGER_SIGNER=false", "key", "rotate", purpose) // a program that ends at once
	}
	run(held, "user", "add", "ben", "--new-key", "ben.key")
	run(held, "key", "rotate", "credential", "--new-key", "owner2.key")
	run(held, "key", "ls", "-o", "json")
	run("PERMLEDGER_KEY=none", "role", "create", "one")
	run(held, "verify", "--org", "main")
	run(held, "history")
	run(held, "doctor")

	var spellings [][]byte
	seeds := 0
	walk := func(do func(path string, b []byte)) {
		t.Helper()
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if err == nil {
				do(path, b)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	isKey := func(path string) bool { return strings.HasSuffix(path, ".key") || strings.HasSuffix(path, ".pem") }
	walk(func(path string, b []byte) {
		block, _ := pem.Decode(b)
		if !isKey(path) || block == nil {
			return
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		seed := key.(ed25519.PrivateKey).Seed()
		seeds++
		// Whatever stands before it in base64, the middle of the seed has one of three spellings.
		spellings = append(spellings, seed, []byte(hex.EncodeToString(seed)), []byte(strings.ToUpper(hex.EncodeToString(seed))))
		for shift := range 3 {
			for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				spellings = append(spellings, []byte(alphabet.EncodeToString(seed[shift:shift+27])))
			}
		}
	})
	if seeds < 12 {
		t.Fatalf("%d private keys were found; want 12 at least", seeds)
	}
	look := func(what string, b []byte) {
		t.Helper()
		for _, s := range spellings {
			if bytes.Contains(b, s) {
				t.Errorf("%s holds a private key", what)
				return
			}
		}
	}
	look("what the commands said", said.Bytes())
	walk(func(path string, b []byte) {
		if !isKey(path) {
			look(path, b)
		}
	})
}
