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
	"github.com/permledger/permledger/internal/synced"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/journal"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/stream"
)

// profiles are the switches that give the rules of the documents they are named after. The genesis entry records the
// switches themselves, so changing one here changes no ledger that exists.
var profiles = map[string]events.Profile{
	"guardian": {Name: "guardian", Dependencies: true, Documents: true, EmptyRoles: true, DefaultRoles: true,
		Delegation: true, KeepDelegated: true, WithdrawRoles: true, RecoveryDelay: recoveryDelay},
	"ipaware": {Name: "ipaware", UniqueNames: true, OneRolePerKey: true, RecoveryDelay: recoveryDelay},
	"plain": {Name: "plain", DirectGrants: true, EmptyRoles: true, NewPermissions: true, Delegation: true,
		RecoveryDelay: recoveryDelay},
	"stokr": {Name: "stokr", DirectGrants: true, Documents: true, EmptyRoles: true, UniqueNames: true,
		RecoveryDelay: recoveryDelay},
	"tokeny": {Name: "tokeny", UniqueNames: true, FixedRoles: true, RecoveryDelay: recoveryDelay},
}

// recoveryDelay is how many seconds everybody has to see that somebody is to become owner in the place of a lost one.
const recoveryDelay = 72 * 60 * 60

// Profile gives the switches of a profile by its name.
func Profile(name string) (events.Profile, bool) {
	p, ok := profiles[name]
	return p, ok
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

// errHalfway says that an opening failed where only a new start can undo it.
var errHalfway = fmt.Errorf("%w: its opening failed half-way; start the node again, then open it again", ledger.ErrStopped)

// Opening makes the node's keys for a new organization and gives the command that opens it, for its owner to sign.
func (n *Node) Opening(o Opening) (events.Command, error) {
	if err := canon.Organization.Check(o.Organization); err != nil {
		return events.Command{}, fmt.Errorf("open an organization: %w", err)
	}
	profile, ok := profiles[o.Profile]
	if !ok {
		return events.Command{}, fmt.Errorf("open %s: %q: %w; there are %v", o.Organization, o.Profile, ErrProfile, Profiles())
	}
	made := map[string]string{} // by purpose
	for _, purpose := range []string{events.PurposeEvent, events.PurposeDocument, events.PurposeCheckpoint} {
		did, err := n.keys.makeKey(o.Organization, purpose)
		if err != nil {
			return events.Command{}, fmt.Errorf("open %s: %w", o.Organization, err)
		}
		made[purpose] = did
	}
	owner := NewID(n.opts.Now().UnixMilli())
	return events.Command{
		ID: NewID(n.opts.Now().UnixMilli()), Ledger: n.host + "/" + o.Organization, Actor: owner,
		Auth: events.Auth{Method: events.MethodSignature, Credential: o.Credential},
		Data: &events.OrganizationOpened{
			Organization: o.Organization, Name: o.Name, DID: o.DID, Rules: rules.Version, Profile: profile,
			Owner:    events.Owner{Subject: owner, Key: o.OwnerKey, Kind: o.OwnerKind, DID: o.OwnerDID, Credential: o.Credential},
			Node:     NewID(n.opts.Now().UnixMilli()),
			Operator: NewID(n.opts.Now().UnixMilli()),
			Keys: events.Keys{
				Event: made[events.PurposeEvent], Document: made[events.PurposeDocument], Checkpoint: made[events.PurposeCheckpoint],
				Root: o.Root, Operator: o.OperatorKey,
			},
			Evidence: evidenceTypes,
		},
	}, nil
}

// OpenOrganization makes the ledger of an organization that has none, with the signed command of its owner as the first
// entry. When it returns nil, the ledger is there for good. After an error that is no [*rules.Refusal] the same request can
// be sent again; one that wraps [ledger.ErrStopped] may need a new start of the node before.
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
	if _, ok := n.orgs[id]; ok {
		return nil, ledger.Receipt{}, &rules.Refusal{Code: rules.AlreadyOpened, Reason: fmt.Sprintf("The organization %s is here already", id)}
	}
	// Refused now, it leaves nothing behind.
	if err := n.tryOpening(d, r); err != nil {
		return nil, ledger.Receipt{}, err
	}
	o, ok := n.opened[id]
	if !ok {
		err := n.elsewhere(ctx, id)
		if err == nil {
			err = n.strange(id)
		}
		if err != nil {
			return nil, ledger.Receipt{}, err
		}
		if o, err = n.create(ctx, id); err != nil {
			return nil, ledger.Receipt{}, fmt.Errorf("open %s: %w", id, err)
		}
		n.opened[id] = o
	}
	receipt, err := n.first(ctx, o, r)
	if err != nil {
		return nil, ledger.Receipt{}, fmt.Errorf("open %s: %w", id, err)
	}
	delete(n.opened, id)
	n.orgs[id] = o
	return o, receipt, nil
}

// tryOpening refuses an opening that its owner did not sign, that the rules do not allow, or whose keys the node does not
// hold for this organization.
func (n *Node) tryOpening(d *events.OrganizationOpened, r ledger.Request) error {
	e, err := ledger.Try(rules.New(), r.Command, n.opts.Now())
	if err != nil {
		return err
	}
	err = r.Evidence.Fits(&e)
	if err == nil && r.Evidence != nil {
		err = r.Evidence.Check(&r.Command)
	}
	if err != nil {
		return &rules.Refusal{Code: rules.NotProven, Reason: "The opening is not signed by its owner: " + err.Error()}
	}
	keys, err := n.keys.of(d.Organization)
	if err != nil {
		return err
	}
	for _, did := range []string{d.Keys.Event, d.Keys.Document, d.Keys.Checkpoint} {
		if _, ok := keys.Signer(did); !ok {
			return &rules.Refusal{Code: rules.NotFound, Reason: "The node does not hold the private key of " + did + " for " + d.Organization,
				Hint: "Let the node prepare the opening: it makes the keys"}
		}
	}
	return nil
}

// create makes journal, head and, last, the stream, which cannot be unmade while the server runs. What fails before that
// is set aside at once; what fails with the stream there, by [Node.abandon] at the next start.
func (n *Node) create(ctx context.Context, id string) (*Org, error) {
	dir := n.orgDir(id)
	if err := os.Mkdir(dir, 0o700); errors.Is(err, fs.ErrExist) {
		return nil, errHalfway
	} else if err != nil {
		return nil, err
	}
	// Else a power cut could take the whole organization, however well everything in it is synced.
	if err := synced.Dir(filepath.Dir(dir)); err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	o, head, err := n.createFiles(ctx, id)
	if err != nil {
		_, undo := n.setAside(id)
		return nil, errors.Join(err, undo)
	}
	ctx = context.WithoutCancel(ctx) // a caller that goes away leaves nothing half-way
	log, err := n.createLog(ctx, id)
	if errors.Is(err, stream.ErrExists) { // not ours: it stays where it is
		_, undo := n.setAside(id)
		return nil, errors.Join(err, o.close(), undo)
	}
	if err == nil {
		err = n.begin(ctx, o, head, log)
	}
	if err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

func (n *Node) createFiles(ctx context.Context, id string) (*Org, *journal.HeadFile, error) {
	dir := n.orgDir(id)
	j, err := journal.Open(filepath.Join(dir, "journal"), journal.Options{Create: true, Ahead: true})
	if err != nil {
		return nil, nil, err
	}
	head, err := journal.OpenHead(filepath.Join(dir, "head"), true)
	if err != nil {
		return nil, nil, errors.Join(err, j.Close())
	}
	o, err := n.assemble(ctx, id, j)
	if err != nil {
		return nil, nil, errors.Join(err, j.Close())
	}
	return o, head, nil
}

// first records the first entry and, last of all, writes the genesis file: a crash before that leaves an organization
// that was never opened. Where it fails, the same request can be given to it again.
func (n *Node) first(ctx context.Context, o *Org, r ledger.Request) (ledger.Receipt, error) {
	receipt, err := o.recorded(r.Command)
	if err == nil && receipt.CID == "" {
		receipt, err = o.Ledger.Execute(context.WithoutCancel(ctx), r)
	}
	g := Genesis{Source: r.Command.Ledger, CID: receipt.CID}
	switch {
	case err != nil:
	case n.cluster != nil:
		err = n.announce(ctx, o.ID, g, r.Command.Data.(*events.OrganizationOpened).Keys)
	default:
		err = stream.SyncStore(n.store(), o.ID)
	}
	if err != nil {
		return ledger.Receipt{}, err
	}
	return receipt, n.keepGenesis(o.ID, g)
}

func (n *Node) keepGenesis(id string, g Genesis) error {
	b, err := json.Marshal(g)
	if err == nil {
		err = synced.WriteFile(filepath.Join(n.orgDir(id), "genesis"), append(b, '\n'), 0o600)
	}
	return err
}

// recorded gives the receipt of an opening that is the first entry but was not acknowledged; an empty one where there is
// no entry, or where the ledger itself says what is wrong.
func (o *Org) recorded(c events.Command) (ledger.Receipt, error) {
	if o.Journal.Len() == 0 || o.Ledger.Err() != nil {
		return ledger.Receipt{}, nil
	}
	raw, err := o.Journal.Read(1)
	if err != nil {
		return ledger.Receipt{}, err
	}
	en, err := chain.Parse(raw)
	if err != nil {
		return ledger.Receipt{}, err
	}
	first := events.CommandOf(en.Event)
	c.Version = first.Version
	want, err1 := first.Digest()
	got, err2 := c.Digest()
	if err := errors.Join(err1, err2); err != nil || got != want {
		return ledger.Receipt{}, errors.Join(err, errHalfway)
	}
	return ledger.Receipt{Position: 1, CID: en.CID(), Time: en.Event.Time, Repeated: true, Event: en.Event}, nil
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
	for {
		id, err := ulid.New(uint64(ms), ids.entropy)
		if err != nil { // 2^80 ids in one millisecond
			panic("node: " + err.Error())
		}
		if !events.Hashed(id) { // that form is for the ids of imported and derived commands
			return id
		}
	}
}
