package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/internal/trace"
	"github.com/permledger/permledger/ledger/secret"
)

// Durations are in a unit that can be told: to people with it, to programs in seconds.
func TestLogSaysHowLongInSeconds(t *testing.T) {
	for format, want := range map[string]string{formatText: " took=250ms", formatJSON: `"took":0.25`} {
		var b bytes.Buffer
		newLogger(&b, format, slog.LevelInfo).Info("a request was answered", "took", 250*time.Millisecond)
		if !strings.Contains(b.String(), want) {
			t.Errorf("it says %q; want %s", b.String(), want)
		}
	}
}

// Given values that somebody else chose, when they are logged, then a record is one line, no secret is in it, and nothing in it
// turns the direction of what is read.
func TestLogIsClean(t *testing.T) {
	word := secret.New(secret.APIKey).Text()
	for name, c := range map[string]struct{ in, not string }{
		"a line of its own":     {"x\nlevel=ERROR msg=\"all is lost\"", "\nlevel"},
		"a carriage return":     {"x\rlevel=ERROR", "\rlevel"},
		"an escape sequence":    {"x\x1b[2Jy", "\x1b"},
		"a bidi override":       {"user\u202egro.elpmaxe\u202c", "\u202e"},
		"an isolate":            {"a\u2066b\u2069", "\u2066"},
		"what cannot be seen":   {"ad\u200bmin", "\u200b"},
		"a line separator":      {"a\u2028b", "\u2028"},
		"an API key":            {"called with " + word, word},
		"half an API key":       {"called with " + word[:20], word[:20]},
		"a bearer token":        {"Authorization: Bearer abcdefghijklmnop", "abcdefghijklmnop"},
		"a webhook's secret":    {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8"},
		"a seed":                {"SUAIBDPBAUTWCWBKIO6XHQNINK5FWJW4OHLXC3HQ2KFE4PEJUA44CNHTC4", "AIBDPBAUTW"},
		"a password in a URL":   {"dial nats://me:hunter22@10.0.0.1:4222: refused", "hunter22"},
		"a private key":         {"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----", "MC4CAQAw"},
		"half a character":      {"x\xffy", "\xff"},
		"nothing to be cleaned": {"the role Desk-7 of „Zoë“\tis kept", "no such thing"},
	} {
		for _, format := range []string{formatText, formatJSON} {
			t.Run(name+"/"+format, func(t *testing.T) {
				var b bytes.Buffer
				log := newLogger(&b, format, slog.LevelInfo)
				log.Info("it said "+c.in, "value", c.in, "error", fmt.Errorf("wrapped: %w", errors.New(c.in)), slog.Group("in", "deep", c.in))
				text := b.String()
				if strings.Count(text, "\n") != 1 || strings.Contains(strings.TrimSuffix(text, "\n"), c.not) {
					t.Errorf("it says %q", text)
				}
				if format == formatJSON {
					var v struct{ Value string }
					if err := json.Unmarshal(b.Bytes(), &v); err != nil || strings.Contains(v.Value, c.not) {
						t.Errorf("%v: %q", err, v.Value)
					}
					if name == "nothing to be cleaned" && v.Value != c.in {
						t.Errorf("%q became %q", c.in, v.Value)
					}
				}
			})
		}
	}
}

// Given names that mean secrets, then their values are hidden whatever they are; given a trace, its id is said.
func TestLogNames(t *testing.T) {
	var b bytes.Buffer
	log := newLogger(&b, formatJSON, slog.LevelInfo)
	span := trace.New()
	log.With("organization", "main").InfoContext(trace.With(t.Context(), span), "x", "password", "hunter22", "Authorization", "hunter22", "session_token", 42, "tokens", 7)
	var v map[string]any
	if err := json.Unmarshal(b.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "hunter22") || v["session_token"] != hidden || v["tokens"] != 7.0 || v["trace"] != span.TraceID() || v["organization"] != "main" || v["level"] != "INFO" || v["time"] == nil {
		t.Errorf("%s", b.String())
	}
	b.Reset()
	newLogger(&b, formatText, slog.LevelWarn).Info("not said")
	newLogger(&b, formatText, slog.LevelWarn).Warn("said")
	if b.String() != "level=WARN msg=said\n" {
		t.Errorf("%q", b.String())
	}
}
