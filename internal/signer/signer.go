// Package signer lets another program hold private keys: an HSM's client, an agent, whatever can sign with Ed25519. The
// ledger's own process then never has them.
//
// It owns the protocol, which docs/keys.md specifies: the program runs as long as this process does; each line on its
// standard input is a JSON object that asks for one thing, and it answers with one line of JSON on its standard output,
// in order. It is asked for three things:
//
//	{"keys":true}                                    {"keys":["did:key:…"]}        the keys that it can sign with
//	{"make":"event"}                                 {"key":"did:key:…"}           to make a key for a purpose
//	{"sign":"<base64>","key":"did:key:…","purpose":"event"}  {"signature":"<base64>"}  to sign bytes
//
// or it answers {"error":"why not"}. It gets to see nothing else: neither the environment's PERMLEDGER_ variables nor any
// file of ours. A program that does not answer in time, ends, or answers with something else is killed and started again
// when it is next asked; what it was asked for has failed. A signature is only bytes here: who asks for one verifies it
// before it is used, see [didkey.Sign].
package signer

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"io"

	"github.com/permledger/permledger/events/didkey"
)

// ErrProgram is in every error of a signer program; what is wrong stands behind it.
var ErrProgram = errors.New("the signer program")

// ErrTimeout is beside [ErrProgram] where a program did not answer in time.
var ErrTimeout = errors.New("did not answer in time")

// ErrEnded is beside [ErrProgram] where a program could not be started, or ended.
var ErrEnded = errors.New("is not running")

// ErrAnswer is beside [ErrProgram] where a program answered with something that the protocol does not have.
var ErrAnswer = errors.New("gave no answer of the protocol")

// A RefusedError is a program's own word for why it did not do what it was asked for. It runs on.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return "refuses: " + e.Reason }

type request struct {
	Keys    bool   `json:"keys,omitempty"`
	Make    string `json:"make,omitempty"`
	Sign    []byte `json:"sign,omitempty"`
	Key     string `json:"key,omitempty"`
	Purpose string `json:"purpose,omitempty"`
}

type answer struct {
	Keys      []string `json:"keys"`
	Key       string   `json:"key"`
	Signature string   `json:"signature"`
	Error     string   `json:"error"`
}

// Keys gives the did:keys that the program says it can sign with.
func (p *Program) Keys() (dids []string, err error) {
	err = p.ask(request{Keys: true}, func(a answer) error {
		for _, did := range a.Keys {
			if _, err := didkey.Parse(did); err != nil {
				return err
			}
		}
		dids = a.Keys
		return nil
	})
	return dids, err
}

// Make has the program make a key for a purpose, and gives its did:key.
func (p *Program) Make(purpose string) (did string, err error) {
	err = p.ask(request{Make: purpose}, func(a answer) error {
		did = a.Key
		_, err := didkey.Parse(did)
		return err
	})
	return did, err
}

// Key gives what signs with one of the program's keys. Whether the program has it is seen when it signs.
func (p *Program) Key(did, purpose string) (*Key, error) {
	public, err := didkey.Parse(did)
	if err != nil {
		return nil, err
	}
	return &Key{program: p, did: did, purpose: purpose, public: public}, nil
}

// A Key signs with a private key that a program holds. It is a [crypto.Signer] of Ed25519, safe for concurrent use.
type Key struct {
	program *Program
	did     string
	purpose string
	public  ed25519.PublicKey
}

// Public gives the [ed25519.PublicKey].
func (k *Key) Public() crypto.PublicKey { return k.public }

// Sign has the program sign a message, of which opts must say that it is not hashed. What it gives is not verified.
func (k *Key) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) (sig []byte, err error) {
	if opts.HashFunc() != 0 {
		return nil, errors.New("signer: Ed25519 signs messages, not hashes of them")
	}
	err = k.program.ask(request{Sign: message, Key: k.did, Purpose: k.purpose}, func(a answer) (err error) {
		sig, err = base64.StdEncoding.DecodeString(a.Signature)
		return err
	})
	return sig, err
}
