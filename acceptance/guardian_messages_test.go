package acceptance_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/projections/topic"
)

// The DIDs of the document: of a Standard Registry, and of a user.
const (
	srDID   = "did:hedera:testnet:BJDCUTd8gFSaFwW4w7Tw8dbx7DfnkfLjJ14s2dquesS9_0.0.3579393"
	userDID = "did:hedera:testnet:EEGXZeZvcYmWj4e7cyPoDUi7rcRzkGbLBmziRrd7yrQm_0.0.3579393"
)

// The messages as the document prints them, a line each.
const (
	printedRole = `{"id":"b5aee339-860f-4702-a916-4d4dca93a885","status":"ISSUE","type":"Guardian-Role-Document","action":"create-role","lang":"en-US",` +
		`"issuer":"did:hedera:testnet:BJDCUTd8gFSaFwW4w7Tw8dbx7DfnkfLjJ14s2dquesS9_0.0.3579393","encodedData":false,` +
		`"cid":"QmUCXmE3KAe16xHEc9sr8vnPaNESKpzDGH8yKCf6jaDevp","uri":"ipfs://QmUCXmE3KAe16xHEc9sr8vnPaNESKpzDGH8yKCf6jaDevp",` +
		`"uuid":"6c0c8a7a-afef-40e2-900b-560a60945bfe","name":"Role name","description":"Role name"}`
	printedUser = `{"id":"88865f04-b599-4189-abb0-499de1de2c7d","status":"ISSUE","type":"User-Permissions","action":"set-role","lang":"en-US",` +
		`"issuer":"did:hedera:testnet:BJDCUTd8gFSaFwW4w7Tw8dbx7DfnkfLjJ14s2dquesS9_0.0.3579393","encodedData":false,` +
		`"cid":"QmfNFrWcPuoiSqMjGqogqTXRDRMEY6s68wsxU6fXTRLsAF","uri":"ipfs://QmfNFrWcPuoiSqMjGqogqTXRDRMEY6s68wsxU6fXTRLsAF",` +
		`"user":"did:hedera:testnet:EEGXZeZvcYmWj4e7cyPoDUi7rcRzkGbLBmziRrd7yrQm_0.0.3579393"}`
)

// message is a line of a topic.
type message struct {
	ID, Status, Type, Action, Lang, Issuer, CID, URI, UUID, Name, Description, User string
	EncodedData                                                                     *bool
	line                                                                            string
}

// registry opens a Standard Registry.
func standardRegistry(t *testing.T) *org {
	return openWith(t, wire.Opening{Profile: "guardian", DID: srDID})
}

// Messages gives the topic's lines. Each is what the strict reader takes, and writes again byte for byte.
func (o *org) Messages() (all []message) {
	o.t.Helper()
	for line, err := range o.Topic(o.t.Context(), o.ID, 0) {
		if err != nil {
			o.t.Fatal(err)
		}
		m := message{line: string(line)}
		if err := json.Unmarshal(line, &m); err != nil {
			o.t.Fatalf("%v: %s", err, line)
		}
		strict, err := topic.ParseMessage(line)
		if err != nil || string(strict.Bytes()) != m.line {
			o.t.Fatalf("written again it is %s, %v; was %s", strict.Bytes(), err, line)
		}
		all = append(all, m)
	}
	return all
}

// posts does something that must give one message of an action, and gives it.
func (o *org) posts(action string, in wire.Intent) message {
	o.t.Helper()
	before := len(o.Messages())
	o.As("owner").Do(in)
	all := o.Messages()
	if len(all) != before+1 || all[before].Action != action {
		o.t.Fatalf("%s gives the messages %+v", in.Kind, all[before:])
	}
	m := all[before]
	if m.Status != "ISSUE" || m.Lang != "en-US" || m.Issuer == "" || m.EncodedData == nil || *m.EncodedData {
		o.t.Errorf("the message says %s", m.line)
	}
	return m
}

// says fetches the document that a message names, holds it to the message, and gives what it says of its subject.
func (o *org) says(m message) map[string]any {
	o.t.Helper()
	file, err := o.Document(o.t.Context(), o.ID, m.CID)
	if err != nil {
		o.t.Fatal(err)
	}
	if cid := credential.CID(file); cid != m.CID {
		o.t.Errorf("the document of %s has the CID %s", m.CID, cid)
	}
	if v, err := credential.Verify(file); err != nil || v.Issuer != m.Issuer {
		o.t.Errorf("the document is issued by %q, the message says %q: %v", v.Issuer, m.Issuer, err)
	}
	var vc struct {
		Subject map[string]any `json:"credentialSubject"`
	}
	if err := json.Unmarshal(file, &vc); err != nil {
		o.t.Fatal(err)
	}
	return vc.Subject
}

func texts(list any) (out []string) {
	for _, v := range list.([]any) {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

func described(in wire.Intent, description string) wire.Intent {
	in.Description = &description
	return in
}

func TestG35ACreatedRolePostsCreateRole(t *testing.T) {
	// given a Standard Registry
	o := standardRegistry(t)

	// when it creates a role
	m := o.posts("create-role", described(createRole("Role name", "POLICIES_POLICY_READ"), "Role name"))

	// then the message is posted in the printed format
	if m.Type != "Guardian-Role-Document" || m.Name != "Role name" || m.Description != "Role name" || m.UUID == "" || m.User != "" {
		t.Errorf("%s", m.line)
	}
	// and what is refused posts none
	before := len(o.Messages())
	if err := o.As("owner").Try(createRole("Role name", "NO_SUCH_PERMISSION")); err == nil {
		t.Error("a role of an unknown permission is created")
	}
	if after := len(o.Messages()); after != before {
		t.Errorf("%d messages after a refusal; %d before", after, before)
	}
}

func TestG36AnEditedRolePostsUpdateRole(t *testing.T) {
	// given a role
	o := standardRegistry(t)
	created := o.posts("create-role", createRole("Reader", "POLICIES_POLICY_READ"))

	// when it is edited
	in, name := editRole("reader", []string{"TOKENS_TOKEN_READ"}, nil), "Policy reader"
	in.Name = &name
	m := o.posts("update-role", in)

	// then the message has the same uuid, a new id, and another document
	if m.UUID != created.UUID || m.ID == created.ID || m.CID == created.CID || m.Name != "Policy reader" || m.Type != created.Type {
		t.Errorf("%s\nafter\n%s", m.line, created.line)
	}
	if p := texts(o.says(m)["permissions"]); !slices.Contains(p, "TOKENS_TOKEN_READ") {
		t.Errorf("its document lists %v", p)
	}
}

func TestG37ADeletedRolePostsDeleteRole(t *testing.T) {
	// given a role
	o := standardRegistry(t)
	created := o.posts("create-role", createRole("Reader", "POLICIES_POLICY_READ"))

	// when it is deleted
	m := o.posts("delete-role", deleteRole("reader"))

	// then the message has status ISSUE, the same uuid, and the whole document of the last state
	if m.UUID != created.UUID || m.ID == created.ID || m.Name != "Reader" || m.Status != "ISSUE" {
		t.Errorf("%s\nafter\n%s", m.line, created.line)
	}
	if s := o.says(m); s["name"] != "Reader" || !slices.Contains(texts(s["permissions"]), "POLICIES_POLICY_READ") {
		t.Errorf("its document says %v", s)
	}
}

// userOf adds a user with the document's DID.
func (o *org) userOf(key string) {
	o.t.Helper()
	in := addSubject(o, key, "human")
	in.DID = userDID
	o.As("owner").Do(in)
}

func TestG38AChangeOfAUsersRolesPostsSetRole(t *testing.T) {
	// given a role, and a user with a DID
	o := standardRegistry(t)
	role := o.posts("create-role", createRole("Reader", "POLICIES_POLICY_READ"))
	o.userOf("dora")

	// when its roles are set, given, taken away and set to none
	for _, in := range []wire.Intent{setRoles("dora", "reader"), setRoles("dora"), assign("reader", "dora"), revoke("reader", "dora")} {
		m := o.posts("set-role", in)

		// then the message names the user by its DID
		if m.Type != "User-Permissions" || m.User != userDID || m.UUID != "" || m.Name != "" {
			t.Errorf("%s: %s", in.Kind, m.line)
		}
		// and the document lists the roles that are left, none where none is
		has := in.Kind == wire.AssignRole || len(in.Roles) > 0
		if held, _ := o.says(m)["roles"].([]any); slices.ContainsFunc(held, func(r any) bool { return r.(map[string]any)["uuid"] == role.UUID }) != has {
			t.Errorf("after %s %v the document says %v", in.Kind, in.Roles, held)
		}
	}
}

// members gives the names of a message's members in their order.
func members(t *testing.T, line string) string {
	t.Helper()
	var names []string
	dec := json.NewDecoder(strings.NewReader(line))
	for name := false; ; name = !name {
		tok, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		switch tok {
		case json.Delim('{'):
			name = false
			continue
		case json.Delim('}'):
			return strings.Join(names, " ")
		}
		if name {
			names = append(names, tok.(string))
		}
	}
}

func TestG39RoleMessagesHaveThePrintedMembers(t *testing.T) {
	o := standardRegistry(t)
	// given messages of a role's whole life
	for _, m := range []message{
		o.posts("create-role", described(createRole("Reader", "POLICIES_POLICY_READ"), "Reads")),
		o.posts("update-role", editRole("reader", []string{"TOKENS_TOKEN_READ"}, nil)),
		o.posts("delete-role", deleteRole("reader")),
	} {
		// then each has the members of the printed one in their order
		if got, want := members(t, m.line), members(t, printedRole); got != want || want != "id status type action lang issuer encodedData cid uri uuid name description" {
			t.Errorf("%s has the members\n%s; the document prints\n%s", m.Action, got, want)
		}
		if m.Type != "Guardian-Role-Document" {
			t.Errorf("%s", m.line)
		}
	}
}

func TestG40UserMessagesHaveThePrintedMembers(t *testing.T) {
	// given a user whose roles are set
	o := standardRegistry(t)
	o.As("owner").CreateRole("Reader", "POLICIES_POLICY_READ")
	o.userOf("dora")
	m := o.posts("set-role", setRoles("dora", "reader"))

	// then the message has the members of the printed one in their order
	if got, want := members(t, m.line), members(t, printedUser); got != want || want != "id status type action lang issuer encodedData cid uri user" {
		t.Errorf("it has the members\n%s; the document prints\n%s", got, want)
	}
}

func TestG41TheCIDLeadsToTheDocument(t *testing.T) {
	// given a message of a role, and one of a user
	o := standardRegistry(t)
	role := o.posts("create-role", described(createRole("Reader", "POLICIES_POLICY_READ"), "Reads"))
	o.userOf("dora")
	user := o.posts("set-role", setRoles("dora", "reader"))

	// when their cids are fetched, then the one lists the permissions of the role
	s := o.says(role)
	if s["type"] != "Role" || s["uuid"] != role.UUID || s["name"] != "Reader" || s["description"] != "Reads" || !slices.Equal(texts(s["permissions"]), []string{"POLICIES_POLICY_READ"}) {
		t.Errorf("the document of the role says %v", s)
	}
	// and the other the roles of the user
	s = o.says(user)
	held, _ := s["roles"].([]any)
	if s["type"] != "UserPermissions" || s["userId"] != userDID || len(held) != 1 || held[0].(map[string]any)["uuid"] != role.UUID || held[0].(map[string]any)["name"] != "Reader" {
		t.Errorf("the document of the user says %v", s)
	}
	// and the program gives the same bytes
	file, err := o.Document(t.Context(), o.ID, role.CID)
	if out := o.Run("", "cat", role.CID); err != nil || out != string(file) {
		t.Errorf("cat gives %q, %v", out, err)
	}
}

func TestG42TheURIIsThatOfTheCID(t *testing.T) {
	// given every kind of message
	o := standardRegistry(t)
	o.As("owner").CreateRole("Reader", "POLICIES_POLICY_READ")
	o.As("owner").EditRole("reader", []string{"TOKENS_TOKEN_READ"}, nil)
	o.userOf("dora")
	o.As("owner").Assign("reader", "dora")
	o.As("owner").Revoke("reader", "dora")
	o.As("owner").DeleteRole("reader")

	// then each has a uri that is ipfs:// and its cid
	actions := map[string]bool{}
	for _, m := range o.Messages() {
		actions[m.Action] = true
		if m.CID == "" || m.URI != "ipfs://"+m.CID {
			t.Errorf("%s", m.line)
		}
	}
	if len(actions) != 4 {
		t.Errorf("only %v were posted", actions)
	}
}

// checked lets the program read a file of messages.
func (o *org) checked(lines string) ran {
	o.t.Helper()
	path := filepath.Join(o.t.TempDir(), "topic.jsonl")
	if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
		o.t.Fatal(err)
	}
	return o.CLI("", "topic", "check", path)
}

func TestG43EveryLineIsReadAndWrittenAgain(t *testing.T) {
	// given the messages of a registry, as a file
	o := standardRegistry(t)
	in, name := described(createRole("Gross", "POLICIES_POLICY_READ"), "a, \\ and ü"), `Groß "<&>"`
	in.Name = &name
	o.As("owner").Do(in)
	o.userOf("dora")
	o.Add("joe")
	o.As("owner").Assign("gross", "dora")
	o.As("owner").Assign("gross", "joe")
	file := o.Run("", "topic")
	if strings.Count(file, "\n") < 2 {
		t.Fatalf("the file is %q", file)
	}

	// when the strict reader reads it, then it writes the same bytes
	if r := o.checked(file); r.Code != 0 || r.Out != file {
		t.Errorf("%+v; was %s", r, file)
	}
	// and it takes no line that Guardian would not write
	for name, spoil := range map[string]func(string) string{
		"a space":         func(s string) string { return strings.Replace(s, `,"status"`, `, "status"`, 1) },
		"another order":   func(s string) string { return strings.Replace(s, `"lang":"en-US",`, ``, 1) },
		"another status":  func(s string) string { return strings.Replace(s, `"ISSUE"`, `"REVOKE"`, 1) },
		"another uri":     func(s string) string { return strings.Replace(s, `ipfs://b`, `ipfs://c`, 1) },
		"an unknown kind": func(s string) string { return strings.Replace(s, `create-role`, `made-role`, 1) },
	} {
		spoiled := spoil(file)
		if r := o.checked(spoiled); spoiled == file || r.Code == 0 || !strings.Contains(r.Err, "line 1") {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestG44ThePrintedMessagesAreReadAndWrittenAgain(t *testing.T) {
	// given the two messages that the document prints
	o := standardRegistry(t)
	file := printedRole + "\n" + printedUser + "\n"

	// when they are read and written again, then they are equal byte for byte
	if r := o.checked(file); r.Code != 0 || r.Out != file {
		t.Errorf("%+v; was %s", r, file)
	}
}
