//go:build unix

package stream

import (
	"testing"
	"time"

	"github.com/permledger/permledger/ledger/stream/natstest"
)

// remote connects to urls of the cluster, with permledger's credentials.
func remote(t testing.TB, c *natstest.Cluster, urls string) *Conn {
	t.Helper()
	conn, err := Connect(RemoteOptions{
		URLs: urls, Credentials: c.Credentials, Replicas: c.Len(), SyncAlways: true, AckWait: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestRemoteAppendRead(t *testing.T) {
	for _, n := range []int{1, 3} {
		c := natstest.Start(t, n)
		conn := remote(t, c, c.URLs)
		l, err := conn.CreateLog(deadline(t), "acme")
		if err != nil {
			t.Fatal(err)
		}
		msgs := group("acme", 1, 900, 200)
		appendAll(t, l, 0, msgs)
		holds(t, l, msgs)
	}
}
