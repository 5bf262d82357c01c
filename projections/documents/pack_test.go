package documents

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestPack(t *testing.T) {
	for _, name := range []string{"key/00-role.created.json", "key/03-permission.granted.json", "one/03-permission.granted.json", "web/03-permission.granted.json"} {
		file, err := os.ReadFile(filepath.Join("..", "..", "ledger", "document", "testdata", filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		p := pack(file)
		if got, err := p.unpack(); err != nil || !bytes.Equal(got, file) {
			t.Errorf("%s: unpacked as %s, %v", name, got, err)
		}
		if len(p) > 600 {
			t.Errorf("%s: %d bytes are packed to %d", name, len(file), len(p))
		}
	}
	for _, file := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("permission "), 20_000)} {
		if got, err := pack(file).unpack(); err != nil || !bytes.Equal(got, file) {
			t.Errorf("%d bytes come back as %d, %v", len(file), len(got), err)
		}
	}
}
