package bundle

import (
	"bytes"
	"fmt"
)

func (p *packer) readme() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Evidence of the ledger %s as of position %d\n", p.m.Origin, p.m.Position)
	return b.Bytes()
}
