package load

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
)

// Whatever comes, an answer that is taken for whole is the one that net/http reads, and a beginning of it is none.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 403 Forbidden\r\ncontent-length:0\r\nX: y\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		status, body, used, err := parse(b, nil)
		if err != nil || used == 0 {
			return
		}
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(b[:used])), nil)
		if err != nil { // it is stricter about fields that the generator does not look at
			return
		}
		want, err := io.ReadAll(resp.Body)
		if err == nil && len(resp.Header["Content-Length"]) < 2 && status == resp.StatusCode && status >= 200 && status != 204 && status != 304 && !bytes.Equal(body, want) {
			t.Fatalf("%q instead of %q", body, want)
		}
		for n := range used {
			if _, _, early, err := parse(b[:n], nil); early != 0 || err != nil {
				t.Fatalf("of %d bytes, %d are taken for %d: %v", used, n, early, err)
			}
		}
	})
}
