package node

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
	"github.com/permledger/permledger/readers"
)

// ServeReaders lets outside clients read the streams over NATS, on a host and port, until the node is closed. Without a TLS
// configuration connections are in the clear. It gives the address; a node does it once.
func (n *Node) ServeReaders(address string, config *tls.Config) (net.Addr, error) {
	o := readers.Options{
		Dir: filepath.Join(n.dir, "readers"), Listen: address, TLS: config, Logger: n.log, Allowed: n.mayRead, Streams: n.streamsOf,
	}
	if ln, err := net.Listen("tcp", address); err != nil { // said before copies are blamed
		return nil, err
	} else if err := ln.Close(); err != nil {
		return nil, err
	}
	if err := n.copiesHold(o.Dir); err != nil {
		n.log.Warn("the copies for readers are made again", "error", err)
		if err := os.RemoveAll(o.Dir); err != nil {
			return nil, err
		}
	}
	s, err := readers.Start(o)
	if err != nil {
		n.log.Warn("the copies for readers are made again", "error", err)
		if err = os.RemoveAll(o.Dir); err == nil {
			s, err = readers.Start(o)
		}
	}
	if err != nil {
		return nil, err
	}
	if !n.readers.CompareAndSwap(nil, s) {
		return nil, errors.Join(errors.New("readers are served already"), s.Close())
	}
	for _, id := range n.Organizations() { // so that the first of them does not have to wait
		if o, err := n.Org(id); err == nil && o.hasReaders() {
			if err := s.Serve(id); err != nil {
				n.log.Error("an organization's streams are not served to readers", "organization", id, "error", err)
			}
		}
	}
	return s.Addr(), nil
}

// copiesHold looks at the files that a server for readers left, which may have been spoilt since: nats-server would leave out
// what it cannot read, and say nothing. Entries have to be the ledgers'; of the rest it is enough that they are whole, for
// the last of them is compared before more is written.
func (n *Node) copiesHold(dir string) error {
	for _, id := range n.Organizations() {
		o, err := n.Org(id)
		if err != nil {
			continue
		}
		for _, kind := range []string{"LEDGER", "CHANGES", "TOPIC"} {
			for r, err := range stream.Scan(dir, kind+"_"+id) {
				if errors.Is(err, stream.ErrMissing) {
					break
				}
				if err != nil {
					return err
				}
				if kind != "LEDGER" {
					continue
				}
				if raw, err := o.Journal.Read(r.Seq); err != nil || !bytes.Equal(raw, r.Data) {
					return fmt.Errorf("%s_%s: position %d is not the ledger's", kind, id, r.Seq)
				}
			}
		}
	}
	return nil
}

// mayRead says what a key lets read now, everywhere or in one organization.
func (n *Node) mayRead(did, organization string) (all []readers.Reader) {
	ids := []string{organization}
	if organization == "" {
		ids = n.Organizations()
	}
	for _, id := range ids {
		o, err := n.Org(id)
		if err != nil {
			continue
		}
		o.Fold.Read(func(s *rules.State) {
			if subject, ok := s.ReaderOf(did, n.opts.Now()); ok {
				u, _ := s.Subject(subject)
				all = append(all, readers.Reader{Organization: id, ID: strings.ToLower(subject.String()), Name: u.Key})
			}
		})
	}
	return all
}

func (o *Org) hasReaders() (has bool) {
	o.Fold.Read(func(s *rules.State) {
		for range s.Readers() {
			has = true
			break
		}
	})
	return has
}

// streamsOf gives what readers of an organization are served.
func (n *Node) streamsOf(organization string) (readers.Streams, error) {
	o, err := n.Org(organization)
	if err != nil {
		return readers.Streams{}, err
	}
	return readers.Streams{
		Sources: []readers.Source{
			{Kind: "LEDGER", Len: func() uint64 { return o.Access.Head().Position }, Read: o.subjectAndEntry, Changed: o.Changed},
			{Kind: "CHANGES", Len: func() uint64 { return o.Access.Head().Position }, Read: o.changeMessage, Changed: o.Changed},
			{Kind: "TOPIC", Len: func() uint64 { return uint64(o.Topic.Len()) }, Read: o.topicMessage, Changed: o.Topic.Changed},
		},
		Checkpoint: func() []byte {
			b, _, _ := o.Log.Latest()
			return b
		},
	}, nil
}

// subjectAndEntry gives the entry at a position and what the subject under which it is published has behind the
// organization.
func (o *Org) subjectAndEntry(position uint64) (string, []byte, error) {
	en, err := o.Entry(position)
	if err != nil {
		return "", nil, err
	}
	return string(en.Event.Data.Type()), en.Bytes(), nil
}

func (o *Org) changeMessage(position uint64) (string, []byte, error) {
	m, err := o.Change(position)
	return string(m.Kind), m.Bytes(), err
}

func (o *Org) topicMessage(position uint64) (string, []byte, error) {
	m, ok := o.Topic.Message(int(position) - 1)
	if !ok {
		return "", nil, fmt.Errorf("there is no message %d of the topic", position)
	}
	return "", m.Bytes, nil
}

// Following says who follows an organization's streams over NATS and how far; served is false where the node serves nobody there.
func (n *Node) Following(ctx context.Context, organization string) (all []readers.Following, served bool, err error) {
	s := n.readers.Load()
	if s == nil {
		return nil, false, nil
	}
	all, err = s.Following(ctx, organization)
	return all, true, err
}
