//go:build unix

package natstest

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// clusterInfo is what a stream's leader says of its group.
type clusterInfo struct {
	Error *struct {
		Description string `json:"description"`
	} `json:"error"`
	State struct {
		LastSeq uint64 `json:"last_seq"`
	} `json:"state"`
	Cluster struct {
		Leader   string `json:"leader"`
		Replicas []struct {
			Name    string `json:"name"`
			Current bool   `json:"current"`
			Offline bool   `json:"offline"`
			Lag     uint64 `json:"lag"`
		} `json:"replicas"`
	} `json:"cluster"`
}

func (c *Cluster) info(stream string) (clusterInfo, error) {
	var r clusterInfo
	m, err := c.admin.Request("$JS.API.STREAM.INFO."+stream, nil, time.Second)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(m.Data, &r); err != nil {
		return r, err
	}
	if r.Error != nil {
		return r, fmt.Errorf("%s", r.Error.Description)
	}
	return r, nil
}

// await polls what ok says until it is true.
func (c *Cluster) await(what string, ok func() error) {
	c.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if err = ok(); err == nil {
			return
		}
	}
	c.t.Errorf("natstest: %s: %v", what, err)
}

// Leader waits until the stream has a leader that answers, and is its index; -1 after the test was failed for want of one.
func (c *Cluster) Leader(stream string) int {
	c.t.Helper()
	leader := -1
	c.await("leader of "+stream, func() error {
		r, err := c.info(stream)
		if err != nil {
			return err
		}
		leader = slices.IndexFunc(c.nodes, func(s *node) bool { return s.name == r.Cluster.Leader })
		if leader < 0 {
			return fmt.Errorf("leader %q", r.Cluster.Leader)
		}
		return nil
	})
	return leader
}

// Healthy waits until every replica of the stream is current.
func (c *Cluster) Healthy(stream string) {
	c.t.Helper()
	c.await("replicas of "+stream, func() error {
		r, err := c.info(stream)
		if err != nil {
			return err
		}
		for _, p := range r.Cluster.Replicas {
			if !p.Current || p.Offline || p.Lag != 0 {
				return fmt.Errorf("%s is not current (lag %d)", p.Name, p.Lag)
			}
		}
		if got := len(r.Cluster.Replicas) + 1; got != len(c.nodes) {
			return fmt.Errorf("%d replicas", got)
		}
		return nil
	})
}

// StepDown makes the stream's leader give up its leadership, with nobody being stopped.
func (c *Cluster) StepDown(stream string) {
	c.t.Helper()
	c.await("step down of "+stream, func() error {
		m, err := c.admin.Request("$JS.API.STREAM.LEADER.STEPDOWN."+stream, nil, time.Second)
		if err != nil {
			return err
		}
		var r struct {
			Success bool `json:"success"`
		}
		if err := json.Unmarshal(m.Data, &r); err != nil || !r.Success {
			return fmt.Errorf("%s", m.Data)
		}
		return nil
	})
}
