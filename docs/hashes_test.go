package docs_test

import (
	"encoding/base64"
	"encoding/hex"
	"testing"
	"time"

	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/chain"
)

// Given the hashes of section 3, then the published vectors are what the code gives. That the code is right is tested
// where it stands, against a second writing of each.
func TestHashVectors(t *testing.T) {
	type object = map[string]any
	b64 := func(d events.Digest) string { return base64.RawURLEncoding.EncodeToString(d[:]) }
	imported := func(i events.Import) object {
		in := object{"format": i.Format, "source": i.Source, "record": i.Record, "part": i.Part}
		if !i.Occurred.IsZero() {
			in["occurred"] = i.Occurred.Format("2006-01-02T15:04:05.000Z")
		}
		return object{"import": in, "id": events.ImportID(i).String(), "role": events.ThingID("role", i).String(), "subject": events.ThingID("subject", i).String()}
	}
	occurred := time.Date(2024, 2, 29, 23, 59, 59, 999e6, time.UTC)
	derived := events.Derived{From: id(start, 9), Row: 3}
	salt := [32]byte{}
	for i := range salt {
		salt[i] = byte(i)
	}
	sets := []object{}
	for _, names := range [][]string{{}, {"role.create"}, {`a"b`, `a\b`}, {"acme:asset.mint", "asset.mint", "asset.view"}} {
		sets = append(sets, object{"names": names, "part": b64(events.PartDigest(names)), "set": b64(events.SetDigest(names))})
	}
	pae := []object{}
	for _, x := range [][2]string{{"http://example.com/HelloWorld", "hello world"}, {"ü", "日"}, {"", ""}} {
		pae = append(pae, object{"type": x[0], "payload": x[1], "encoding": string(events.PAE(x[0], []byte(x[1])))})
	}
	cids := []object{}
	for _, s := range []string{"", "hello world"} {
		cids = append(cids, object{"bytes": s, "cid": chain.CID([]byte(s))})
	}
	published(t, "vectors/hashes.json", indented(t, object{
		"about": "Ids, digests and encodings of format.md, sections 1.6, 3.3, 3.4 and 5. Strings stand for their UTF-8 bytes; salts are in hexadecimal.",
		"imported": []object{
			imported(events.Import{Format: "role-history", Source: "roles.json", Record: "roles/7", Part: 12, Occurred: occurred}),
			imported(events.Import{Format: "f", Source: "s", Record: "r"}),
		},
		"derived": []object{{
			"type": "grant.ended", "from": derived.From.String(), "row": derived.Row, "instant": occurred.Format("2006-01-02T15:04:05.000Z"),
			"id": events.DerivedID("grant.ended", derived, occurred).String(),
		}},
		"sets":        sets,
		"commitments": []object{{"salt": hex.EncodeToString(salt[:]), "text": "Änne Müller", "commitment": b64(events.Commit(salt, "Änne Müller"))}},
		"pae":         pae,
		"cids":        cids,
	}))
}
