package api

import (
	"net/http"
	"slices"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/node"
)

const mediaPolicy = "text/plain; charset=utf-8"

// getPolicy answers with what a checkpoint of the organization has to satisfy now. Where the node reaches the witnesses is
// left out: the policy is public, and nobody needs that to verify.
func getPolicy(c *call, w http.ResponseWriter) error {
	p := *c.server.node.Policy(c.org, c.org.Access.Head().Position)
	p.Witnesses = slices.Clone(p.Witnesses)
	for i := range p.Witnesses {
		p.Witnesses[i].URL = ""
	}
	w.Header().Set("Content-Type", mediaPolicy)
	_, err := w.Write([]byte(p.String()))
	return err
}

// witnesses says how far those are who cosign the organization's checkpoints.
func witnesses(o *node.Org) (all []wire.Witness) {
	for _, s := range o.Witnesses() {
		all = append(all, wire.Witness{
			Name: s.Name, URL: s.URL, Size: s.Size, At: stamp(s.At), Error: s.Error, Since: stamp(s.Since), Alarm: s.Alarm,
		})
	}
	return all
}

// countWitnesses says of them what a route may that asks nobody who he is: no names, addresses or errors.
func countWitnesses(o *node.Org) *wire.WitnessCount {
	all := witnesses(o)
	if len(all) == 0 {
		return nil
	}
	n := wire.WitnessCount{Known: len(all)}
	for _, w := range all {
		if w.At != "" && w.Error == "" {
			n.Cosigning++
		}
		n.Alarm = n.Alarm || w.Alarm
	}
	return &n
}
