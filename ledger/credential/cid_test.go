package credential

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
)

func TestCIDVectors(t *testing.T) {
	for _, tt := range []struct{ file, v1, v0 string }{
		{"", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"},
		{"hello\n", "bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am", "QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN"},
		{"hello world", "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e", "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD"},
		{"hello world\n", "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4", "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"},
	} {
		if got := CID([]byte(tt.file)); got != tt.v1 {
			t.Errorf("CID(%q) = %s; want %s", tt.file, got, tt.v1)
		}
		if got, ok := LegacyCID([]byte(tt.file)); got != tt.v0 || !ok {
			t.Errorf("LegacyCID(%q) = %s, %v; want %s", tt.file, got, ok, tt.v0)
		}
	}
}

func TestUnixFSNode(t *testing.T) {
	for _, tt := range []struct {
		size, overhead int
		prefix, suffix string // hex
	}{
		{0, 6, "0a0408021800", ""},
		{1, 8, "0a0708021201", "1801"},
		{127, 9, "0a850108" + "02127f", "187f"}, // the node's length is the first to need two bytes
		{128, 11, "0a8801080212" + "8001", "188001"},
		{1400, 11, "0a" + "800b" + "080212" + "f80a", "18f80a"},
		{Chunk, 14, "0a" + "8a8010" + "080212" + "808010", "18808010"},
	} {
		file := bytes.Repeat([]byte{'x'}, tt.size)
		node := unixFS(file)
		if len(node) != tt.size+tt.overhead {
			t.Errorf("a file of %d bytes gives a node of %d; want %d more", tt.size, len(node), tt.overhead)
		}
		h := hex.EncodeToString(node)
		if !strings.HasPrefix(h, tt.prefix) || !strings.HasSuffix(h, tt.suffix) {
			t.Errorf("the node of %d bytes is %.40s…%s", tt.size, h, h[max(0, len(h)-20):])
		}
	}
}

func TestLegacyCIDEndsAtOneChunk(t *testing.T) {
	if _, ok := LegacyCID(make([]byte, Chunk)); !ok {
		t.Error("a file of exactly one chunk has no identifier")
	}
	if got, ok := LegacyCID(make([]byte, Chunk+1)); ok || got != "" {
		t.Errorf("a file of more than one chunk has the identifier %q", got)
	}
	if got := CID(make([]byte, Chunk+1)); len(got) != 59 || !strings.HasPrefix(got, "bafkrei") {
		t.Errorf("CID of a longer file = %q", got)
	}
}
