package readers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
)

// Following is how a reader of an organization follows its streams now.
type Following struct {
	Reader      Reader
	Connections int
	Consumers   []Consumer // by stream and name
}

// Consumer is how far a consumer is.
type Consumer struct {
	Stream    string
	Name      string // that its reader gave it
	Delivered uint64 // position in the stream of the last message that was sent
	Floor     uint64 // position up to which all were acknowledged; 0 where none are to be
	Pending   uint64 // messages that it has not got yet
	Unacked   int    // that it got and has not acknowledged
}

// Following says who is connected to an organization's streams, or has consumers there, by id; nil where nobody was served yet.
// A consumer that goes meanwhile is left out.
func (s *Server) Following(ctx context.Context, organization string) ([]Following, error) {
	s.mu.Lock()
	o := s.orgs[organization]
	all := map[string]*Following{}
	for id, c := range s.conns {
		if c.reader.Organization == organization && s.srv.GetClient(id) != nil {
			of(all, c.reader).Connections++
		}
	}
	s.mu.Unlock()
	if o == nil || o.gate == nil {
		return sorted(all), nil
	}
	for real, c := range o.gate.known() {
		v, err := o.gate.ask(ctx, "CONSUMER.INFO."+c.stream+"."+real, nil)
		if err != nil {
			return nil, err
		}
		one, err := consumerOfInfo(v)
		if errors.Is(err, errNoConsumer) {
			continue
		}
		if err != nil {
			return nil, err
		}
		one.Stream, one.Name = c.stream, c.name
		f := of(all, Reader{Organization: organization, ID: c.reader})
		f.Consumers = append(f.Consumers, one)
	}
	return sorted(all), nil
}

// of gives what is known of a reader, by its id.
func of(all map[string]*Following, r Reader) *Following {
	f := all[r.ID]
	if f == nil {
		f = &Following{Reader: r}
		all[r.ID] = f
	}
	f.Reader.Name = cmp.Or(f.Reader.Name, r.Name)
	return f
}

func sorted(all map[string]*Following) []Following {
	var list []Following
	for _, f := range all {
		slices.SortFunc(f.Consumers, func(a, b Consumer) int { return cmp.Or(cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Name, b.Name)) })
		list = append(list, *f)
	}
	slices.SortFunc(list, func(a, b Following) int { return cmp.Compare(a.Reader.ID, b.Reader.ID) })
	return list
}

// known gives the consumers that readers have, by the names that they really have.
func (g *gate) known() map[string]consumerOf {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := map[string]consumerOf{}
	for id, u := range g.readers {
		for name, real := range u.consumers {
			if real != "" { // else it is being made
				all[real] = consumerOf{id, name}
			}
		}
	}
	return all
}

// consumerOfInfo reads what JetStream says of a consumer.
func consumerOfInfo(v map[string]any) (c Consumer, err error) {
	b, err := json.Marshal(v)
	if err != nil {
		return c, err
	}
	var info struct {
		Error     *struct{ Description string }
		Delivered struct {
			Stream uint64 `json:"stream_seq"`
		}
		Floor struct {
			Stream uint64 `json:"stream_seq"`
		} `json:"ack_floor"`
		Pending uint64 `json:"num_pending"`
		Unacked int    `json:"num_ack_pending"`
	}
	if err := json.Unmarshal(b, &info); err != nil {
		return c, err
	}
	if info.Error != nil {
		return c, errNoConsumer
	}
	return Consumer{Delivered: info.Delivered.Stream, Floor: info.Floor.Stream, Pending: info.Pending, Unacked: info.Unacked}, nil
}
