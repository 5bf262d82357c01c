package cli

import (
	"context"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"unicode"

	"github.com/permledger/permledger/internal/trace"
)

// How a log is written.
const (
	formatText = "text"
	formatJSON = "json"
)

// newLogger writes a line for each record. Lines of text have no time: whoever collects them stamps them. Those of JSON have,
// and durations in seconds, as metrics are.
func newLogger(w io.Writer, format string, level slog.Level) *slog.Logger {
	o := &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, at slog.Attr) slog.Attr {
		if len(groups) == 0 && at.Key == slog.TimeKey && format != formatJSON {
			return slog.Attr{}
		}
		if at.Value.Kind() == slog.KindDuration && format == formatJSON {
			return slog.Float64(at.Key, at.Value.Duration().Seconds())
		}
		return cleaned(at)
	}}
	var h slog.Handler = slog.NewTextHandler(w, o)
	if format == formatJSON {
		h = slog.NewJSONHandler(w, o)
	}
	return slog.New(tracing{h})
}

// tracing adds the id of the trace that a record belongs to.
type tracing struct{ slog.Handler }

func (t tracing) Handle(ctx context.Context, r slog.Record) error {
	if span, ok := trace.From(ctx); ok {
		r = r.Clone()
		r.AddAttrs(slog.String("trace", span.TraceID()))
	}
	return t.Handler.Handle(ctx, r)
}

func (t tracing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return tracing{t.Handler.WithAttrs(attrs)}
}
func (t tracing) WithGroup(name string) slog.Handler { return tracing{t.Handler.WithGroup(name)} }

// cleaned keeps secrets out of what is said, and characters that would make a line look like another one.
func cleaned(at slog.Attr) slog.Attr {
	if secretNames.MatchString(at.Key) {
		return slog.String(at.Key, hidden)
	}
	switch v := at.Value.Resolve(); v.Kind() {
	case slog.KindString:
		at.Value = slog.StringValue(clean(v.String()))
	case slog.KindAny:
		if _, level := v.Any().(slog.Level); level {
			return at
		}
		if err, ok := v.Any().(error); ok {
			at.Value = slog.StringValue(clean(err.Error()))
		} else if _, ok := v.Any().(*slog.Source); !ok {
			at.Value = slog.StringValue(clean(v.String()))
		}
	}
	return at
}

const hidden = "[hidden]"

var (
	secretNames = regexp.MustCompile(`(?i)^(authorization|cookie|set-cookie|.*password|.*secret|.*token|seed|api[-_]?key|credentials?)$`)
	// secretWords are secrets in their forms: API keys, invitations and sessions, webhook secrets, seeds of NKeys, bearer tokens,
	// passwords in URLs, private keys in PEM.
	secretWords = regexp.MustCompile(`\bpl[a-z]_[0-9A-Za-z]{8,}|\bwhsec_[0-9A-Za-z+/=_-]{8,}|\bS[A-Z][A-Z2-7]{56}\b|(?i:bearer) +[0-9A-Za-z._~+/=-]{8,}|://[^/@\s:]*:[^/@\s]+@|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(-----END [A-Z ]*PRIVATE KEY-----)?`)
)

// clean replaces secrets, control characters, and characters that turn the direction of what follows or cannot be seen.
func clean(text string) string {
	if strings.ContainsFunc(text, unseen) {
		text = strings.Map(func(r rune) rune {
			if unseen(r) {
				return unicode.ReplacementChar
			}
			return r
		}, text)
	}
	return secretWords.ReplaceAllStringFunc(text, func(word string) string {
		if strings.HasPrefix(word, "://") {
			return "://" + hidden + "@"
		}
		return hidden
	})
}

// unseen says whether a character is a control or format character, or breaks a line. A tab is none.
func unseen(r rune) bool {
	return r != '\t' && (unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r == unicode.ReplacementChar)
}
