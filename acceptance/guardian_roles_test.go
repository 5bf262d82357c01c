package acceptance_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/ledger/credential"
	"github.com/permledger/permledger/projections/topic"
)

// userDID is the user's of the document's printed message.
const userDID = "did:hedera:testnet:EEGXZeZvcYmWj4e7cyPoDUi7rcRzkGbLBmziRrd7yrQm_0.0.3579393"

// user adds a user of a Standard Registry, who has a DID.
func (o *org) user(key, did string) {
	o.t.Helper()
	in := addSubject(o, key, events.KindHuman)
	in.DID = did
	o.As("owner").Do(in)
}

// messages gives the topic's messages. Each line is what the strict reader takes, and writes again byte for byte.
func (o *org) messages() []topic.Message {
	o.t.Helper()
	var all []topic.Message
	for line := range strings.Lines(o.HTTP("GET", "/topic", nil).Body) {
		line = strings.TrimSuffix(line, "\n")
		m, err := topic.ParseMessage([]byte(line))
		if err != nil {
			o.t.Fatalf("%v: %s", err, line)
		}
		if string(m.Bytes()) != line {
			o.t.Fatalf("written again it is %s; was %s", m.Bytes(), line)
		}
		all = append(all, m)
	}
	return all
}

func (o *org) last(action topic.Action) topic.Message {
	o.t.Helper()
	all := o.messages()
	if len(all) == 0 || all[len(all)-1].Action != action {
		o.t.Fatalf("the last of %d messages is not %s", len(all), action)
	}
	return all[len(all)-1]
}

// credentialSubject fetches what a message's cid names, verifies it, and gives whom or what it speaks of.
func (o *org) credentialSubject(m topic.Message) map[string]any {
	o.t.Helper()
	file := []byte(o.HTTP("GET", "/documents/"+m.CID, nil).Body)
	if credential.CID(file) != m.CID {
		o.t.Errorf("%s leads to a file of %s", m.CID, credential.CID(file))
	}
	if v, err := credential.Verify(file); err != nil || v.Issuer != m.Issuer {
		o.t.Errorf("the document is issued by %q, the message by %q: %v", v.Issuer, m.Issuer, err)
	}
	var vc struct {
		Subject map[string]any `json:"credentialSubject"`
	}
	if err := json.Unmarshal(file, &vc); err != nil {
		o.t.Fatal(err)
	}
	return vc.Subject
}

func TestG1CategoryEntityAndActionAreFieldsOfTheCatalogue(t *testing.T) {
	o := founded(t, "guardian")
	odd := 0
	for _, p := range read[wire.List[wire.Permission]](o, o.HTTP("GET", "/permissions", nil)).Items {
		if p.Catalogue != "guardian" {
			continue
		}
		if p.Category == "" || p.Entity == "" || p.Action == "" {
			t.Errorf("%+v", p)
		}
		if p.Name != "guardian:"+p.Category+"_"+p.Entity+"_"+p.Action {
			odd++ // 17 names do not split, and one is recorded upstream with another action
		}
	}
	if odd != 18 && odd != 17 {
		t.Errorf("%d names are not made of their fields", odd)
	}
}

func TestG9ARoleIsASetOfPermissions(t *testing.T) {
	o := founded(t, "guardian")
	o.user("user1", userDID)
	o.As("owner").CreateRole("Policy reader", "POLICIES_POLICY_READ")
	o.As("owner").Assign("policy-reader", "user1")
	o.Allowed("user1", "POLICIES_POLICY_READ")
	o.Denied("user1", "POLICIES_POLICY_CREATE")
	// and what a permission depends on comes along, and is recorded
	o.As("owner").CreateRole("Token manager", "TOKENS_TOKEN_MANAGE")
	if r := o.role("token-manager"); !slices.Equal(r.Permissions, []string{"guardian:ACCOUNTS_ACCOUNT_READ", "guardian:TOKENS_TOKEN_MANAGE", "guardian:TOKENS_TOKEN_READ"}) {
		t.Errorf("the role has %v", r.Permissions)
	}
	o.Recorded("owner", "role.created", "token-manager", "+ (needed by another) guardian:TOKENS_TOKEN_READ")
}

func TestG10AnEditedRoleIsChangedForAllHolders(t *testing.T) {
	o := founded(t, "guardian")
	o.user("user1", userDID)
	o.user("user2", "")
	o.user("editor", "")
	o.As("owner").CreateRole("Policy reader", "POLICIES_POLICY_READ")
	o.As("owner").CreateRole("Editor", "PERMISSIONS_ROLE_UPDATE", "TOKENS_TOKEN_READ")
	o.As("owner").Assign("policy-reader", "user1")
	o.As("owner").Assign("policy-reader", "user2")
	edit := editRole("policy-reader", []string{"TOKENS_TOKEN_READ"}, nil)
	o.Refused(o.As("editor").Try(edit), "not-permitted", "PERMISSIONS_ROLE_UPDATE", "")
	o.As("owner").Assign("editor", "editor")
	o.As("editor").Do(edit)
	o.Allowed("user1", "TOKENS_TOKEN_READ")
	o.Allowed("user2", "TOKENS_TOKEN_READ")
}

func TestG11ADeletedRoleIsTakenFromEveryHolder(t *testing.T) {
	// given a role that two users have, and somebody who may delete roles and not give or take them
	o := founded(t, "guardian")
	o.user("user1", userDID)
	o.user("user2", "")
	o.user("deleter", "")
	o.As("owner").CreateRole("Policy reader", "POLICIES_POLICY_READ")
	o.As("owner").CreateRole("Deleter", "PERMISSIONS_ROLE_DELETE")
	o.As("owner").Assign("policy-reader", "user1")
	o.As("owner").Assign("policy-reader", "user2")
	o.As("owner").Assign("deleter", "deleter")
	o.Allowed("user1", "POLICIES_POLICY_READ")
	// when it is only tried out, nothing happens
	before := o.Head()
	if r := o.CLI("deleter", "role", "rm", "policy-reader", "--dry-run"); r.Code != 0 || o.Head() != before || !strings.Contains(r.Err, "withdrawn from user1") {
		t.Errorf("%+v", r)
	}
	// when it is deleted
	messages := len(o.messages())
	o.Run("deleter", "role", "rm", "policy-reader", "--yes")
	// then it is taken from each holder first, and each change has an event and a message of its own
	lines := o.Lines(wire.HistoryQuery{From: before + 1})
	var types []string
	for _, line := range lines {
		types = append(types, line.Type)
	}
	if !slices.Equal(types, []string{"role.revoked", "role.revoked", "role.deleted"}) {
		t.Errorf("the events are %v", types)
	}
	var actions []topic.Action
	for _, m := range o.messages()[messages:] {
		actions = append(actions, m.Action)
	}
	if !slices.Equal(actions, []topic.Action{topic.SetRole, topic.SetRole, topic.DeleteRole}) {
		t.Errorf("the messages are %v", actions)
	}
	o.Denied("user1", "POLICIES_POLICY_READ")
	o.Denied("user2", "POLICIES_POLICY_READ")
	// and by itself, without deleting, that right takes nothing from anybody else
	o.user("user3", "")
	o.Refused(o.As("user3").Try(revoke("deleter", "deleter")), "not-permitted", "PERMISSIONS_ROLE_MANAGE", "")
}

func TestG14OneRoleIsTheDefault(t *testing.T) {
	o := founded(t, "guardian")
	defaults := func() (keys []string) {
		for _, r := range read[wire.List[wire.Role]](o, o.HTTP("GET", "/roles", nil)).Items {
			if r.Default {
				keys = append(keys, r.Key)
			}
		}
		return keys
	}
	// given the default that a Standard Registry begins with
	if got := defaults(); !slices.Equal(got, []string{"default-policy-user"}) {
		t.Fatalf("the default is %v", got)
	}
	// when another is made the default
	o.Run("owner", "role", "default", "policy-approver")
	// then the first no longer is
	if got := defaults(); !slices.Equal(got, []string{"policy-approver"}) {
		t.Errorf("the default is %v", got)
	}
	o.Recorded("owner", "role.defaulted", "policy-approver is the default in the place of role default-policy-user")
	o.user("user1", "")
	o.Refused(o.As("user1").Try(wire.Intent{Kind: wire.DefaultRole, Role: "policy-manager"}), "not-permitted", "PERMISSIONS_ROLE_CREATE", "")
	// and there may be none, as when it is deleted
	o.Run("owner", "role", "default", "--none")
	if got := defaults(); len(got) != 0 {
		t.Errorf("the default is %v", got)
	}
	if have := o.whole(); have.DefaultRole != "" {
		t.Errorf("the default is %s", have.DefaultRole)
	}
}

func TestG27TheRolesOfAUserAreSet(t *testing.T) {
	o := founded(t, "guardian")
	o.user("manager", "")
	o.user("user1", userDID)
	o.As("owner").CreateRole("Reader", "POLICIES_POLICY_READ")
	o.As("owner").CreateRole("Manager", "PERMISSIONS_ROLE_MANAGE", "POLICIES_POLICY_READ")
	o.Refused(o.As("manager").Try(setRoles("user1", "reader")), "not-permitted", "PERMISSIONS_ROLE_MANAGE", "")
	o.As("owner").Do(setRoles("manager", "manager"))
	o.As("manager").Do(setRoles("user1", "reader"))
	u := read[wire.One[wire.Subject]](o, o.HTTP("GET", "/subjects/user1", nil)).Item
	if !slices.Equal(u.Roles, []string{"reader"}) {
		t.Errorf("the roles are %v", u.Roles)
	}
}

func TestG28ThePermissionsOfAllRolesAreShownTogether(t *testing.T) {
	o := founded(t, "guardian")
	o.user("user1", userDID)
	o.As("owner").CreateRole("Reader", "POLICIES_POLICY_READ")
	o.As("owner").CreateRole("Tokens", "TOKENS_TOKEN_READ")
	o.As("owner").Do(setRoles("user1", "reader", "tokens"))
	summary := o.Run("owner", "access", "user1")
	for _, words := range []string{"POLICIES_POLICY_READ", "reader", "TOKENS_TOKEN_READ", "tokens"} {
		if !strings.Contains(summary, words) {
			t.Errorf("the summary does not say %s:\n%s", words, summary)
		}
	}
	o.Holds("user1", "POLICIES_POLICY_READ", "TOKENS_TOKEN_READ")
}

func TestG35ACreatedRoleGivesAMessage(t *testing.T) {
	o := founded(t, "guardian")
	before := len(o.messages())
	in := createRole("Role name", "POLICIES_POLICY_READ")
	in.Description = new("Role name")
	o.As("owner").Do(in)
	m := o.last(topic.CreateRole)
	if len(o.messages()) != before+1 || m.Name != "Role name" || m.Description != "Role name" {
		t.Errorf("%+v", m)
	}
	// and the roles that a Standard Registry begins with gave one each
	if first := o.messages()[0]; first.Action != topic.CreateRole || first.Name != "Default policy user" || before != 4 {
		t.Errorf("%d messages, the first %+v", before, first)
	}
}

func TestG36AnEditedRoleGivesAMessage(t *testing.T) {
	o := founded(t, "guardian")
	o.As("owner").CreateRole("Reader", "POLICIES_POLICY_READ")
	created := o.last(topic.CreateRole)
	o.As("owner").EditRole("reader", []string{"TOKENS_TOKEN_READ"}, nil)
	m := o.last(topic.UpdateRole)
	if m.UUID != created.UUID || m.ID == created.ID || m.CID == created.CID {
		t.Errorf("%+v after %+v", m, created)
	}
}

func TestG37ADeletedRoleGivesAMessage(t *testing.T) {
	o := founded(t, "guardian")
	o.As("owner").CreateRole("Reader", "POLICIES_POLICY_READ")
	created := o.last(topic.CreateRole)
	o.As("owner").DeleteRole("reader")
	m := o.last(topic.DeleteRole)
	if m.UUID != created.UUID || m.ID == created.ID || m.Name != "Reader" || !strings.Contains(string(m.Bytes()), `"status":"ISSUE"`) {
		t.Errorf("%+v after %+v", m, created)
	}
	if s := o.credentialSubject(m); s["name"] != "Reader" { // the whole document of the last state
		t.Errorf("the document says %v", s)
	}
}

func TestG38AChangeOfAUsersRolesGivesAMessage(t *testing.T) {
	o := founded(t, "guardian")
	o.user("user1", userDID)
	o.As("owner").CreateRole("Reader", "POLICIES_POLICY_READ")
	for _, roles := range [][]string{{"reader"}, {"reader", "policy-manager"}, {}} {
		o.As("owner").Do(setRoles("user1", roles...))
		m := o.last(topic.SetRole)
		held, _ := o.credentialSubject(m)["roles"].([]any)
		if m.User != userDID || len(held) != len(roles) {
			t.Errorf("set to %v: the message is of %s, its document has %v", roles, m.User, held)
		}
	}
	// and so does being given a role, or losing it
	o.As("owner").Assign("reader", "user1")
	o.last(topic.SetRole)
	o.As("owner").Revoke("reader", "user1")
	o.last(topic.SetRole)
}

// order gives the names of the members of a JSON object, as they stand.
func order(t *testing.T, line string) string {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(line))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
		if _, err := dec.Token(); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(names, " ")
}

func TestG39ARolesMessageHasItsFieldsInOrder(t *testing.T) {
	o := founded(t, "guardian")
	in := createRole("Role name", "POLICIES_POLICY_READ")
	in.Description = new("Role name")
	o.As("owner").Do(in)
	m := o.last(topic.CreateRole)
	if got := order(t, string(m.Bytes())); got != "id status type action lang issuer encodedData cid uri uuid name description" {
		t.Errorf("the members are %s", got)
	}
	for _, words := range []string{`"status":"ISSUE","type":"Guardian-Role-Document","action":"create-role","lang":"en-US"`, `"encodedData":false`} {
		if !strings.Contains(string(m.Bytes()), words) {
			t.Errorf("%s does not say %s", m.Bytes(), words)
		}
	}
}

func TestG40AUsersMessageHasItsFieldsInOrder(t *testing.T) {
	o := founded(t, "guardian")
	o.user("user1", userDID)
	o.As("owner").Do(setRoles("user1", "policy-manager"))
	m := o.last(topic.SetRole)
	if got := order(t, string(m.Bytes())); got != "id status type action lang issuer encodedData cid uri user" {
		t.Errorf("the members are %s", got)
	}
	if !strings.Contains(string(m.Bytes()), `"type":"User-Permissions","action":"set-role"`) {
		t.Errorf("%s", m.Bytes())
	}
}

func TestG41TheCIDLeadsToTheSignedDocument(t *testing.T) {
	o := founded(t, "guardian")
	o.user("user1", userDID)
	o.As("owner").CreateRole("Token manager", "TOKENS_TOKEN_MANAGE")
	m := o.last(topic.CreateRole)
	s := o.credentialSubject(m)
	var names []string
	for _, name := range s["permissions"].([]any) {
		names = append(names, name.(string))
	}
	if s["uuid"] != m.UUID || !slices.Equal(names, []string{"ACCOUNTS_ACCOUNT_READ", "TOKENS_TOKEN_MANAGE", "TOKENS_TOKEN_READ"}) {
		t.Errorf("the document says %v", s)
	}
	o.As("owner").Do(setRoles("user1", "token-manager"))
	u := o.credentialSubject(o.last(topic.SetRole))
	if u["userId"] != userDID || u["roles"].([]any)[0].(map[string]any)["uuid"] != m.UUID {
		t.Errorf("the document says %v", u)
	}
	// and the printable form of it is what the program writes
	if out := o.Run("owner", "cat", m.CID); credential.CID([]byte(out)) != m.CID {
		t.Errorf("cat writes a file of %s", credential.CID([]byte(out)))
	}
}

func TestG42TheURIIsThatOfTheCID(t *testing.T) {
	o := founded(t, "guardian")
	o.user("user1", userDID)
	o.As("owner").Do(setRoles("user1", "policy-manager"))
	for _, m := range o.messages() {
		if !strings.Contains(string(m.Bytes()), `"cid":"`+m.CID+`","uri":"ipfs://`+m.CID+`"`) {
			t.Errorf("%s", m.Bytes())
		}
	}
}

func TestG43EveryLineIsReadAndWrittenAgain(t *testing.T) {
	o := founded(t, "guardian")
	o.user("user1", userDID)
	in := createRole("Rôle \"x\" \\ 日本", "POLICIES_POLICY_READ")
	in.Role, in.Description = "x", new("line one\nline two")
	o.As("owner").Do(in)
	o.As("owner").Do(setRoles("user1", "x"))
	if all := o.messages(); len(all) < 6 { // each was compared when it was read
		t.Errorf("%d messages", len(all))
	}
	// and a name that would need more than one chunk is refused (1,024 bytes)
	long := createRole("Long", "POLICIES_POLICY_READ")
	long.Description = new(strings.Repeat("d", 900))
	o.Refused(o.As("owner").Try(long), "message-too-long", "at most 1024 are allowed", "Shorten the description")
}

// The two messages as the document prints them, without the line breaks between members.
func TestG44ThePrintedMessagesAreReadAndWrittenAgain(t *testing.T) {
	for _, printed := range []string{
		`{"id":"b5aee339-860f-4702-a916-4d4dca93a885","status":"ISSUE","type":"Guardian-Role-Document","action":"create-role","lang":"en-US",` +
			`"issuer":"did:hedera:testnet:BJDCUTd8gFSaFwW4w7Tw8dbx7DfnkfLjJ14s2dquesS9_0.0.3579393","encodedData":false,` +
			`"cid":"QmUCXmE3KAe16xHEc9sr8vnPaNESKpzDGH8yKCf6jaDevp","uri":"ipfs://QmUCXmE3KAe16xHEc9sr8vnPaNESKpzDGH8yKCf6jaDevp",` +
			`"uuid":"6c0c8a7a-afef-40e2-900b-560a60945bfe","name":"Role name","description":"Role name"}`,
		`{"id":"88865f04-b599-4189-abb0-499de1de2c7d","status":"ISSUE","type":"User-Permissions","action":"set-role","lang":"en-US",` +
			`"issuer":"did:hedera:testnet:BJDCUTd8gFSaFwW4w7Tw8dbx7DfnkfLjJ14s2dquesS9_0.0.3579393","encodedData":false,` +
			`"cid":"QmfNFrWcPuoiSqMjGqogqTXRDRMEY6s68wsxU6fXTRLsAF","uri":"ipfs://QmfNFrWcPuoiSqMjGqogqTXRDRMEY6s68wsxU6fXTRLsAF",` +
			`"user":"` + userDID + `"}`,
	} {
		m, err := topic.ParseMessage([]byte(printed))
		if err != nil || string(m.Bytes()) != printed {
			t.Errorf("%v: %s is written again as %s", err, printed, m.Bytes())
		}
		if _, err := topic.ParseMessage([]byte(strings.Replace(printed, "ISSUE", "issue", 1))); err == nil {
			t.Errorf("a message with another status was read: %s", printed)
		}
	}
}
