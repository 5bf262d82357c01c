package catalogues

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A Level says by what a permission's holder must be proven.
type Level string

const (
	// Platform permissions belong to accounts, proven by their credentials.
	Platform Level = "platform"
	// Token permissions belong to wallets, proven by their signatures.
	Token Level = "token"
)

// Catalogue is a set of permissions under one name.
type Catalogue struct {
	Name        string       `json:"catalogue"`
	Title       string       `json:"title"`
	Permissions []Permission `json:"permissions"` // sorted by name
}

// Permission is one entry of a catalogue.
type Permission struct {
	Name        string // unique in the catalogue, spelled as its document does
	Category    string
	Entity      string
	Action      string
	Level       Level
	Description string
	DependsOn   []string // names in this catalogue that come with it when a role is stored, sorted
	Selectable  bool     // whether a role may be made with it; others come by DependsOn or not at all
	Guards      []string // the ledger's own actions that it lets its holder do, of [Actions], sorted
	Needs       []string // what must be so beside somebody holding it, of [Needs], sorted
	Access      string   // the access to policies that it gives, of [Accesses]; empty: none
}

// needs and accesses are what the rules know of them; a test holds these lists against package events.
var (
	needs    = []string{"access", "compliant", "qualified", "token-role", "unblocked", "unpaused"}
	accesses = []string{"all", "assigned", "assigned-and-published", "published"}
)

// Needs returns what a permission may need beside somebody who holds it, sorted.
func Needs() []string { return slices.Clone(needs) }

// Accesses returns the kinds of access to policies that a permission may give, sorted.
func Accesses() []string { return slices.Clone(accesses) }

// actions are the ledger's own, each of which needs a permission that guards it.
var actions = []string{
	"access.assign",
	"access.delegate",
	"access.unassign",
	"agent.add",
	"agent.remove",
	"api-key.add",
	"api-key.read",
	"api-key.remove",
	"api-key.update",
	"catalogue.publish",
	"chain.attest",
	"document.issue",
	"history.read",
	"investor.disqualify",
	"investor.qualify",
	"keys.read",
	"log.read",
	"log.system",
	"log.users",
	"organization.read",
	"organization.update",
	"permission.grant",
	"permission.revoke",
	"permission.set",
	"permissions.read",
	"resource.register",
	"resource.remove",
	"resource.update",
	"resources.read",
	"role.assign",
	"role.create",
	"role.default",
	"role.delegate",
	"role.delete",
	"role.revoke",
	"role.set",
	"role.update",
	"roles.read",
	"subject.add",
	"subject.deactivate",
	"subject.invite",
	"subject.link",
	"subject.reactivate",
	"subject.remove",
	"subject.update",
	"subjects.read",
	"token.compliance",
	"token.condition",
	"token.deploy",
	"token.pause",
	"token.registry",
	"token.transfer",
	"token.unpause",
	"wallet.block",
	"wallet.unblock",
}

// Actions returns the ledger's own actions that a permission may guard, sorted.
func Actions() []string { return slices.Clone(actions) }

// wire is a permission as the file spells it: what is the default is left out.
type wire struct {
	Name        string   `json:"name"`
	Category    string   `json:"category"`
	Entity      string   `json:"entity"`
	Action      string   `json:"action"`
	Level       Level    `json:"level,omitempty"`
	Description string   `json:"description"`
	DependsOn   []string `json:"dependsOn,omitempty"`
	Selectable  *bool    `json:"selectable,omitempty"`
	Guards      []string `json:"guards,omitempty"`
	Needs       []string `json:"needs,omitempty"`
	Access      string   `json:"access,omitempty"`
}

// MarshalJSON writes the permission as the catalogue's file spells it.
func (p Permission) MarshalJSON() ([]byte, error) {
	w := wire{
		Name: p.Name, Category: p.Category, Entity: p.Entity, Action: p.Action, Level: p.Level,
		Description: p.Description, DependsOn: p.DependsOn, Guards: p.Guards,
		Needs: p.Needs, Access: p.Access,
	}
	if p.Level == Platform {
		w.Level = ""
	}
	if !p.Selectable {
		w.Selectable = new(bool)
	}
	return encode(w)
}

// UnmarshalJSON reads a permission and refuses members that it does not know.
func (p *Permission) UnmarshalJSON(text []byte) error {
	var w wire
	if err := decodeStrict(text, &w); err != nil {
		return err
	}
	*p = Permission{
		Name: w.Name, Category: w.Category, Entity: w.Entity, Action: w.Action, Level: w.Level,
		Description: w.Description, DependsOn: w.DependsOn, Guards: w.Guards, Needs: w.Needs, Access: w.Access,
		Selectable: w.Selectable == nil || *w.Selectable,
	}
	if w.Level == "" {
		p.Level = Platform
	}
	return nil
}

// decode reads a catalogue's file in its one spelling, white space between permissions apart.
func decode(text []byte) (Catalogue, error) {
	var c Catalogue
	if err := decodeStrict(text, &c); err != nil {
		return Catalogue{}, err
	}
	if err := c.check(); err != nil {
		return Catalogue{}, err
	}
	// encoding/json takes names in any case and twice, and defaults may be written out: what is
	// read must be what would be written.
	var have bytes.Buffer
	if err := json.Compact(&have, text); err != nil {
		return Catalogue{}, err
	}
	want, err := encode(c)
	if err != nil {
		return Catalogue{}, err
	}
	if !bytes.Equal(have.Bytes(), want) {
		return Catalogue{}, errors.New("not in its one spelling")
	}
	return c, nil
}

// encode writes v without the escapes for HTML that json.Marshal puts in.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

func decodeStrict(text []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

// check holds the catalogue to what its types cannot say.
func (c Catalogue) check() error {
	if c.Name == "" || c.Title == "" || len(c.Permissions) == 0 {
		return errors.New("no name, title or permissions")
	}
	names := make(map[string]bool, len(c.Permissions))
	for i, p := range c.Permissions {
		if i > 0 && c.Permissions[i-1].Name >= p.Name {
			return fmt.Errorf("permission %q is not sorted, or stands there twice", p.Name)
		}
		names[p.Name] = true
	}
	for _, p := range c.Permissions {
		if err := p.check(names); err != nil {
			return fmt.Errorf("permission %q: %w", p.Name, err)
		}
	}
	return nil
}

func (p Permission) check(names map[string]bool) error {
	for _, text := range []string{p.Name, p.Category, p.Entity, p.Action, p.Description} {
		if text == "" || !printable(text) {
			return fmt.Errorf("text %q is empty or not printable ASCII", text)
		}
	}
	if p.Level != Platform && p.Level != Token {
		return fmt.Errorf("level %q", p.Level)
	}
	if !strictlySorted(p.DependsOn) || !strictlySorted(p.Guards) || !strictlySorted(p.Needs) {
		return errors.New("dependsOn, guards or needs is not sorted, or holds a name twice")
	}
	for _, name := range p.DependsOn {
		if !names[name] || name == p.Name {
			return fmt.Errorf("depends on %q", name)
		}
	}
	for _, action := range p.Guards {
		if _, found := slices.BinarySearch(actions, action); !found {
			return fmt.Errorf("guards %q", action)
		}
	}
	for _, need := range p.Needs {
		if !slices.Contains(needs, need) {
			return fmt.Errorf("needs %q", need)
		}
	}
	if p.Access != "" && !slices.Contains(accesses, p.Access) {
		return fmt.Errorf("access %q", p.Access)
	}
	return nil
}

func strictlySorted(list []string) bool {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return false
		}
	}
	return true
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
