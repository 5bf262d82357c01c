package credential_test

import (
	"encoding/hex"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/permledger/permledger/ledger/credential"
)

// An archive of one block is that which other tools write: the header's bytes are those of the specification.
func TestCAR(t *testing.T) {
	block := []byte("block")
	raw := cid.MustParse(credential.CID(block))
	legacy, _ := credential.LegacyCID(block)
	node, _ := credential.Node(block)
	for name, tt := range map[string]struct {
		id    cid.Cid
		block []byte
		want  string
	}{
		"raw": {raw, block, "3aa265726f6f747381d82a582500" + hex.EncodeToString(raw.Bytes()) + "6776657273696f6e01" + "29" + hex.EncodeToString(raw.Bytes()) + hex.EncodeToString(block)},
		"dag-pb": {cid.MustParse(legacy), node, "38a265726f6f747381d82a582300" + hex.EncodeToString(cid.MustParse(legacy).Bytes()) + "6776657273696f6e01" +
			"2f" + hex.EncodeToString(cid.MustParse(legacy).Bytes()) + hex.EncodeToString(node)},
	} {
		if got := hex.EncodeToString(credential.CAR(tt.id.Bytes(), tt.block)); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, tt.want)
		}
	}
}
