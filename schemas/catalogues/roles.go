package catalogues

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed roles/*.json
var roleFiles embed.FS

// Role is a role that an organization of a profile begins with.
type Role struct {
	Key         string   `json:"key"`
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	System      bool     `json:"system,omitempty"`  // it can be neither changed nor deleted
	Managed     string   `json:"managed,omitempty"` // how it is assigned; empty: by whoever may
	Default     bool     `json:"default,omitempty"` // everybody gets it who is added
	Permissions []string `json:"permissions,omitempty"`
}

// Roles gives the roles that an organization of a profile begins with, in the order in which they are made; none for a
// profile that has no file. Their permissions are of the catalogue that has the profile's name. They are the file
// roles/PROFILE.json in this folder:
//
//	{"profile":PROFILE,"roles":[{"key":"…","name":"…","description":"…","system":true,"managed":"owner","default":true,
//	  "permissions":["…"]}]}
//
// An action of the ledger itself is written ledger:ACTION. What is false or empty is left out; permissions are sorted. A role that is managed by its owner names none: it gives all.
func Roles(profile string) ([]Role, error) {
	text, err := roleFiles.ReadFile("roles/" + profile + ".json")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("catalogues: the roles of %s: %w", profile, err)
	}
	c, err := Load(profile)
	if err != nil {
		return nil, err
	}
	roles, err := decodeRoles(text, profile, c)
	if err != nil {
		return nil, fmt.Errorf("catalogues: the roles of %s: %w", profile, err)
	}
	return roles, nil
}

// decodeRoles reads a file of roles in its one spelling, white space between roles apart.
func decodeRoles(text []byte, profile string, c Catalogue) ([]Role, error) {
	var file struct {
		Profile string `json:"profile"`
		Roles   []Role `json:"roles"`
	}
	if err := decodeStrict(text, &file); err != nil {
		return nil, err
	}
	if file.Profile != profile {
		return nil, fmt.Errorf("the file holds those of %q", file.Profile)
	}
	defaults, keys := 0, map[string]bool{}
	for _, r := range file.Roles {
		if r.Default {
			defaults++
		}
		if r.Key == "" || r.Name == "" || keys[r.Key] || defaults > 1 {
			return nil, fmt.Errorf("the role %q has no key or name, one that another has, or is a second default", r.Key)
		}
		keys[r.Key] = true
		if err := r.check(c); err != nil {
			return nil, fmt.Errorf("the role %q: %w", r.Key, err)
		}
	}
	var have bytes.Buffer
	if err := json.Compact(&have, text); err != nil {
		return nil, err
	}
	want, err := encode(file)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(have.Bytes(), want) {
		return nil, errors.New("not in its one spelling")
	}
	return file.Roles, nil
}

func (r Role) check(c Catalogue) error {
	if !strictlySorted(r.Permissions) {
		return errors.New("its permissions are not sorted, or one stands there twice")
	}
	if (len(r.Permissions) == 0) != (r.Managed == "owner") {
		return errors.New("it names no permissions, or is the owner's and names some")
	}
	if r.Managed != "" && !r.System {
		return errors.New("it is assigned in a way of its own and not of the system")
	}
	for _, name := range r.Permissions {
		if action, own := strings.CutPrefix(name, "ledger:"); own && slices.Contains(actions, action) {
			continue
		}
		i := slices.IndexFunc(c.Permissions, func(p Permission) bool { return p.Name == name })
		if i < 0 || !c.Permissions[i].Selectable {
			return fmt.Errorf("%q cannot be put into a role", name)
		}
	}
	return nil
}
