package topic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	issuer  = "did:hedera:testnet:BJDCUTd8gFSaFwW4w7Tw8dbx7DfnkfLjJ14s2dquesS9_0.0.3579393"
	user    = "did:hedera:testnet:EEGXZeZvcYmWj4e7cyPoDUi7rcRzkGbLBmziRrd7yrQm_0.0.3579393"
	roleCID = "QmUCXmE3KAe16xHEc9sr8vnPaNESKpzDGH8yKCf6jaDevp"
)

// printed are the two messages that the document prints, with the values printed there.
var printed = []struct {
	file    string
	message Message
}{
	{"create-role.txt", Message{
		ID: "b5aee339-860f-4702-a916-4d4dca93a885", Action: CreateRole, Issuer: issuer, CID: roleCID,
		UUID: "6c0c8a7a-afef-40e2-900b-560a60945bfe", Name: "Role name", Description: "Role name",
	}},
	{"set-role.txt", Message{
		ID: "88865f04-b599-4189-abb0-499de1de2c7d", Action: SetRole, Issuer: issuer,
		CID: "QmfNFrWcPuoiSqMjGqogqTXRDRMEY6s68wsxU6fXTRLsAF", User: user,
	}},
}

func roleMessage() Message { return printed[0].message }
func userMessage() Message { return printed[1].message }

// TestG44PrintedMessagesAreEqualByteForByte: given the two messages as the document prints them,
// when they are read and written again, then they are equal byte for byte.
func TestG44PrintedMessagesAreEqualByteForByte(t *testing.T) {
	for _, p := range printed {
		text, err := os.ReadFile(filepath.Join("testdata", p.file))
		if err != nil {
			t.Fatal(err)
		}
		// The document sets each member on a line of its own; a message has no white space.
		var compact bytes.Buffer
		if err := json.Compact(&compact, text); err != nil {
			t.Fatal(err)
		}
		got, err := ParseMessage(compact.Bytes())
		if err != nil {
			t.Fatalf("%s: %v", p.file, err)
		}
		if got != p.message {
			t.Errorf("%s: read as %+v; want %+v", p.file, got, p.message)
		}
		var lines bytes.Buffer
		if err := json.Indent(&lines, p.message.Bytes(), "", ""); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(lines.Bytes(), text) {
			t.Errorf("%s: written as\n%s; the document prints\n%s", p.file, lines.Bytes(), text)
		}
	}
}

// memberNames returns the names of an object's members in the order of the text.
func memberNames(t *testing.T, b []byte) string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(b))
	var names []string
	for i := 0; ; i++ {
		token, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		if token == json.Delim('}') {
			return strings.Join(names, ",")
		}
		if i%2 == 1 {
			names = append(names, token.(string))
		}
	}
}

// TestG39RoleMessage: given a role created, edited or deleted, when the message is read, then it
// has these members in this order, with status ISSUE whatever happened to the role.
func TestG39RoleMessage(t *testing.T) {
	for _, action := range []Action{CreateRole, UpdateRole, DeleteRole} {
		m := roleMessage()
		m.Action = action
		if got, want := memberNames(t, m.Bytes()), "id,status,type,action,lang,issuer,encodedData,cid,uri,uuid,name,description"; got != want {
			t.Errorf("%s: members %s; want %s", action, got, want)
		}
		if want := fmt.Sprintf(`"status":"ISSUE","type":"Guardian-Role-Document","action":"%s","lang":"en-US"`, action); !bytes.Contains(m.Bytes(), []byte(want)) {
			t.Errorf("%s does not stand in %s", want, m.Bytes())
		}
	}
}

func TestG39EmptyNameAndDescriptionAreLeftOut(t *testing.T) {
	m := roleMessage()
	m.Name, m.Description = "", ""
	if got := memberNames(t, m.Bytes()); !strings.HasSuffix(got, "uri,uuid") {
		t.Errorf("members %s", got)
	}
	m.Description = "d"
	if got := memberNames(t, m.Bytes()); !strings.HasSuffix(got, "uri,uuid,description") {
		t.Errorf("members %s", got)
	}
	if again, err := ParseMessage(m.Bytes()); err != nil || again != m {
		t.Errorf("read again: %+v, %v", again, err)
	}
}

// TestG40UserMessage: given the roles of a user set, when the message is read, then it has these
// members in this order.
func TestG40UserMessage(t *testing.T) {
	if got, want := memberNames(t, userMessage().Bytes()), "id,status,type,action,lang,issuer,encodedData,cid,uri,user"; got != want {
		t.Errorf("members %s; want %s", got, want)
	}
}

// TestG42URI: given any message, when its uri is read, then it is ipfs:// and the cid; another
// uri is refused.
func TestG42URI(t *testing.T) {
	for _, cid := range []string{
		roleCID, // version 0
		"bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", // version 1, raw: our own documents
		"bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi", // version 1, dag-pb
	} {
		m := userMessage()
		m.CID = cid
		b := m.Bytes()
		if !bytes.Contains(b, []byte(`"uri":"ipfs://`+cid+`"`)) {
			t.Errorf("uri of %s in %s", cid, b)
		}
		if _, err := ParseMessage(b); err != nil {
			t.Error(err)
		}
		wrong := bytes.Replace(b, []byte("ipfs://"), []byte("ipfs:/"), 1)
		if _, err := ParseMessage(wrong); !errors.Is(err, ErrInvalid) {
			t.Errorf("another uri: %v", err)
		}
	}
}

// Expected values as JSON.stringify of ECMAScript gives them (ECMA-262, QuoteJSONString).
func TestStringsAreWrittenAsJSONStringifyDoes(t *testing.T) {
	for in, want := range map[string]string{
		`a"b\c/d`:            `a\"b\\c/d`,
		"\b\t\n\f\r":         `\b\t\n\f\r`,
		"\x00\x01\x0b\x1f":   `\u0000\u0001\u000b\u001f`,
		"\x7f\u0085":         "\x7f\u0085",
		"<script>&'":         "<script>&'",
		"\u2028\u2029":       "\u2028\u2029",
		"é€😀 \ufeff":         "é€😀 \ufeff",
		"\ufffd\uffff\u00a0": "\ufffd\uffff\u00a0",
	} {
		m := roleMessage()
		m.Name = in
		b := m.Bytes()
		if !bytes.Contains(b, []byte(`"name":"`+want+`"`)) {
			t.Errorf("%q: want %s in %s", in, want, b)
		}
		if again, err := ParseMessage(b); err != nil || again != m {
			t.Errorf("%q: read again: %+v, %v", in, again, err)
		}
	}
}

func TestOtherSpellingsAreRefused(t *testing.T) {
	role, set := string(roleMessage().Bytes()), string(userMessage().Bytes())
	swap := func(s, old, new string) string {
		if !strings.Contains(s, old) {
			t.Fatalf("%s does not stand in %s", old, s)
		}
		return strings.Replace(s, old, new, 1)
	}
	for name, text := range map[string]string{
		"empty":                     "",
		"null":                      "null",
		"array":                     "[" + role + "]",
		"cut":                       role[:len(role)-1],
		"newline after":             role + "\n",
		"byte order mark":           "\ufeff" + role,
		"space inside":              swap(role, `,"cid"`, `, "cid"`),
		"other order":               swap(swap(role, `"status":"ISSUE",`, ``), `{`, `{"status":"ISSUE",`),
		"initId":                    swap(role, `,"encodedData"`, `,"initId":null,"encodedData"`),
		"unknown member":            swap(role, `,"cid"`, `,"account":"0.0.1","cid"`),
		"member twice":              swap(role, `,"cid"`, `,"lang":"en-US","cid"`),
		"member in capitals":        swap(role, `"name"`, `"Name"`),
		"escape that need not be":   swap(role, `Role name`, `Role\u0020name`),
		"escaped slash":             swap(role, `ipfs://`, `ipfs:\/\/`),
		"escape in capitals":        swap(role, `Role name`, `\u001F`),
		"lone surrogate":            swap(role, `Role name`, `\ud800`),
		"invalid UTF-8":             swap(role, `Role name`, "Role\xffname"),
		"empty name":                swap(role, `"name":"Role name"`, `"name":""`),
		"null name":                 swap(role, `"name":"Role name"`, `"name":null`),
		"number as name":            swap(role, `"name":"Role name"`, `"name":1`),
		"no id":                     swap(role, `"id":"b5aee339-860f-4702-a916-4d4dca93a885",`, ``),
		"id in capitals":            swap(role, `b5aee339`, `B5AEE339`),
		"id without hyphens":        swap(role, `b5aee339-860f-4702-a916-4d4dca93a885`, `b5aee339860f4702a9164d4dca93a885`),
		"id with a hyphen moved":    swap(role, `b5aee339-860f`, `b5aee33-9860f`),
		"role uuid not one":         swap(role, `6c0c8a7a`, `6c0c8a7g`),
		"role without uuid":         swap(role, `,"uuid":"6c0c8a7a-afef-40e2-900b-560a60945bfe"`, ``),
		"status REVOKE":             swap(role, `ISSUE`, `REVOKE`),
		"status of a deleted role":  swap(swap(role, `ISSUE`, `DELETED`), `create-role`, `delete-role`),
		"other type":                swap(role, `Guardian-Role-Document`, `Role-Document`),
		"type of the other action":  swap(role, `Guardian-Role-Document`, `User-Permissions`),
		"unknown action":            swap(role, `create-role`, `revoke-document`),
		"action of the other type":  swap(role, `create-role`, `set-role`),
		"user action with role":     swap(set, `set-role`, `update-role`),
		"role and user":             swap(role, `,"uuid"`, `,"user":"`+user+`","uuid"`),
		"user and name":             swap(set, `"}`, `","name":"n"}`),
		"other language":            swap(role, `en-US`, `de-DE`),
		"encodedData true":          swap(role, `false`, `true`),
		"encodedData as text":       swap(role, `false`, `"false"`),
		"issuer no DID":             swap(role, issuer, `https://example.com`),
		"issuer a DID URL":          swap(role, issuer, issuer+`#did-root-key`),
		"issuer without id":         swap(role, issuer, `did:hedera:`),
		"issuer with ending colon":  swap(role, issuer, `did:hedera:testnet:`),
		"issuer method in capitals": swap(role, issuer, `did:Hedera:testnet:x`),
		"issuer with a bad escape":  swap(role, issuer, `did:web:example.com%3`),
		"user no DID":               swap(set, user, `user-1`),
		"cid cut":                   strings.ReplaceAll(role, roleCID, roleCID[:45]),
		"cid with another alphabet": strings.ReplaceAll(role, roleCID, roleCID[:45]+"0"),
		"cid in base58, version 1":  strings.ReplaceAll(role, roleCID, "zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA"),
		"cid in capitals":           strings.ReplaceAll(role, roleCID, "BAFKREIHDWDCEFGH4DQKJV67UZCMW7OJEE6XEDZDETOJUZJEVTENXQUVYKU"),
		"cid of an identity hash":   strings.ReplaceAll(role, roleCID, "bafkqaaa"),
		"cid empty":                 strings.ReplaceAll(role, roleCID, ""),
		"uri of another file":       swap(role, `ipfs://`+roleCID, `ipfs://`+userMessage().CID),
		"no uri":                    swap(role, `"uri":"ipfs://`+roleCID+`",`, ``),
	} {
		if m, err := ParseMessage([]byte(text)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %+v, %v; want ErrInvalid", name, m, err)
		}
	}
}

func TestEveryDIDMethodWillDo(t *testing.T) {
	for _, did := range []string{
		"did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
		"did:web:example.com%3A8443:orgs:acme",
		"did:pkh:eip155:137:0x4e90e8a8191c1c23a24a598c3ab4fb47ce926ff5",
	} {
		m := userMessage()
		m.Issuer, m.User = did, did
		if again, err := ParseMessage(m.Bytes()); err != nil || again != m {
			t.Errorf("%s: %+v, %v", did, again, err)
		}
	}
}

// Given somebody without a DID, then user is the urn:uuid of its id; an issuer always has a DID.
func TestUserWithoutDID(t *testing.T) {
	const urn = "urn:uuid:6c0c8a7a-afef-40e2-900b-560a60945bfe"
	m := userMessage()
	m.User = urn
	if again, err := ParseMessage(m.Bytes()); err != nil || again != m {
		t.Errorf("%+v, %v", again, err)
	}
	for _, wrong := range []string{"", "urn:uuid:", urn[9:], strings.ToUpper(urn), urn + "0", "urn:oid:1.2.3"} {
		m.User = wrong
		if err := m.Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("user %q: %v", wrong, err)
		}
	}
	m = userMessage()
	m.Issuer = urn
	if err := m.Validate(); !errors.Is(err, ErrInvalid) {
		t.Errorf("issuer %q: %v", urn, err)
	}
}

func TestLengthIsAtMost1024Bytes(t *testing.T) {
	m := roleMessage()
	m.Description = ""
	m.Name = "é"
	m.Name += strings.Repeat("x", MaxMessage-len(m.Bytes()))
	if again, err := ParseMessage(m.Bytes()); err != nil || again != m {
		t.Fatalf("of %d bytes: %v", len(m.Bytes()), err)
	}
	m.Name = "\x01" + m.Name[1+len("é"):] // three bytes less of name, three more of message
	size := len(m.Bytes())
	var tooLong *TooLongError
	if err := m.Validate(); !errors.Is(err, ErrTooLong) || !errors.As(err, &tooLong) || tooLong.Size != size || size <= MaxMessage {
		t.Errorf("of %d bytes: Validate gives %v", size, err)
	}
	if _, err := ParseMessage(m.Bytes()); !errors.Is(err, ErrTooLong) || !errors.As(err, &tooLong) || tooLong.Size != size {
		t.Errorf("of %d bytes: ParseMessage gives %v", size, err)
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	b := append(roleMessage().Append([]byte("1\n")), '\n')
	if want := "1\n" + string(roleMessage().Bytes()) + "\n"; string(b) != want {
		t.Errorf("got %s; want %s", b, want)
	}
}

func TestMessageNotInUTF8IsInvalid(t *testing.T) {
	m := roleMessage()
	m.Description = "\xe9"
	if err := m.Validate(); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

// What would not stand in the message must not be set: it would be lost without a word.
func TestMembersOfTheOtherTypeAreInvalid(t *testing.T) {
	for name, change := range map[string]func() Message{
		"role with user":        func() Message { m := roleMessage(); m.User = user; return m },
		"user with uuid":        func() Message { m := userMessage(); m.UUID = m.ID; return m },
		"user with name":        func() Message { m := userMessage(); m.Name = "n"; return m },
		"user with description": func() Message { m := userMessage(); m.Description = "d"; return m },
		"none of them":          func() Message { return Message{} },
	} {
		if err := change().Validate(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v; want ErrInvalid", name, err)
		}
	}
}

// What parses is written again byte for byte, and means the same to another JSON reader.
func FuzzParseMessage(f *testing.F) {
	f.Add(roleMessage().Bytes())
	f.Add(userMessage().Bytes())
	m := roleMessage()
	m.Name, m.Description = "\u2028<\x00\"é", ""
	f.Add(m.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseMessage(b)
		if err != nil {
			return
		}
		if again := m.Bytes(); !bytes.Equal(again, b) {
			t.Fatalf("two spellings:\n%s\n%s", b, again)
		}
		var wire map[string]any
		if err := json.Unmarshal(b, &wire); err != nil {
			t.Fatal(err)
		}
		if name, _ := wire["name"].(string); name != m.Name || wire["uri"] != "ipfs://"+m.CID {
			t.Fatalf("%+v from %s", m, b)
		}
	})
}

// Any name and description that fit come back unchanged.
func FuzzNames(f *testing.F) {
	f.Add("Role name", "Role name")
	f.Add("", "\x1f\u2029\\")
	f.Fuzz(func(t *testing.T, name, description string) {
		m := roleMessage()
		m.Name, m.Description = name, description
		if m.Validate() != nil {
			return
		}
		if again, err := ParseMessage(m.Bytes()); err != nil || again != m {
			t.Fatalf("%+v, %v; want %+v", again, err, m)
		}
	})
}
