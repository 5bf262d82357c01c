//go:build unix

package natstest

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are chosen below those that the system gives to outgoing connections, so that a server that was killed finds its
// own free when it is started again.
const lowest, highest = 15000, 31000

// freePorts are n ports of loopback that were free just now.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range 1000 {
		port := lowest + rand.IntN(highest-lowest)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer l.Close() // all at the end: none is chosen twice
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("natstest: no %d free ports", n)
}
