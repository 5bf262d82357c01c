package signer_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/internal/signer"
	"github.com/permledger/permledger/internal/signer/signertest"
)

func program(t *testing.T, argv []string, o signer.Options) *signer.Program {
	t.Helper()
	p, err := signer.New(argv, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func made(t *testing.T, p *signer.Program, purpose string) (string, *signer.Key) {
	t.Helper()
	did, err := p.Make(purpose)
	if err != nil {
		t.Fatal(err)
	}
	key, err := p.Key(did, purpose)
	if err != nil {
		t.Fatal(err)
	}
	return did, key
}

// Given the example, when it made keys, then they sign, also after it was started again, each for its purpose alone; and
// its files are for its user's eyes.
func TestExample(t *testing.T) {
	argv, dir := signertest.Build(t).Program(t)
	p := program(t, argv, signer.Options{})
	did, key := made(t, p, "event")
	other, _ := made(t, p, "document")
	message := []byte("some bytes\n\x00")
	sig, err := didkey.Sign(key, message)
	if err != nil || !ed25519.Verify(key.Public().(ed25519.PublicKey), message, sig[:]) {
		t.Fatalf("%v", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", f, info.Mode(), err)
		}
	}
	again := program(t, argv, signer.Options{})
	have, err := again.Keys()
	slices.Sort(have)
	want := []string{did, other}
	slices.Sort(want)
	if err != nil || !slices.Equal(have, want) {
		t.Fatalf("%v, %v; want %v", have, err, want)
	}
	if key, err = again.Key(did, "event"); err != nil {
		t.Fatal(err)
	}
	if second, err := didkey.Sign(key, message); err != nil || second != sig {
		t.Errorf("another signature, or %v", err)
	}
	if key, err = again.Key(did, "document"); err != nil {
		t.Fatal(err)
	}
	refused := (*signer.RefusedError)(nil)
	if _, err := didkey.Sign(key, message); !errors.Is(err, didkey.ErrNotSigned) || !errors.As(err, &refused) {
		t.Errorf("for another purpose: %v", err)
	}
	if _, err := key.Sign(nil, message, crypto.SHA512); err == nil {
		t.Error("it signs a hash")
	}
}

// Given a program that fails in some way, when it is asked to sign, then nothing is taken for a signature; and when it is
// itself again, it signs again.
func TestFaults(t *testing.T) {
	programs := signertest.Build(t)
	for fault, want := range map[string]error{
		"die": signer.ErrEnded, "hang": signer.ErrTimeout, "garbage": signer.ErrAnswer, "wrong": didkey.ErrSignature, "refuse": new(signer.RefusedError),
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			argv, tell := programs.Faulty(t)
			timeout := time.Minute
			if fault == "hang" {
				timeout = time.Second
			}
			p := program(t, argv, signer.Options{Timeout: timeout})
			_, key := made(t, p, "event")
			tell(fault)
			_, err := didkey.Sign(key, []byte("m"))
			if refused := new(signer.RefusedError); !errors.Is(err, want) && !(fault == "refuse" && errors.As(err, &refused)) {
				t.Fatalf("got %v; want %v", err, want)
			}
			if fault != "wrong" && !(errors.Is(err, didkey.ErrNotSigned) && errors.Is(err, signer.ErrProgram)) {
				t.Errorf("%v says neither that nothing was signed nor who did not", err)
			}
			tell("")
			for until := time.Now().Add(time.Minute); ; {
				_, err := didkey.Sign(key, []byte("m"))
				if err == nil {
					break
				}
				if time.Now().After(until) {
					t.Fatalf("it does not sign again: %v", err)
				}
				time.Sleep(20 * time.Millisecond) // between two looks at whether it signs again
			}
		})
	}
}

// Given many who want signatures at once, then each gets its own.
func TestManyAtOnce(t *testing.T) {
	argv, _ := signertest.Build(t).Program(t)
	p := program(t, argv, signer.Options{Timeout: time.Minute})
	_, key := made(t, p, "event")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				if _, err := didkey.Sign(key, fmt.Appendf(nil, "%d %d", i, j)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// What a program must not be told, and what it cannot do.
func TestPrograms(t *testing.T) {
	t.Setenv("PERMLEDGER_TOKEN", "secret")
	t.Setenv("OF_THE_SIGNER", "its own")
	var log bytes.Buffer
	p := program(t, []string{"sh", "-c", `env >&2; read line; echo "$line" >&2; echo '{"keys":[]}'; cat >/dev/null`},
		signer.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if keys, err := p.Keys(); err != nil || len(keys) != 0 {
		t.Fatal(keys, err)
	}
	p.Close() // so that all it said is in the log
	if text := log.String(); strings.Contains(text, "secret") || !strings.Contains(text, "OF_THE_SIGNER=its own") || !strings.Contains(text, `{\"keys\":true}`) {
		t.Errorf("it saw %s", text)
	}
	if _, err := p.Keys(); !errors.Is(err, signer.ErrEnded) {
		t.Errorf("closed: %v", err)
	}
	for name, c := range map[string]struct {
		script string
		want   error
	}{
		"not there":       {"", signer.ErrEnded},
		"ends":            {"exit 0", signer.ErrEnded},
		"no JSON":         {"echo hello; cat >/dev/null", signer.ErrAnswer},
		"another member":  {`echo '{"keys":[],"more":1}'; cat >/dev/null`, signer.ErrAnswer},
		"no key":          {`echo '{"keys":["did:key:zabc"]}'; cat >/dev/null`, signer.ErrAnswer},
		"an endless line": {"cat /dev/zero", signer.ErrAnswer},
		"two lines":       {`printf '{"keys":[]}\n{"keys":[]}\n'; cat >/dev/null`, signer.ErrAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			argv := []string{"sh", "-c", c.script}
			if c.script == "" {
				argv = []string{filepath.Join(t.TempDir(), "none")}
			}
			p := program(t, argv, signer.Options{Timeout: time.Minute})
			if _, err := p.Keys(); !errors.Is(err, c.want) {
				t.Errorf("got %v; want %v", err, c.want)
			}
			if _, err := p.Keys(); !errors.Is(err, signer.ErrEnded) || !strings.Contains(err.Error(), "second") && c.script != "" {
				t.Errorf("at once again: %v", err)
			}
		})
	}
	if _, err := signer.New(nil, signer.Options{}); !errors.Is(err, signer.ErrProgram) {
		t.Errorf("no name: %v", err)
	}
}
