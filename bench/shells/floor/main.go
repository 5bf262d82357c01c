// The floor: maps behind net/http, what a server costs that has nothing to do.
package main

import (
	"github.com/permledger/permledger/bench/shell"
	"github.com/permledger/permledger/bench/world"
)

func main() {
	shell.Main(func(w *world.World) (shell.Decider, error) {
		facts := w.Facts()
		return func(user, permission, resource string) (bool, error) {
			return facts.Allows(user, permission, resource), nil
		}, nil
	})
}
