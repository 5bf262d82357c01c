package access

import (
	"cmp"
	"slices"
	"strings"
)

// nearest gives up to three names, known in the view, that somebody may have meant: the same name in a catalogue first,
// then those that differ little.
func (x *Index) nearest(name string, v view) []string {
	type near struct {
		name string
		far  int
	}
	bare := strings.ToLower(name[strings.LastIndexByte(name, ':')+1:])
	limit := max(2, len(bare)/4)
	var found []near
	for n, have := range x.names {
		other := strings.ToLower(have[strings.LastIndexByte(have, ':')+1:])
		if d := len(other) - len(bare); d > limit || -d > limit {
			continue
		}
		if far := distance(bare, other, limit); far <= limit && x.known(uint32(n), v) {
			found = append(found, near{have, far})
		}
	}
	slices.SortFunc(found, func(a, b near) int { return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.name, b.name)) })
	var names []string
	for _, n := range found[:min(3, len(found))] {
		names = append(names, n.name)
	}
	return names
}

// distance counts the insertions, deletions and substitutions of bytes between two names, giving up above limit.
func distance(a, b string, limit int) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal, least := row[0], i+1
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j+1]+1, row[j]+1)
			least = min(least, row[j+1])
		}
		if least > limit {
			return limit + 1
		}
	}
	return row[len(b)]
}
