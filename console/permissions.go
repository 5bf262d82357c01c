package console

import (
	"cmp"
	"slices"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

// A permissionGroup is the permissions of one category, as catalogues have them.
type permissionGroup struct {
	ID    string // tells it from others, in addresses and in the page
	Title string
	Items []wire.Permission

	Ledgers bool // it is what the ledger itself asks for, which few roles need: closed at first
}

// ledgers is the catalogue of what the ledger itself asks for.
const ledgers = "ledger"

// groups puts permissions into their categories: those of catalogues by name, then the organization's own, and those of the ledger
// itself at the end.
func groups(all []wire.Permission) []permissionGroup {
	catalogues := map[string]bool{}
	for _, p := range all {
		if p.Catalogue != "" && p.Catalogue != ledgers {
			catalogues[p.Catalogue] = true
		}
	}
	at := map[[2]string]int{}
	var list []permissionGroup
	for _, p := range all {
		key := [2]string{p.Catalogue, p.Category}
		i, ok := at[key]
		if !ok {
			i = len(list)
			at[key] = i
			list = append(list, permissionGroup{ID: p.Catalogue + "/" + p.Category, Title: groupTitle(p, len(catalogues) > 1), Ledgers: p.Catalogue == ledgers})
		}
		list[i].Items = append(list[i].Items, p)
	}
	slices.SortStableFunc(list, func(a, b permissionGroup) int {
		return cmp.Or(cmp.Compare(rank(a.Items[0]), rank(b.Items[0])), strings.Compare(a.Title, b.Title))
	})
	return list
}

// groupTitle says what the permissions of a group have in common; the catalogue is named where there are several.
func groupTitle(p wire.Permission, several bool) string {
	switch {
	case p.Catalogue == ledgers:
		return "Of the ledger itself"
	case p.Catalogue == "":
		return "The organization's own"
	case several:
		return p.Catalogue + ": " + cmp.Or(p.Category, "without a category")
	}
	return cmp.Or(p.Category, "Without a category")
}

func rank(p wire.Permission) int {
	switch p.Catalogue {
	case ledgers:
		return 2
	case "":
		return 1
	}
	return 0
}

// bare gives a permission's name without its catalogue, as the documents of that spell it.
func bare(name string) string {
	if _, rest, ok := strings.Cut(name, ":"); ok {
		return rest
	}
	return name
}

// known adds to the permissions that can be given those names that a role has beside: of older catalogues, or reserved.
func known(all []wire.Permission, names ...string) []wire.Permission {
	have := make(map[string]bool, len(all))
	for _, p := range all {
		have[p.Name] = true
	}
	for _, name := range names {
		if !have[name] {
			have[name] = true
			catalogue, _, ok := strings.Cut(name, ":")
			p := wire.Permission{Name: name, Retired: ok}
			if ok {
				p.Catalogue, p.Category = catalogue, "In no catalogue any more"
			}
			all = append(all, p)
		}
	}
	return all
}

// included gives what comes into a role with the permissions that it is to have, because these depend on it, sorted.
func included(all []wire.Permission, has []string) (more []string) {
	byName := make(map[string]wire.Permission, len(all))
	for _, p := range all {
		byName[p.Name] = p
	}
	in := map[string]bool{}
	for _, name := range has {
		in[name] = true
	}
	for wanted := slices.Clone(has); len(wanted) > 0; wanted = wanted[1:] {
		p := byName[wanted[0]]
		for _, other := range p.DependsOn {
			if !strings.Contains(other, ":") && p.Catalogue != "" {
				other = p.Catalogue + ":" + other
			}
			if !in[other] {
				in[other] = true
				more, wanted = append(more, other), append(wanted, other)
			}
		}
	}
	slices.Sort(more)
	return more
}
