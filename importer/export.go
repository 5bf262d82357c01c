package importer

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/permledger/permledger/events/canon"
)

// WriteAssignments writes who effectively has which permissions, in the form of the truth in an assignments object:
//
//	{"userPermissions":{"1":[6,7],"2":[]}}
//
// and a line feed, with strings as canonical JSON has them. Users stand in the order of their numbers where all are numbers, else by bytes; so do permissions,
// which are written as numbers where every one of all users is one. A number is what a JSON number can say exactly in
// every reader: up to 15 digits, without leading zeros. A user that pairs gives twice has the union. The bytes depend
// on nothing but the pairs.
func WriteAssignments(w io.Writer, pairs iter.Seq2[string, []string]) error {
	of := map[string][]string{}
	var users []string
	numbers, userNumbers := true, true
	for user, permissions := range pairs {
		if _, known := of[user]; !known {
			users = append(users, user)
			userNumbers = userNumbers && isNumber(user)
		}
		of[user] = append(of[user], permissions...)
		for _, p := range permissions {
			numbers = numbers && isNumber(p)
		}
	}
	slices.SortFunc(users, order(userNumbers))
	b := bufio.NewWriter(w) // keeps the first error for Flush
	b.WriteString(`{"userPermissions":{`)
	for i, user := range users {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(canon.AppendString(nil, user))
		b.WriteString(":[")
		permissions := of[user]
		slices.SortFunc(permissions, order(numbers))
		for j, p := range slices.Compact(permissions) {
			if j > 0 {
				b.WriteByte(',')
			}
			if numbers {
				b.WriteString(p)
			} else {
				b.Write(canon.AppendString(nil, p))
			}
		}
		b.WriteByte(']')
	}
	b.WriteString("}}\n")
	if err := b.Flush(); err != nil {
		return fmt.Errorf("write assignments: %w", err)
	}
	return nil
}

// isNumber says whether s is the one spelling of a whole number that every JSON reader keeps.
func isNumber(s string) bool {
	if len(s) == 0 || len(s) > 15 || s[0] == '0' && len(s) > 1 {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// order compares by number or by bytes. Of numbers in their one spelling, the longer is the bigger.
func order(numbers bool) func(a, b string) int {
	if !numbers {
		return cmp.Compare[string]
	}
	return func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }
}
