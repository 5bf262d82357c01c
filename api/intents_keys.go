package api

import (
	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/events"
)

func (d *draft) registerKey() (events.Data, error) {
	data := &events.KeyRegistered{Key: d.in.Key, Purpose: d.in.Purpose}
	var err error
	if d.in.Purpose == events.PurposeCredential || d.in.Subject != "" {
		if data.Subject, err = d.subject(d.in.Subject); err != nil {
			return nil, err
		}
	}
	if data.Key == "" && data.Purpose == events.PurposeEvent && data.Subject == (ulid.ULID{}) {
		data.Key, err = d.call.server.node.NewKey(d.call.org.ID)
	}
	return data, err
}

// rotateKey makes the new key on the node where the node is who signs with it and none is named.
func (d *draft) rotateKey() (events.Data, error) {
	data := &events.KeyRotated{Old: d.in.Old, New: d.in.Key}
	var err error
	switch {
	case data.New != "" || data.Old == "":
	case data.Old == d.state.Key(events.PurposeEvent):
		data.New, err = d.call.server.node.NewKey(d.call.org.ID)
	case data.Old == d.state.Key(events.PurposeDocument):
		data.New, err = d.call.server.node.NewSharedKey(d.call.Context(), d.call.org.ID, events.PurposeDocument)
	case data.Old == d.state.Key(events.PurposeCheckpoint):
		data.New, err = d.call.server.node.NewSharedKey(d.call.Context(), d.call.org.ID, events.PurposeCheckpoint)
	}
	return data, err
}

func (d *draft) succeedKey() (events.Data, error) {
	data := &events.KeySucceeded{Lost: d.in.Old, Key: d.in.Key}
	var err error
	if data.Key == "" {
		data.Key, err = d.call.server.node.NewKey(d.call.org.ID)
	}
	return data, err
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
