package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/projections/topic"
)

// registry is a Standard Registry: an organization of profile guardian, with its catalogue.
func registry(t *testing.T) func(args ...string) []byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ledger")
	permledger(t, "init", dir)
	sr := func(args ...string) []byte {
		t.Helper()
		return permledger(t, append(args, "--data", dir, "--org", "sr")...)
	}
	permledger(t, "org", "open", "sr", "--data", dir, "--profile", "guardian", "--name", "Standard Registry")
	return sr
}

// messages gives the topic's lines. Each must be what our strict reader takes and writes again byte for byte (G43).
func messages(t *testing.T, sr func(...string) []byte) []topic.Message {
	t.Helper()
	var all []topic.Message
	for line := range bytes.Lines(sr("topic")) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		m, err := topic.ParseMessage(line)
		if err != nil {
			t.Fatalf("G43: %v: %s", err, line)
		}
		if !bytes.Equal(m.Bytes(), line) {
			t.Fatalf("G43: written again it is %s; was %s", m.Bytes(), line)
		}
		all = append(all, m)
	}
	return all
}

// document fetches what a message's cid names (G41, G42) and gives the credential's subject.
func document(t *testing.T, sr func(...string) []byte, m topic.Message) map[string]any {
	t.Helper()
	file := sr("cat", m.CID)
	if credential.CID(file) != m.CID {
		t.Errorf("G41: cat %s gives a file of %s", m.CID, credential.CID(file))
	}
	if v, err := credential.Verify(file); err != nil || v.Issuer != m.Issuer {
		t.Errorf("G41: the document is issued by %q, the message says %q: %v", v.Issuer, m.Issuer, err)
	}
	var vc struct {
		Subject map[string]any `json:"credentialSubject"`
	}
	if err := json.Unmarshal(file, &vc); err != nil {
		t.Fatal(err)
	}
	return vc.Subject
}

func last(t *testing.T, sr func(...string) []byte, action topic.Action) topic.Message {
	t.Helper()
	all := messages(t, sr)
	if len(all) == 0 || all[len(all)-1].Action != action {
		t.Fatalf("the last of %d messages is not %s", len(all), action)
	}
	return all[len(all)-1]
}

func TestG35G41CreateRolePostsAMessage(t *testing.T) {
	// Given a Standard Registry, when it creates a role
	sr := registry(t)
	sr("role", "create", "Role name", "--description", "Role name", "--allow", "POLICIES_POLICY_READ")
	// then a message create-role says so, and its document lists the permissions
	m := last(t, sr, topic.CreateRole)
	if m.Name != "Role name" || m.Description != "Role name" {
		t.Errorf("got %+v", m)
	}
	if s := document(t, sr, m); s["uuid"] != m.UUID || s["type"] != "Role" || len(s["permissions"].([]any)) == 0 || s["permissions"].([]any)[0] != "POLICIES_POLICY_READ" {
		t.Errorf("the document says %v", s)
	}
}

func TestG36UpdateRolePostsAMessage(t *testing.T) {
	sr := registry(t)
	sr("role", "create", "Reader", "--allow", "POLICIES_POLICY_READ")
	created := last(t, sr, topic.CreateRole)
	sr("role", "edit", "reader", "--name", "Policy reader")
	m := last(t, sr, topic.UpdateRole)
	if m.UUID != created.UUID || m.ID == created.ID || m.CID == created.CID || m.Name != "Policy reader" {
		t.Errorf("got %+v after %+v", m, created)
	}
}

func TestG37DeleteRolePostsAMessage(t *testing.T) {
	sr := registry(t)
	sr("role", "create", "Reader", "--allow", "POLICIES_POLICY_READ")
	created := last(t, sr, topic.CreateRole)
	sr("role", "rm", "reader", "--yes")
	m := last(t, sr, topic.DeleteRole)
	if m.UUID != created.UUID || m.ID == created.ID || m.Name != "Reader" {
		t.Errorf("got %+v after %+v", m, created)
	}
	if s := document(t, sr, m); s["name"] != "Reader" { // the whole document of the last state
		t.Errorf("the document says %v", s)
	}
}

func TestG38SetRolePostsAMessage(t *testing.T) {
	const did = "did:hedera:testnet:EEGXZeZvcYmWj4e7cyPoDUi7rcRzkGbLBmziRrd7yrQm_0.0.3579393"
	sr := registry(t)
	sr("role", "create", "Reader", "--allow", "POLICIES_POLICY_READ")
	role := last(t, sr, topic.CreateRole)
	sr("user", "add", "dora", "--did", did)
	for _, roles := range [][]string{{"reader"}, {}} {
		sr(append([]string{"set", "dora"}, roles...)...)
		m := last(t, sr, topic.SetRole)
		if m.User != did {
			t.Errorf("the message is about %q; want %q", m.User, did)
		}
		s := document(t, sr, m)
		held, _ := s["roles"].([]any)
		if s["userId"] != did || len(held) != len(roles) || len(held) == 1 && held[0].(map[string]any)["uuid"] != role.UUID {
			t.Errorf("with the roles %v the document says %v", roles, s)
		}
	}
}

// TestG39G40G42G43FormOfMessages: the members and their order, and that the uri is that of the cid.
func TestG39G40G42G43FormOfMessages(t *testing.T) {
	sr := registry(t)
	sr("role", "create", "Reader", "--description", "Reads", "--allow", "POLICIES_POLICY_READ")
	sr("user", "add", "dora")
	sr("set", "dora", "reader")
	lines := strings.Split(strings.TrimSpace(string(sr("topic"))), "\n")
	all := messages(t, sr)
	if len(lines) < 2 || len(all) != len(lines) {
		t.Fatalf("%d messages", len(lines))
	}
	lines, all = lines[len(lines)-2:], all[len(all)-2:] // before stand those of the roles that a registry begins with
	want := []string{
		"id status type action lang issuer encodedData cid uri uuid name description",
		"id status type action lang issuer encodedData cid uri user",
	}
	for i, line := range lines {
		var names []string
		dec := json.NewDecoder(strings.NewReader(line))
		for depth, name := 0, false; dec.More() || depth > 0; {
			tok, err := dec.Token()
			if err != nil {
				t.Fatal(err)
			}
			if d, ok := tok.(json.Delim); ok {
				if depth++; d == '}' {
					break
				}
				name = true
				continue
			}
			if name {
				names = append(names, tok.(string))
			}
			name = !name
		}
		if got := strings.Join(names, " "); got != want[i] {
			t.Errorf("message %d has the members %s; want %s", i, got, want[i])
		}
		m := all[i]
		if !strings.Contains(line, `"uri":"ipfs://`+m.CID+`"`) {
			t.Errorf("message %d: the uri is not that of its cid: %s", i, line)
		}
	}
}
