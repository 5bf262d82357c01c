package node

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
)

// profiles are the switches that give the rules of the documents they are named after. The genesis entry records the
// switches themselves, so changing one here changes no ledger that exists.
var profiles = map[string]events.Profile{
	"guardian": {Name: "guardian", Dependencies: true, Documents: true, EmptyRoles: true},
	"ipaware":  {Name: "ipaware", UniqueNames: true},
	"plain":    {Name: "plain", DirectGrants: true, EmptyRoles: true, NewPermissions: true},
	"stokr":    {Name: "stokr", DirectGrants: true, Documents: true, EmptyRoles: true, UniqueNames: true},
	"tokeny":   {Name: "tokeny", UniqueNames: true},
}

// Profiles gives the names of the profiles an organization can be opened with.
func Profiles() []string { return slices.Sorted(maps.Keys(profiles)) }

// Opening says what organization to open.
type Opening struct {
	Organization string
	Name         string
	Profile      string
	DID          string // of the organization, where it has one elsewhere
	OwnerKey     string // the owner's key in the organization
	OwnerKind    string
	OwnerDID     string
	Credential   string // did:key the owner signs with
	Root         string // did:key of the root key
	OperatorKey  string // did:key of whoever runs the node
}

// evidenceTypes are the types whose commands everybody has to sign, in new organizations.
var evidenceTypes = []string{"key.registered", "key.reported", "key.revoked", "key.rotated", "key.succeeded"}

// ErrProfile says that there is no such profile.
var ErrProfile = errors.New("no such profile")

// Opening makes the node's keys for a new organization and gives the command that opens it, for its owner to sign.
func (n *Node) Opening(o Opening) (events.Command, error) {
	if err := canon.Organization.Check(o.Organization); err != nil {
		return events.Command{}, fmt.Errorf("open an organization: %w", err)
	}
	profile, ok := profiles[o.Profile]
	if !ok {
		return events.Command{}, fmt.Errorf("open %s: %q: %w; there are %v", o.Organization, o.Profile, ErrProfile, Profiles())
	}
	eventKey, err := n.keys.make()
	if err != nil {
		return events.Command{}, fmt.Errorf("open %s: %w", o.Organization, err)
	}
	documentKey, err := n.keys.make()
	if err != nil {
		return events.Command{}, fmt.Errorf("open %s: %w", o.Organization, err)
	}
	owner := NewID(n.opts.Now().UnixMilli())
	return events.Command{
		ID: NewID(n.opts.Now().UnixMilli()), Ledger: n.host + "/" + o.Organization, Actor: owner,
		Auth: events.Auth{Method: events.MethodSignature, Credential: o.Credential},
		Data: &events.OrganizationOpened{
			Organization: o.Organization, Name: o.Name, DID: o.DID, Rules: rules.Version, Profile: profile,
			Owner:    events.Owner{Subject: owner, Key: o.OwnerKey, Kind: o.OwnerKind, DID: o.OwnerDID, Credential: o.Credential},
			Node:     NewID(n.opts.Now().UnixMilli()),
			Keys:     events.Keys{Event: eventKey, Document: documentKey, Root: o.Root, Operator: o.OperatorKey},
			Evidence: evidenceTypes,
		},
	}, nil
}

// OpenOrganization makes the ledger of an organization that has none, with the signed command of its owner as the first
// entry. When it returns nil, the ledger is there for good.
func (n *Node) OpenOrganization(ctx context.Context, r ledger.Request) (*Org, ledger.Receipt, error) {
	d, ok := r.Command.Data.(*events.OrganizationOpened)
	if !ok {
		return nil, ledger.Receipt{}, fmt.Errorf("open an organization: the command is for %s", r.Command.Data.Type())
	}
	id := d.Organization
	if r.Command.Ledger != n.host+"/"+id {
		return nil, ledger.Receipt{}, fmt.Errorf("open %s: the command is for the ledger %s", id, r.Command.Ledger)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, err := os.Stat(n.orgDir(id)); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return nil, ledger.Receipt{}, &rules.Refusal{Code: rules.AlreadyOpened, Reason: fmt.Sprintf("The organization %s is here already", id)}
	}
	// Refused now, it leaves nothing behind.
	if _, err := ledger.Try(rules.New(), r.Command, n.opts.Now()); err != nil {
		return nil, ledger.Receipt{}, err
	}
	o, receipt, err := n.create(ctx, id, r)
	if err != nil {
		return nil, ledger.Receipt{}, fmt.Errorf("open %s: %w", id, err)
	}
	n.orgs[id] = o
	return o, receipt, nil
}

// create makes journal, head and stream, records the first entry and, last of all, writes the genesis file: a crash
// before that leaves an organization that was never opened.
func (n *Node) create(ctx context.Context, id string, r ledger.Request) (*Org, ledger.Receipt, error) {
	dir := n.orgDir(id)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, ledger.Receipt{}, err
	}
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{Create: true})
	if err != nil {
		return nil, ledger.Receipt{}, err
	}
	head, err := journal.OpenHead(filepath.Join(dir, "head"), true)
	if err != nil {
		return nil, ledger.Receipt{}, errors.Join(err, j.Close())
	}
	log, err := n.srv.CreateLog(ctx, id)
	if err != nil {
		return nil, ledger.Receipt{}, errors.Join(err, j.Close())
	}
	o, err := n.assemble(ctx, id, j, head, log)
	if err != nil {
		return nil, ledger.Receipt{}, errors.Join(err, j.Close())
	}
	receipt, err := o.Ledger.Execute(ctx, r)
	if err == nil {
		err = stream.SyncStore(n.store(), id)
	}
	if err == nil {
		var b []byte
		if b, err = json.Marshal(Genesis{Source: r.Command.Ledger, CID: receipt.CID}); err == nil {
			err = writeSynced(filepath.Join(dir, "genesis"), append(b, '\n'), 0o600)
		}
	}
	if err != nil {
		return nil, ledger.Receipt{}, errors.Join(err, o.close())
	}
	return o, receipt, nil
}

var ids struct {
	sync.Mutex
	entropy *ulid.MonotonicEntropy
}

// NewID makes a ULID with the given time in milliseconds. Ids of one process and millisecond ascend.
func NewID(ms int64) ulid.ULID {
	ids.Lock()
	defer ids.Unlock()
	if ids.entropy == nil {
		ids.entropy = ulid.Monotonic(rand.Reader, 0)
	}
	id, err := ulid.New(uint64(ms), ids.entropy)
	if err != nil { // 2^80 ids in one millisecond
		panic("node: " + err.Error())
	}
	return id
}
