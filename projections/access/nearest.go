package access

import "github.com/permledger/permledger/ledger/rules"

// nearest gives up to three names, known in the view, that somebody may have meant.
func (x *Index) nearest(name string, v view) []string {
	return rules.Nearest(name, func(yield func(string) bool) {
		for n, have := range x.names {
			if x.known(uint32(n), v) && !yield(have) {
				return
			}
		}
	})
}
