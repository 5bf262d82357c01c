package cli

import (
	"slices"
	"strings"

	"github.com/permledger/permledger/internal/signer"
)

// signerFlag names the program that has private keys, and has it while the command runs.
type signerFlag struct {
	command string
	program *signer.Program
}

// argv gives the program's command line: its words, without any quoting; nil: no program is named.
func (f *signerFlag) argv() []string { return strings.Fields(f.command) }

// open gives the program; nil where none is named.
func (f *signerFlag) open(a *app) (*signer.Program, error) {
	if f.program != nil || len(f.argv()) == 0 {
		return f.program, nil
	}
	var err error
	f.program, err = signer.New(f.argv(), signer.Options{Logger: a.logger()})
	return f.program, err
}

// has says whether there is a program and it says that it has a key.
func (f *signerFlag) has(a *app, did string) (bool, error) {
	p, err := f.open(a)
	if err != nil || p == nil {
		return false, err
	}
	all, err := p.Keys()
	return slices.Contains(all, did), err
}

func (f *signerFlag) close() {
	if f.program != nil {
		_ = f.program.Close() // it has nothing of ours that could be lost
	}
}
