package access

import "github.com/permledger/permledger/ledger/rules"

// nearest gives up to three names, known in the view, that somebody may have meant.
func (x *Index) nearest(name string, v view) []string {
	return rules.Nearest(name, func(yield func(string) bool) {
		for n, p := range x.perms.all {
			if x.known(n, v) && !yield(p.name) {
				return
			}
		}
	})
}
