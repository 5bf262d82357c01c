// Package deploy holds what a cluster is run with, so that tests run the same.
package deploy

import _ "embed"

// NATS is the configuration of the NATS servers.
//
//go:embed nats.conf
var NATS string
