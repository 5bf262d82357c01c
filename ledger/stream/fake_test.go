//go:build unix

package stream

import (
	"bufio"
	"fmt"
	"net"
	"strings"
)

// serveNATS speaks as much of NATS's protocol as it takes to be connected to, and gives the same answer to whatever is
// published with a reply subject: what a server that is too old, or has no JetStream, says.
func serveNATS(c net.Conn, info []byte, answer string) {
	defer c.Close()
	fmt.Fprintf(c, "INFO %s\r\n", info)
	sid := ""
	for in := bufio.NewScanner(c); in.Scan(); {
		switch f := strings.Fields(in.Text()); {
		case len(f) == 0:
		case f[0] == "PING":
			fmt.Fprint(c, "PONG\r\n")
		case f[0] == "SUB":
			sid = f[len(f)-1]
		case f[0] == "PUB" && len(f) == 4, f[0] == "HPUB" && len(f) == 5:
			fmt.Fprintf(c, "MSG %s %s %d\r\n%s\r\n", f[2], sid, len(answer), answer)
		}
	}
}
