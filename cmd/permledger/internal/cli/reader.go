package cli

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"

	"github.com/nats-io/nkeys"
	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/internal/listen"
	"github.com/permledger/permledger/node"
)

// readerFlags say where outside clients read over NATS.
type readerFlags struct{ address string }

func (f *readerFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.address, "nats-listen", "", "let NATS clients read at this `address`, as 127.0.0.1:4222, with the keys that `permledger reader create` makes; TLS as for HTTP")
}

// open serves readers, where they are to be.
func (f *readerFlags) open(a *app, n *node.Node, at *listenFlags) error {
	if f.address == "" {
		return nil
	}
	if err := at.check(); err != nil {
		return err
	}
	address, scheme := f.address, "nats://"
	var config *tls.Config
	if at.cert != "" {
		var err error
		if config, err = at.tls(a); err != nil {
			return err
		}
		scheme = "tls://"
	} else if !at.insecure {
		var err error
		if address, err = listen.Loopback(address); errors.Is(err, listen.ErrPlain) {
			return usage("serve: --nats-listen: %w\nSay --tls-cert and --tls-key, or --insecure-listen where something before it encrypts", err)
		}
		if err != nil {
			return fmt.Errorf("serve: --nats-listen: %w", err)
		}
	}
	on, err := n.ServeReaders(address, config)
	if err != nil {
		return fmt.Errorf("serve: --nats-listen: %w", err)
	}
	a.say("readers connect to %s%s", scheme, on)
	return nil
}

func (a *app) readerCommand() *cobra.Command {
	return group("reader", "Let programs read the ledger's streams over NATS, and see which may",
		a.readerCreate(), a.readerList(), a.readerRemove())
}

func (a *app) readerCreate() *cobra.Command {
	var out secretFlag
	c := a.writes(&cobra.Command{
		Use:   "create USER",
		Short: "Make an NKey with which a user reads the streams over NATS; its seed is shown once",
		Long: `Make an NKey with which a user, or a program that is one, reads the organization's streams from a server that runs with
--nats-listen. It reads while the user is active and may read the history (ledger:history.read), and signs nothing.

The seed is written once, to stdout or to --out, and kept nowhere: the ledger knows its public key alone. A user may have
several; they read as one, and share consumers.`,
		Example: `  permledger reader create billing --out billing.nk
  nats --nkey billing.nk --server nats://127.0.0.1:4222 stream view LEDGER_main`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			seed, did, err := newNKey()
			if err != nil {
				return err
			}
			if err := out.keep(a, seed); err != nil {
				return err
			}
			return a.with(c.Context(), func(s *session) error {
				answer := readerMade{Subject: args[0], DID: did, File: out.file}
				if out.file == "" {
					answer.Seed = seed
				}
				r, err := a.attempt(c.Context(), s, wire.Intent{Kind: wire.RegisterKey, Key: did, Purpose: events.PurposeReader, Subject: args[0]})
				if errors.As(err, new(*client.UnknownError)) && out.file == "" {
					a.say("the seed, if it is recorded: %s", seed)
				}
				if err != nil || r == nil {
					return err
				}
				answer.Receipt = r
				return a.answer(answer, func(w io.Writer) error { return writeReader(w, answer, s.org) })
			})
		},
	})
	out.flag(c)
	c.ValidArgsFunction = a.complete(subjects)
	return c
}

// readerMade is the answer of reader create.
type readerMade struct {
	*wire.Receipt
	Subject string `json:"user"`
	Seed    string `json:"seed,omitempty"`
	File    string `json:"file,omitempty"`
	DID     string `json:"did"`
}

func writeReader(w io.Writer, m readerMade, org string) error {
	p := printer{w: w}
	p.f("recorded at %d  %s  %s\n", m.Seq, m.CID, m.Type)
	if m.File == "" {
		p.f("%s\n", m.Seed)
		p.f("This is the seed with which %s reads. It is shown once, and kept nowhere.\n", m.Subject)
	} else {
		p.f("The seed with which %s reads is in %s, and nowhere else.\n", m.Subject, m.File)
	}
	p.f("Connect to where --nats-listen is, with a connection that is called %s; the streams are LEDGER_%s, CHANGES_%s and TOPIC_%s.\n", org, org, org, org)
	return p.err
}

// newNKey makes a user's NKey and gives its seed, and its did:key.
func newNKey() (seed, did string, err error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	pair, err := nkeys.FromRawSeed(nkeys.PrefixByteUser, key.Seed())
	if err != nil {
		return "", "", fmt.Errorf("make a key: %w", err)
	}
	b, err := pair.Seed()
	return string(b), didkey.Encode(public), err
}

func (a *app) readerList() *cobra.Command {
	return a.answers(&cobra.Command{
		Use:   "ls",
		Short: "List the keys with which users read over NATS",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Keys(c.Context(), s.org)
				if err != nil {
					return fmt.Errorf("list the readers: %w", err)
				}
				readers := wire.List[wire.Key]{Items: []wire.Key{}, AsOf: list.AsOf}
				for _, k := range list.Items {
					if k.Purpose == events.PurposeReader {
						readers.Items = append(readers.Items, k)
					}
				}
				return answerList(a, readers, func(w io.Writer) error {
					t := table{}
					t.row("USER", "SINCE", "STATE", "DID", "NKEY")
					for _, k := range readers.Items {
						t.row(k.Subject, fmt.Sprint(k.Since), stateOfKey(k), k.DID, nkeyOf(k.DID))
					}
					return t.writeTo(w, "")
				})
			})
		},
	})
}

// nkeyOf gives a did:key as NATS writes it; empty where it is none.
func nkeyOf(did string) string {
	public, err := didkey.Parse(did)
	if err != nil {
		return ""
	}
	b, err := nkeys.Encode(nkeys.PrefixByteUser, public)
	if err != nil {
		return ""
	}
	return string(b)
}

func (a *app) readerRemove() *cobra.Command {
	return a.writes(&cobra.Command{
		Use:   "rm DID|NKEY|USER",
		Short: "Revoke a key for reading, or the only one of a user: who is connected with it is disconnected",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				list, err := s.Keys(c.Context(), s.org)
				if err != nil {
					return fmt.Errorf("find the reader: %w", err)
				}
				var found []string
				for _, k := range list.Items {
					if k.Purpose == events.PurposeReader && k.Revoked == 0 && (k.DID == args[0] || k.Subject == args[0] || nkeyOf(k.DID) == args[0]) {
						found = append(found, k.DID)
					}
				}
				switch len(found) {
				case 0:
					return exit(exitNotFound, "there is no reader %q; `permledger reader ls` lists them", args[0])
				case 1:
					return a.change(c.Context(), s, wire.Intent{Kind: wire.RevokeKey, Key: found[0]})
				}
				return usage("%s has %d keys for reading: name one by its DID, which `permledger reader ls` shows", args[0], len(found))
			})
		},
	})
}
