package main

import (
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/permledger/permledger/internal/listen/listentest"
)

// certificate makes a certificate that issued itself: certificate HOST CERTFILE KEYFILE
func certificate(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(listentest.Write(args[0], ts.MkAbs(args[1]), ts.MkAbs(args[2])))
}
