package interop

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-car/v2"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"
)

// decoded reads a block with IPLD's own DAG-CBOR, which has to write it in the same bytes.
func decoded(t *testing.T, block []byte) datamodel.Node {
	t.Helper()
	b := basicnode.Prototype.Any.NewBuilder()
	if err := dagcbor.Decode(b, bytes.NewReader(block)); err != nil {
		t.Fatal(err)
	}
	var again bytes.Buffer
	if err := dagcbor.Encode(b.Build(), &again); err != nil || !bytes.Equal(again.Bytes(), block) {
		t.Errorf("IPLD writes %x in other bytes: %x, %v", block, again.Bytes(), err)
	}
	return b.Build()
}

// walk follows the links of a node, depth first, in its own order.
func walk(t *testing.T, n datamodel.Node, visit func(cid.Cid)) {
	t.Helper()
	var values func(datamodel.Node)
	values = func(n datamodel.Node) {
		switch n.Kind() {
		case datamodel.Kind_Link:
			l, err := n.AsLink()
			if err != nil {
				t.Fatal(err)
			}
			c, err := cid.Decode(l.String())
			if err != nil {
				t.Fatal(err)
			}
			visit(c)
		case datamodel.Kind_List:
			for i := n.ListIterator(); !i.Done(); {
				_, v, err := i.Next()
				if err != nil {
					t.Fatal(err)
				}
				values(v)
			}
		case datamodel.Kind_Map:
			for i := n.MapIterator(); !i.Done(); {
				_, v, err := i.Next()
				if err != nil {
					t.Fatal(err)
				}
				values(v)
			}
		}
	}
	values(n)
}

// TestCARFiles: given a ledger of more entries than a page has links, when all of it and what concerns a role is exported
// as CAR files, then go-car reads them and finds each block to be of its CID, IPLD writes the DAG-CBOR in the same bytes, and
// going through the links from the root, depth first, meets the blocks in the order of the file.
func TestCARFiles(t *testing.T) {
	l := initialised(t, "plain")
	l.run("role", "create", "r7", "--reason", "a reason")
	l.run("import", "--format", "role-history", l.history(1100))
	for _, asked := range [][]string{{"--all"}, {"--role", "r7"}} {
		file := filepath.Join(t.TempDir(), "b.car")
		l.run(append([]string{"export", "-f", "car", "-O", file}, asked...)...)
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		in, err := car.NewBlockReader(f)
		if err != nil {
			t.Fatal(err)
		}
		if in.Version != 1 || len(in.Roots) != 1 {
			t.Fatalf("version %d, roots %v", in.Version, in.Roots)
		}
		blocks := map[cid.Cid][]byte{}
		var order []cid.Cid
		for {
			b, err := in.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil { // a block that is not of its CID, too
				t.Fatal(err)
			}
			if _, twice := blocks[b.Cid()]; twice {
				t.Errorf("block %s is in the file twice", b.Cid())
			}
			blocks[b.Cid()] = b.RawData()
			order = append(order, b.Cid())
		}
		var met []cid.Cid
		var visit func(cid.Cid)
		visit = func(c cid.Cid) {
			met = append(met, c)
			if c.Type() == cid.DagCBOR {
				walk(t, decoded(t, blocks[c]), visit)
			}
		}
		visit(in.Roots[0])
		if len(met) != len(order) {
			t.Fatalf("%v: %d links lead to %d blocks", asked, len(met), len(order))
		}
		for i := range met {
			if met[i] != order[i] {
				t.Fatalf("%v: block %d is %s, and the links come to %s", asked, i, order[i], met[i])
			}
		}
	}
}
