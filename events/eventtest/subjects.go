package eventtest

import (
	"bytes"
	"slices"

	"pgregory.net/rapid"

	"github.com/permledger/permledger/events"
)

func added(t *rapid.T, version int) events.Data {
	d := &events.SubjectAdded{
		Subject: ID().Draw(t, "subject"), Key: Key().Draw(t, "key"), Kind: Token().Draw(t, "kind"),
		DID: optional(t, "did", DID()), Credential: optional(t, "credential", DIDKey()),
		DisplayName: optional(t, "display name", Digest()), Email: optional(t, "e-mail", Digest()),
	}
	if version > 1 {
		d.Auth, d.Holder, d.Properties = optional(t, "auth", Token()), optional(t, "holder", ID()), properties(t)
		d.Reference, d.Roles, d.DefaultRole = optional(t, "reference", Name()), ids(t, "roles"), optional(t, "default role", ID())
	}
	return d
}

func invited(t *rapid.T, _ int) events.Data {
	return &events.SubjectInvited{
		Subject: ID().Draw(t, "subject"), Key: Key().Draw(t, "key"), Kind: Token().Draw(t, "kind"),
		DisplayName: optional(t, "display name", Digest()), Email: optional(t, "e-mail", Digest()), Auth: optional(t, "auth", Token()),
		Invitation: DIDKey().Draw(t, "invitation"), Properties: properties(t), Reference: optional(t, "reference", Name()),
		Roles: ids(t, "roles"), Until: Time().Draw(t, "until"), DefaultRole: optional(t, "default role", ID()),
	}
}

func changed(t *rapid.T, _ int) events.Data {
	d := &events.SubjectUpdated{
		Subject: ID().Draw(t, "subject"), DisplayName: optional(t, "display name", Digest()), Email: optional(t, "e-mail", Digest()),
		Holder: optional(t, "holder", ID()), Properties: properties(t),
	}
	if d.Properties == nil && rapid.Bool().Draw(t, "properties are taken away") {
		d.Properties = []events.Property{}
	}
	if rapid.Bool().Draw(t, "has reference") {
		text := optional(t, "reference", Name())
		d.Reference = &text
	}
	d.Unassigned = d.Holder.IsZero() && rapid.Bool().Draw(t, "unassigned")
	return d
}

func erased(t *rapid.T, _ int) events.Data {
	texts := append(digests(t, "texts"), Digest().Draw(t, "one more"))
	slices.SortFunc(texts, func(a, b events.Digest) int { return bytes.Compare(a[:], b[:]) })
	return &events.SubjectErased{Subject: ID().Draw(t, "subject"), Texts: slices.Compact(texts)}
}
