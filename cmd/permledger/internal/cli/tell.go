package cli

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/node"
)

// telling is the story on its way into a ledger: prepared, signed by who acts, and recorded, like everybody's commands.
type telling struct {
	session *session
	keys    map[string]ed25519.PrivateKey // of each who acts
	held    uint64                        // a position at which the role held the permission that the story asks about
	refused act
	problem wire.Problem // why
}

// tell opens the organizations and records the story.
func tell(ctx context.Context, c *client.Client, dir string) (*telling, error) {
	t := &telling{session: &session{Client: c, org: storyOrganization}, keys: map[string]ed25519.PrivateKey{}, refused: storyRefused()}
	members := t.makeKeys(dir)
	if _, err := openOrganization(ctx, c, dir, operatorOpening()); err != nil {
		return nil, err
	}
	if _, err := openOrganization(ctx, c, dir, storyOpening()); err != nil {
		return nil, err
	}
	if err := members(); err != nil {
		return nil, err
	}
	var err error
	if t.keys[storyOwner], err = node.ReadKey(ownerKeyFile(dir, storyOrganization)); err != nil {
		return nil, err
	}
	for _, acts := range storyBefore() {
		if _, err := t.record(ctx, acts); err != nil {
			return nil, err
		}
	}
	if err := t.refuse(ctx); err != nil {
		return nil, err
	}
	after, err := t.record(ctx, storyAfter())
	if err != nil {
		return nil, err
	}
	t.held = after[0].Seq
	return t, nil
}

// makeKeys makes the keys of those who join, meanwhile; what it gives waits for them.
func (t *telling) makeKeys(dir string) (wait func() error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for _, acts := range storyBefore() {
		for _, a := range acts {
			if a.intent.Kind != wire.AddSubject {
				continue
			}
			all.Go(func() {
				key, err := newKeyAt(filepath.Join(dir, "keys", a.intent.Subject+".key"))
				mu.Lock()
				defer mu.Unlock()
				t.keys[a.intent.Subject] = key
				failed = errors.Join(failed, err)
			})
		}
	}
	return func() error {
		all.Wait()
		return failed
	}
}

// record records acts that need nothing of each other to be prepared, together.
func (t *telling) record(ctx context.Context, acts []act) ([]wire.Receipt, error) {
	subs := make([]wire.Submission, len(acts))
	for i, a := range acts {
		var err error
		if subs[i], err = t.submission(ctx, a); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", a.who, a.intent.Kind, err)
		}
	}
	outcomes, err := t.session.Submit(ctx, storyOrganization, subs, client.StopNever)
	if err != nil {
		return nil, err
	}
	receipts := make([]wire.Receipt, len(acts))
	for i, o := range outcomes {
		if o.Problem != nil {
			return nil, fmt.Errorf("%s: %s: %w", acts[i].who, acts[i].intent.Kind, &client.Error{Problem: *o.Problem})
		}
		receipts[i] = *o.Recorded
	}
	return receipts, nil
}

// refuse tries what is not permitted, and fails if it is.
func (t *telling) refuse(ctx context.Context) error {
	sub, err := t.submission(ctx, t.refused)
	if err != nil {
		return err
	}
	outcomes, err := t.session.Submit(ctx, storyOrganization, []wire.Submission{sub}, client.StopNever)
	if err != nil {
		return err
	}
	if outcomes[0].Problem == nil {
		return fmt.Errorf("%s: %s was recorded, and should have been refused", t.refused.who, t.refused.intent.Kind)
	}
	t.problem = *outcomes[0].Problem
	return nil
}

// submission prepares and signs what somebody does.
func (t *telling) submission(ctx context.Context, a act) (wire.Submission, error) {
	in, key := a.intent, t.keys[a.who]
	in.Credential = didOf(key)
	var texts []wire.Text
	private := func(member *string, text string) {
		if text != "" {
			commitment, said := client.Commit(text)
			*member, texts = commitment, append(texts, said)
		}
	}
	private(&in.Reason, a.why)
	private(&in.DisplayName, a.name)
	if in.Kind == wire.AddSubject {
		in.SubjectKey = didOf(t.keys[in.Subject])
		in.DID = in.SubjectKey
	}
	if a.days > 0 {
		in.Until = time.Now().UTC().AddDate(0, 0, a.days).Truncate(time.Hour).Format(time.RFC3339)
	}
	p, err := t.session.Prepare(ctx, storyOrganization, in)
	if err != nil {
		return wire.Submission{}, err
	}
	cmd, _, err := events.ParseCommand(p.Command)
	if err != nil {
		return wire.Submission{}, err
	}
	sub, err := client.Sign(&cmd, key)
	sub.Texts = texts
	return sub, err
}
