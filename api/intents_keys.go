package api

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/didkey"
	"github.com/permledger/permledger/ledger/rules"
)

func (d *draft) registerKey() (events.Data, error) {
	until, err := instant(d.in.Until)
	if err != nil {
		return nil, err
	}
	data := &events.KeyRegistered{Key: d.in.Key, Purpose: d.in.Purpose, Until: until}
	if d.in.Purpose == events.PurposeCredential || d.in.Subject != "" {
		if data.Subject, err = d.subject(d.in.Subject); err != nil {
			return nil, err
		}
	}
	if data.Subject == (ulid.ULID{}) && (data.Purpose == events.PurposeEvent || data.Purpose == events.PurposeCheckpoint) {
		data.Key, err = d.nodeKey(data.Key, data.Purpose)
	}
	return data, err
}

// rotateKey makes the new key on the node where the node is who signs with it and none is named.
func (d *draft) rotateKey() (events.Data, error) {
	until, err1 := instant(d.in.Until)
	beside, err2 := instant(d.in.Beside)
	if err := cmp.Or(err1, err2); err != nil {
		return nil, err
	}
	data := &events.KeyRotated{Old: d.in.Old, New: d.in.Key, Until: until, Beside: beside}
	for _, purpose := range []string{events.PurposeEvent, events.PurposeDocument, events.PurposeCheckpoint} {
		if data.Old != "" && data.Old == d.state.Key(purpose) {
			var err error
			data.New, err = d.nodeKey(data.New, purpose)
			return data, err
		}
	}
	return data, nil
}

func (d *draft) succeedKey() (events.Data, error) {
	data := &events.KeySucceeded{Lost: d.in.Old, Key: d.in.Key}
	var err error
	data.Key, err = d.nodeKey(data.Key, events.PurposeEvent)
	return data, err
}

// nodeKey gives the key that the node is to sign with: one that it makes, or where one is named, that one. The signer
// program may have it; whether the node can sign with it is judged when it is recorded. Both are done before anything is
// signed, so they are for who may do it in the end: an owner. Others are told what would be so, of a key that they name.
func (d *draft) nodeKey(named, purpose string) (string, error) {
	if !d.ownsKeys() {
		if named != "" {
			return named, nil
		}
		r := &rules.Refusal{Code: rules.NotPermitted, Reason: "Only the owner, or the operator of the node, has the node make a key"}
		return "", refused(r, d.call.org)
	}
	n, org := d.call.server.node, d.call.org.ID
	switch {
	case d.tried && named == "":
		public, _, err := ed25519.GenerateKey(rand.Reader)
		return didkey.Encode(public), err
	case d.tried:
		return named, nil
	case named != "":
		if err := n.HoldKey(d.call.Context(), org, named, purpose); err != nil {
			d.call.server.log.Debug("a key that was named is none of the signer program's", "organization", org, "key", named, "error", err)
		}
		return named, nil
	case purpose == events.PurposeEvent:
		return n.NewKey(org, purpose)
	}
	return n.NewSharedKey(d.call.Context(), org, purpose)
}

// ownsKeys says whether the caller is one for whom the node makes keys, and takes them from its signer program.
func (d *draft) ownsKeys() bool {
	return d.call.caller.Kind == LocalOperator || d.call.subject != (ulid.ULID{}) && d.call.subject == d.state.Owner()
}

func (d *draft) revokeKey() (events.Data, error) {
	return &events.KeyRevoked{Key: d.in.Key}, nil
}

func (d *draft) reportKey() (events.Data, error) {
	return &events.KeyReported{Key: d.in.Key, From: d.in.From}, nil
}

// inline is how many bytes of names, as written, one command holds; what is more goes into parts. It leaves room for the
// names that a role takes in because others depend on them, and for texts.
const inline = 24_000

func size(sets ...[]string) int {
	n := 0
	for _, names := range sets {
		for _, name := range names {
			n += len(name) + 3
		}
	}
	return n
}

// divide gives the parts of a set, and nothing of the set itself.
func (d *draft) divide(names []string) (rest []string, digests []events.Digest) {
	for _, part := range events.PartsOf(names) {
		d.parts = append(d.parts, part)
		digests = append(digests, events.PartDigest(part))
	}
	return nil, digests
}

func (d *draft) divideCreated(whole events.Data) events.Data {
	data := *whole.(*events.RoleCreated)
	if size(data.Permissions) > inline {
		data.Permissions, data.Parts = d.divide(data.Permissions)
	}
	return &data
}

func (d *draft) divideUpdated(whole events.Data) events.Data {
	data := *whole.(*events.RoleUpdated)
	if size(data.Add, data.Remove) > inline {
		data.Add, data.AddParts = d.divide(data.Add)
		data.Remove, data.RemoveParts = d.divide(data.Remove)
	}
	return &data
}

func (d *draft) divideSet(whole events.Data) events.Data {
	data := *whole.(*events.PermissionsSet)
	if size(data.Permissions) > inline {
		data.Permissions, data.Parts = d.divide(data.Permissions)
	}
	return &data
}
