package rules

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// Nearest gives up to three of names that differ little from name, whatever catalogue stands before either: what
// somebody who misspelled it may have meant. The nearest comes first.
func Nearest(name string, names iter.Seq[string]) []string {
	type near struct {
		name string
		far  int
	}
	const longest = 256 // nobody means a longer name
	bare := strings.ToLower(name[strings.LastIndexByte(name, ':')+1:])
	if len(bare) > longest {
		return nil
	}
	limit := max(2, len(bare)/4)
	var found []near
	for have := range names {
		other := have[strings.LastIndexByte(have, ':')+1:]
		if d := len(other) - len(bare); d > limit || -d > limit {
			continue
		}
		if far := distance(bare, strings.ToLower(other), limit); far <= limit {
			found = append(found, near{have, far})
		}
	}
	slices.SortFunc(found, func(a, b near) int { return cmp.Or(cmp.Compare(a.far, b.far), cmp.Compare(a.name, b.name)) })
	var out []string
	for _, n := range found[:min(3, len(found))] {
		out = append(out, n.name)
	}
	return out
}

// distance counts the insertions, deletions and substitutions between two names, giving up above limit.
func distance(a, b string, limit int) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal, least := row[0], i
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
			least = min(least, row[j])
		}
		if least > limit {
			return limit + 1
		}
	}
	return row[len(b)]
}
