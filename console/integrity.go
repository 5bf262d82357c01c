package console

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/permledger/permledger/api/wire"
)

// integrity says how the ledger stands, as far as its server says so itself: whoever does not want to believe it verifies.
type integrity struct {
	Head       uint64 // of the page
	Health     *wire.OrganizationHealth
	Checkpoint *checkpoint // nil: there is none, or none that the caller may read
	Witnesses  []wire.Witness
}

// checkpoint is what the newest signed checkpoint says.
type checkpoint struct {
	Size       uint64
	At         string // when the server kept it
	Signatures int    // the log's own, and those of witnesses
}

// Behind is how many of the page's events the newest checkpoint does not cover yet.
func (i *integrity) Behind() uint64 {
	if i.Checkpoint == nil || i.Checkpoint.Size >= i.Head {
		return 0
	}
	return i.Head - i.Checkpoint.Size
}

// signingTakes is how long after an event nobody has to wonder that no checkpoint covers it yet: one is signed within a tenth of a second.
const signingTakes = time.Minute

// Late says whether events that the newest checkpoint does not cover should be covered by now.
func (i *integrity) Late(newest string) bool {
	at, err := time.Parse(time.RFC3339Nano, newest)
	return i.Behind() > 0 && (err != nil || time.Since(at) > signingTakes)
}

func (v *visit) integrity(head uint64) (*integrity, error) {
	i := integrity{Head: head, Witnesses: v.details.Witnesses}
	health, err := v.client.Health(v.ctx())
	if err != nil {
		return nil, err
	}
	for n := range health.Organizations {
		if health.Organizations[n].ID == v.org {
			i.Health = &health.Organizations[n]
		}
	}
	i.Checkpoint, err = v.checkpoint()
	return &i, err
}

// checkpoint reads the newest checkpoint of the log: a signed note whose text is the log's name, its size and its root.
func (v *visit) checkpoint() (*checkpoint, error) {
	req, err := http.NewRequestWithContext(v.ctx(), http.MethodGet, "http://"+v.Host+"/orgs/"+url.PathEscape(v.org)+"/log/checkpoint", nil)
	if err != nil {
		return nil, err
	}
	resp, err := v.call.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil, err
	}
	note, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var c checkpoint
	lines := bufio.NewScanner(bytes.NewReader(note))
	for n := 0; lines.Scan(); n++ {
		switch {
		case n == 1:
			if c.Size, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
				return nil, err
			}
		case bytes.HasPrefix(lines.Bytes(), []byte("— ")):
			c.Signatures++
		}
	}
	if at, err := http.ParseTime(resp.Header.Get("Last-Modified")); err == nil {
		c.At = at.UTC().Format(time.RFC3339)
	}
	return &c, lines.Err()
}
