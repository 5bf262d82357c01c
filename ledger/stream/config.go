package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// State is what a stream holds, as its server counts it.
type State struct {
	Msgs, FirstSeq, LastSeq, NumDeleted uint64
	Lost                                string // JSON of what the server knows to have lost, "" where nothing
}

func (r *reply) state() State {
	s := State{Msgs: r.State.Msgs, FirstSeq: r.State.FirstSeq, LastSeq: r.State.LastSeq, NumDeleted: r.State.NumDeleted}
	if len(r.State.Lost) > 0 && string(r.State.Lost) != "null" {
		s.Lost = string(r.State.Lost)
	}
	return s
}

// whole reports whether nothing is gone from a stream in this state: it begins at 1, unless it forgets its oldest
// messages (ages), and has every position from there on.
func (s State) whole(ages bool) bool {
	if s.NumDeleted != 0 || s.Lost != "" {
		return false
	}
	if ages {
		// A stream all of whose messages have aged away has FirstSeq one past LastSeq.
		return s.LastSeq == 0 && s.Msgs == 0 || s.FirstSeq > 0 && s.Msgs == s.LastSeq+1-s.FirstSeq
	}
	return s.Msgs == s.LastSeq && (s.LastSeq == 0 && s.FirstSeq <= 1 || s.FirstSeq == 1)
}

// config is what a stream's configuration must be, every member explicit: a default of another version of NATS is then a
// difference that is noticed.
func config(i id, maxAge time.Duration, replicas int) jetstream.StreamConfig {
	c := jetstream.StreamConfig{
		Name:               i.stream(),
		Subjects:           []string{i.subjects()},
		Storage:            jetstream.FileStorage,
		Replicas:           replicas,
		Retention:          jetstream.LimitsPolicy,
		Discard:            jetstream.DiscardNew,
		MaxConsumers:       -1,
		MaxMsgs:            -1,
		MaxBytes:           -1,
		MaxMsgsPerSubject:  -1,
		MaxMsgSize:         -1,
		Duplicates:         2 * time.Minute, // unused: no message has an id
		Compression:        jetstream.NoCompression,
		DenyDelete:         true,
		DenyPurge:          true,
		AllowRollup:        false,
		AllowMsgTTL:        false,
		AllowDirect:        true,
		AllowAtomicPublish: true,
	}
	if i.kind == kindPrivate {
		// One message for each key, which is never replaced but can be erased, on every replica. Reading asks the leader:
		// a replica that lags would still show what was erased.
		c.DenyDelete, c.DenyPurge, c.AllowDirect = false, false, false
		c.MaxMsgsPerSubject, c.DiscardNewPerSubject = 1, true
	}
	if i.kind == kindActivity {
		c.MaxAge = maxAge
		if 0 < maxAge && maxAge < c.Duplicates {
			c.Duplicates = maxAge // NATS demands it
		}
	}
	return c
}

// checkConfig compares a stream's configuration with what it must be, member by member, those included that this version
// does not know. The error is a *[ConfigError].
func checkConfig(want jetstream.StreamConfig, have members) error {
	b, err := json.Marshal(want)
	if err != nil {
		return fmt.Errorf("configuration of %s: %w", want.Name, err)
	}
	var must members
	if err := json.Unmarshal(b, &must); err != nil {
		return fmt.Errorf("configuration of %s: %w", want.Name, err)
	}
	names := slices.Collect(maps.Keys(must))
	for n := range have {
		if _, ok := must[n]; !ok {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	e := &ConfigError{Stream: want.Name}
	for _, n := range names {
		w, h := spell(n, must[n]), spell(n, have[n])
		if w != h {
			e.Fields = append(e.Fields, FieldDiff{Name: n, Want: w, Have: h})
		}
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// spell is the JSON of a member's value, "" for one that is absent or says no more than absent does.
func spell(name string, v any) string {
	if m, ok := v.(map[string]any); ok {
		m = maps.Clone(m)
		for k := range m {
			// The server's own notes: its version and the API level that the configuration needs.
			if name == "metadata" && strings.HasPrefix(k, "_nats.") {
				delete(m, k)
			}
		}
		v = m
	}
	b, err := json.Marshal(v)
	if err != nil {
		panic("stream: a value that came from JSON has none: " + err.Error())
	}
	switch b = bytes.TrimSpace(b); string(b) {
	case "null", "false", "0", `""`, "[]", "{}":
		return ""
	}
	return string(b)
}

// onlyRetention reports whether nothing differs but how long messages are kept, and what follows from that.
func (e *ConfigError) onlyRetention() bool {
	return !slices.ContainsFunc(e.Fields, func(f FieldDiff) bool {
		return f.Name != "max_age" && f.Name != "duplicate_window"
	})
}
