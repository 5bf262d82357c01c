package tenants_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// needles are what must not reach a caller of the other organization: a word in any encoding, and whole tokens, as ids, keys,
// digests and signatures are.
type needles struct {
	spellings []string // of the secret word, as they stand in lower case
	exact     []string // the same in alphabets where case matters
	tokens    map[string]bool
}

// needlesOf gives what is looked for: a word, and the tokens of what an organization recorded.
func needlesOf(word string, tokens map[string]bool) *needles {
	n := &needles{spellings: []string{word, hex.EncodeToString([]byte(word))}, tokens: maps.Clone(tokens)}
	for before := range 3 { // base64 has three, for each place of the first byte
		text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + word))
		whole := (before + len(word)) / 3 * 4 // of the characters, those that no byte behind the word is part of
		first := (before*8 + 5) / 6           // and none before it
		n.exact = append(n.exact, text[first:whole])
	}
	return n
}

// and gives them with another word, as it is.
func (n *needles) and(word string) *needles {
	return &needles{spellings: append(slices.Clone(n.spellings), word), exact: n.exact, tokens: n.tokens}
}

// tokensIn gives the parts of a text that are made by machines: long, and of letters and digits.
func tokensIn(text string) map[string]bool {
	all := map[string]bool{}
	for one := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '-')
	}) {
		if len(one) >= 20 && strings.ContainsAny(one, "0123456789") && !strings.HasPrefix(one, "20") {
			all[one] = true
		}
	}
	return all
}

// forgive takes out what a caller said itself, or may know.
func (n *needles) forgive(text string) {
	for one := range tokensIn(text) {
		delete(n.tokens, one)
	}
}

// in gives what of it is in an answer; empty: nothing.
func (n *needles) in(answer string) string {
	for _, text := range opened(answer) {
		lower := strings.ToLower(text)
		for _, s := range n.spellings {
			if i := strings.Index(lower, s); i >= 0 {
				return text[max(0, i-60):min(len(text), i+60)]
			}
		}
		for _, s := range n.exact {
			if i := strings.Index(text, s); i >= 0 {
				return text[max(0, i-60):min(len(text), i+60)]
			}
		}
		for one := range tokensIn(text) {
			if n.tokens[one] {
				return one
			}
		}
	}
	return ""
}

// opened gives an answer, and what is packed in it.
func opened(answer string) []string {
	all := []string{answer}
	if i := strings.Index(answer, "\x1f\x8b\x08"); i >= 0 {
		if r, err := gzip.NewReader(strings.NewReader(answer[i:])); err == nil {
			r.Multistream(false)
			b, _ := io.ReadAll(r)
			all = append(all, string(b))
		}
	}
	if i := strings.Index(answer, "PK\x03\x04"); i >= 0 {
		body := []byte(answer[i:])
		if z, err := zip.NewReader(bytes.NewReader(body), int64(len(body))); err == nil {
			for _, f := range z.File {
				if r, err := f.Open(); err == nil {
					b, _ := io.ReadAll(r)
					all = append(all, f.Name+"\n"+string(b))
					_ = r.Close()
				}
			}
		}
	}
	return all
}

// Whatever way something of an organization is written, it is seen; and nothing is where there is nothing.
func TestLeaksAreSeen(t *testing.T) {
	const id = "01KAQ4T0Z2D1Y9V5W3X7B8C6M4"
	n := needlesOf(secretWord, tokensIn(`{"id":"`+id+`","time":"`+time.Now().UTC().Format(time.RFC3339Nano)+`"}`))
	pack := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text))
		_ = z.Close()
		return b.String()
	}
	zipped := func(text string) string {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		f, _ := z.Create("a.json")
		_, _ = f.Write([]byte(text))
		_ = z.Close()
		return b.String()
	}
	said := "a role of " + secretWord + " that is long enough to be packed, packed and packed again"
	leaks := map[string]string{
		"as it is": said, "in capitals": strings.ToUpper(said), "in hexadecimal": hex.EncodeToString([]byte(said)), "an id": `{"role":"` + id + `"}`,
		"packed": "HTTP/1.1 200\r\n\r\n" + pack(said), "zipped": "HTTP/1.1 200\r\n\r\n" + zipped(said), "an id, packed": pack("x " + id),
	}
	for before := range 6 {
		text := strings.Repeat("x", before) + said
		leaks[fmt.Sprint("base64, from ", before)] = base64.StdEncoding.EncodeToString([]byte(text))
		leaks[fmt.Sprint("base64url, from ", before)] = base64.RawURLEncoding.EncodeToString([]byte(text))
	}
	for what, answer := range leaks {
		if n.in(answer) == "" {
			t.Errorf("%s: nothing is seen in %q", what, answer)
		}
	}
	for _, answer := range []string{"", "falcon-role-1", id[:20], "badger " + time.Now().UTC().Format(time.RFC3339Nano), pack("badger")} {
		if got := n.in(answer); got != "" {
			t.Errorf("%q is seen in %q", got, answer)
		}
	}
	n.forgive("who asked for " + id)
	if got := n.in(leaks["an id"]); got != "" {
		t.Errorf("what was forgiven is seen: %q", got)
	}
}
