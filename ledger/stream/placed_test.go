package stream

import (
	"context"
	"errors"
	"testing"
)

// Given servers that are offline to their leader for a moment, then a stream is asked for until it can be placed on them, and
// no longer than its caller waits; what else is wrong is said at once.
func TestStreamsArePlacedOnceServersAreOnline(t *testing.T) {
	offline, full := &apiError{codeNoPeers, "peer offline"}, &apiError{10047, "insufficient storage"}
	for name, tt := range map[string]struct {
		answers []error
		ends    bool // the caller waits no longer
		want    error
	}{
		"at once":        {answers: []error{nil}},
		"in the end":     {answers: []error{offline, offline, nil}},
		"something else": {answers: []error{offline, full}, want: full},
		"given up":       {answers: []error{offline}, ends: true, want: offline},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if tt.ends {
				cancel()
			}
			asked := 0
			_, err := untilPlaced(ctx, func() (*reply, error) {
				asked++
				return &reply{}, tt.answers[asked-1]
			})
			if !errors.Is(err, tt.want) || asked != len(tt.answers) {
				t.Errorf("%v after %d questions; want %v after %d", err, asked, tt.want, len(tt.answers))
			}
		})
	}
}
