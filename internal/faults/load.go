package faults

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/node"
)

// Load writes to the ledger of a data directory: several writers, each signing with a key of its own, single commands
// and batches, small and large ones, some with a private text. It keeps what was acknowledged, and what was sent without
// an answer, over any number of servers that come and go. The commands follow from the seed; their ids do not, for they
// hold the time.
type Load struct {
	writers []writer
	alone   bool // only one of them writes, and single commands: what the journal writes over zeros. Not while it runs

	mu      sync.Mutex
	rng     *rand.Rand
	acks    []Ack
	unclear map[string]wire.Submission
	onAck   func(Ack)
	awaited int    // acknowledgements still to come before
	enough  func() // is called
	stopped int    // commands that were answered with: not recorded, or not known
	refused error  // the first refusal: the load asks only for what is allowed
	made    int
	fat     bool   // all commands are long
	name    string // tells the roles of this load from those of others on the same ledger
}

// writer is a subject of the ledger and what it signs with.
type writer struct {
	ledger string
	actor  ulid.ULID
	key    ed25519.PrivateKey
	owner  bool
}

const (
	writersBeside = 3    // the owner
	maxBatch      = 12   // commands
	longText      = 6000 // bytes of the longest description
)

// Init makes a data directory by `permledger init`, whose answer is the first acknowledgement.
func (p *Program) Init(ctx context.Context, dir string) (Ack, error) {
	if _, err := p.Run(ctx, "init", dir); err != nil {
		return Ack{}, err
	}
	all, err := readEntries(dir)
	if err != nil || len(all) != 1 {
		return Ack{}, fmt.Errorf("init left %d entries: %w", len(all), err)
	}
	return Ack{ID: all[0].id, Position: 1, CID: all[0].cid}, nil
}

// NewLoad makes a load of the ledger that a server serves. keys is a data directory that holds the owner's key. onAck, which
// may be nil, is told of each acknowledgement as soon as it is read, by one goroutine at a time.
func NewLoad(ctx context.Context, c *client.Client, keys string, seed uint64, onAck func(Ack)) (*Load, error) {
	l := &Load{rng: rand.New(rand.NewPCG(seed, 1)), unclear: map[string]wire.Submission{}, onAck: onAck}
	l.name = fmt.Sprintf("%06x", l.rng.IntN(1<<24))
	key, err := node.ReadKey(filepath.Join(keys, "keys", "owner.key"))
	if err != nil {
		return nil, fmt.Errorf("make a load: %w", err)
	}
	org, err := c.Organization(ctx, Organization, client.Read{})
	if err != nil {
		return nil, fmt.Errorf("make a load: %w", err)
	}
	one, err := c.CredentialOwner(ctx, Organization, did(key))
	if err != nil {
		return nil, fmt.Errorf("make a load: %w", err)
	}
	actor, err := ulid.ParseStrict(one.Item.ID)
	if err != nil {
		return nil, fmt.Errorf("make a load: %w", err)
	}
	owner := writer{org.Ledger, actor, key, true}
	l.writers = append(l.writers, owner)
	for i := range writersBeside {
		if err := l.hire(ctx, c, owner, i); err != nil {
			return nil, fmt.Errorf("make a load: %w", err)
		}
	}
	return l, nil
}

// hire adds a subject with a credential of its own that may create roles.
func (l *Load) hire(ctx context.Context, c *client.Client, owner writer, i int) error {
	seed := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("writer"), l.rng.Uint64()))
	w := writer{ledger: owner.ledger, actor: newID(), key: ed25519.NewKeyFromSeed(seed[:])}
	for _, d := range []events.Data{
		&events.SubjectAdded{Subject: w.actor, Key: fmt.Sprintf("writer%s-%d", l.name, i), Kind: events.KindTechnical, Credential: did(w.key)},
		&events.PermissionGranted{Subject: w.actor, Permission: "ledger:role.create"},
	} {
		sub, id, err := owner.sign(d, "")
		if err != nil {
			return err
		}
		if err := l.submit(ctx, c, []signed{{id, sub}}); err != nil {
			return err
		}
	}
	l.writers = append(l.writers, w)
	return l.Err()
}

func did(key ed25519.PrivateKey) string { return didkey.Encode(key.Public().(ed25519.PublicKey)) }

func newID() ulid.ULID { return node.NewID(time.Now().UnixMilli()) }

// sign makes the submission of a change; a reason that is not empty comes along as a private text.
func (w writer) sign(d events.Data, reason string) (wire.Submission, string, error) {
	cmd := events.Command{ID: newID(), Ledger: w.ledger, Actor: w.actor, Auth: events.Auth{Method: events.MethodSignature, Credential: did(w.key)}, Data: d}
	var texts []wire.Text
	if reason != "" {
		text := private.New(reason)
		cmd.Reason = text.Commitment()
		texts = []wire.Text{{Salt: base64.RawURLEncoding.EncodeToString(text.Salt[:]), Text: text.Text}}
	}
	sub, err := client.Sign(&cmd, w.key)
	sub.Texts = texts
	return sub, cmd.ID.String(), err
}

// signed is a submission with the id of its command.
type signed struct {
	id  string
	sub wire.Submission
}

// until has enough called once n more commands are acknowledged.
func (l *Load) until(n int, enough func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.awaited, l.enough = n, enough
}

// Run lets all writers write until ctx ends or a server no longer answers. It returns when all have stopped.
func (l *Load) Run(ctx context.Context, c *client.Client) {
	var all sync.WaitGroup
	writers := l.writers
	if l.alone {
		writers = writers[1:2]
	}
	for _, w := range writers {
		all.Go(func() {
			for ctx.Err() == nil {
				batch, err := l.next(w)
				if err == nil {
					err = l.submit(ctx, c, batch)
				}
				if err != nil {
					return
				}
			}
		})
	}
	all.Wait()
}

// next makes the next commands of a writer.
func (l *Load) next(w writer) ([]signed, error) {
	l.mu.Lock()
	type change struct {
		d      events.Data
		reason string
	}
	n := 1
	if !l.alone && l.rng.IntN(3) == 0 {
		n += l.rng.IntN(maxBatch)
	}
	changes := make([]change, n)
	for i := range changes {
		l.made++
		size := l.rng.IntN(200)
		if l.fat {
			size = longText
		} else if l.rng.IntN(20) == 0 {
			size = l.rng.IntN(longText)
		}
		role := &events.RoleCreated{Role: newID(), Key: fmt.Sprintf("role%s-%d", l.name, l.made), Name: fmt.Sprintf("Role %d", l.made), Description: strings.Repeat("what it is for ", size/15)}
		if w.owner {
			role.Permissions = []string{fmt.Sprintf("thing%d.read", l.rng.IntN(50))}
		}
		changes[i].d = role
		if l.rng.IntN(4) == 0 {
			changes[i].reason = fmt.Sprintf("because of %d", l.made)
		}
	}
	l.mu.Unlock()
	batch := make([]signed, n)
	for i, ch := range changes {
		sub, id, err := w.sign(ch.d, ch.reason)
		if err != nil {
			return nil, err
		}
		batch[i] = signed{id, sub}
	}
	return batch, nil
}

// submit sends commands and takes in the answers. What has no answer is unclear from then on.
func (l *Load) submit(ctx context.Context, c *client.Client, batch []signed) error {
	l.mu.Lock()
	for _, s := range batch {
		l.unclear[s.id] = s.sub
	}
	l.mu.Unlock()
	stream := c.Stream(ctx, Organization, client.StopNever)
	defer stream.Close()
	go func() {
		for _, s := range batch {
			if stream.Send(s.sub) != nil {
				return
			}
		}
		_ = stream.CloseSend()
	}()
	stopped := false
	for _, s := range batch {
		o, err := stream.Receive()
		if err != nil {
			return err
		}
		l.answered(s, o)
		stopped = stopped || o.Problem != nil && o.Problem.Status >= 500
	}
	if stopped {
		return errStopped
	}
	return nil
}

// errStopped says that the server takes no more commands.
var errStopped = errors.New("the server takes no more commands")

func (l *Load) answered(s signed, o wire.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o.Recorded == nil {
		// A server that is stopping or has stopped writing says so, and a retry finds out what became of the command.
		if o.Problem.Status >= 500 {
			l.stopped++
		} else if l.refused == nil {
			l.refused = fmt.Errorf("the command %s was refused: %s %s", s.id, o.Problem.Title, o.Problem.Detail)
		}
		return
	}
	delete(l.unclear, s.id)
	a := Ack{s.id, o.Recorded.Seq, o.Recorded.CID, len(s.sub.Texts)}
	l.acks = append(l.acks, a)
	if l.onAck != nil {
		l.onAck(a)
	}
	if l.awaited--; l.awaited == 0 {
		l.enough()
	}
}

// Retry sends again what has no answer yet, with the same ids, to a server that started anew. It gives how many of them
// were recorded before and how many only now.
func (l *Load) Retry(ctx context.Context, c *client.Client) (before, now int, err error) {
	l.mu.Lock()
	var batch []signed
	for _, id := range slices.Sorted(maps.Keys(l.unclear)) {
		batch = append(batch, signed{id, l.unclear[id]})
	}
	l.mu.Unlock()
	outcomes, err := c.Submit(ctx, Organization, submissions(batch), client.StopNever)
	for i, o := range outcomes {
		l.answered(batch[i], o)
		if o.Recorded != nil && o.Recorded.Repeated {
			before++
		} else if o.Recorded != nil {
			now++
		}
	}
	if err == nil {
		err = l.Err()
	}
	return before, now, err
}

func submissions(batch []signed) []wire.Submission {
	subs := make([]wire.Submission, len(batch))
	for i := range batch {
		subs[i] = batch[i].sub
	}
	return subs
}

// Acks gives what was acknowledged so far.
func (l *Load) Acks() []Ack {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.acks)
}

// Unclear gives how many commands have no answer.
func (l *Load) Unclear() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.unclear)
}

// Stopped gives how many answers said that a command was not recorded, or that this is not known, because the server
// cannot write.
func (l *Load) Stopped() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stopped
}

// Err gives the first refusal: there ought to be none.
func (l *Load) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refused
}
