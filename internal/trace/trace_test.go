package trace

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

const example = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// Given headers as W3C Trace Context has them, and others, then the first are taken and the others not.
func TestParse(t *testing.T) {
	for text, good := range map[string]bool{
		example: true,
		"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01":      true, // a later version
		"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what": true,
		"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what": false,
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what": false,
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01":      false,
		"00-00000000000000000000000000000000-b7ad6b7169203331-01":      false,
		"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01":      false,
		"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01":      false,
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0":       false,
		"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01":      false,
		"": false,
		"00-0af7651916cd43dd8448eb211c80319\n-b7ad6b7169203331-01": false,
	} {
		if _, ok := Parse(text); ok != good {
			t.Errorf("%q: %t", text, ok)
		}
	}
	if s, _ := Parse(example); s.String() != example || s.TraceID() != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("%s", s)
	}
}

// Given a span in a context, when a request is made in it, then that is of the same trace, and another span.
func TestSet(t *testing.T) {
	for _, s := range []Span{New(), func() Span { s, _ := Parse(example); return s }()} {
		h := http.Header{}
		Set(With(context.Background(), s), h)
		next, ok := Parse(h.Get(Header))
		if !ok || next.Trace != s.Trace || next.ID == s.ID || next.Flags != s.Flags {
			t.Errorf("%s became %q", s, h.Get(Header))
		}
	}
	h := http.Header{}
	if Set(context.Background(), h); len(h) > 0 {
		t.Errorf("without a span: %v", h)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(example)
	f.Fuzz(func(t *testing.T, text string) {
		if s, ok := Parse(text); ok {
			if again, ok := Parse(s.String()); !ok || again != s || !strings.Contains(text, s.TraceID()) {
				t.Errorf("%q became %s", text, s)
			}
		}
	})
}
