package console

import (
	"cmp"
	"strings"
)

// A section is one of the places that the navigation leads to.
type section struct {
	Name, Title, Address string
	Here                 bool
}

// areas are the sections with the action that they take; empty: everybody has something there, if only its own.
var areas = []struct{ name, title, action string }{
	{"overview", "Overview", ""},
	{"roles", "Roles", "roles.read"},
	{"members", "Members", "subjects.read"},
	{"keys", "Keys", ""},
	{"policies", "Policies", ""},
	{"tokens", "Tokens", ""},
	{"access", "Access", ""},
	{"history", "History", ""},
	{"reviews", "Reviews", "roles.read"},
	{"exports", "Exports", "history.read"},
	{"verify", "Verify", ""},
	{"streams", "Streams", "history.read"},
	{"activity", "Activity", ""},
}

// within says to which section a page belongs whose address begins otherwise.
var within = map[string]string{"create-role": "roles", "matrix": "roles", "role-reports": "roles", "invite": "members", "entries": "history", "diff": "history"}

// sections are those that the caller may see something in.
func (v *visit) sections() (all []section) {
	here, _, _ := strings.Cut(strings.TrimPrefix(v.URL.Path, root+v.org+"/"), "/")
	here = cmp.Or(within[here], here)
	for _, a := range areas {
		if a.action == "" || v.can(a.action) {
			all = append(all, section{a.name, a.title, v.address(a.name), a.name == here})
		}
	}
	return all
}
