package load

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
)

// ErrNoVerdict is for answers in which a decision is missing, or that are refusals.
var ErrNoVerdict = errors.New("the answer holds no decision")

// Expect gives the judge of answers that say each decision as a JSON member with one of two values, in the order asked.
// want says what is right: of each request, its decisions.
func Expect(member, yes, no string, want [][]bool) func(int, int, []byte) (int, error) {
	key, y, n := []byte(`"`+member+`":`), []byte(yes), []byte(no)
	return func(i, status int, body []byte) (wrong int, err error) {
		if status != http.StatusOK {
			return 0, fmt.Errorf("%w: status %d: %.200s", ErrNoVerdict, status, body)
		}
		rest := body
		for _, right := range want[i] {
			at := bytes.Index(rest, key)
			if at < 0 {
				return 0, fmt.Errorf("%w: %.200s", ErrNoVerdict, body)
			}
			rest = bytes.TrimLeft(rest[at+len(key):], " ")
			switch {
			case bytes.HasPrefix(rest, y) && right, bytes.HasPrefix(rest, n) && !right:
			case bytes.HasPrefix(rest, y), bytes.HasPrefix(rest, n):
				wrong++
			default:
				return 0, fmt.Errorf("%w: %.200s", ErrNoVerdict, body)
			}
		}
		if bytes.Contains(rest, key) {
			return 0, fmt.Errorf("%w: there are more than were asked for", ErrNoVerdict)
		}
		return wrong, nil
	}
}
