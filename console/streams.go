package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/permledger/permledger/api/wire"
)

func streamRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{method: get, path: "{org}/streams", screen: (*visit).streams},
		{method: post, path: "{org}/streams", screen: (*visit).createWebhook},
		{method: get, path: "{org}/streams/webhooks/{id}", screen: (*visit).webhook},
		{method: post, path: "{org}/streams/webhooks/{id}", screen: (*visit).changeWebhook},
		{method: post, path: "{org}/streams/readers", screen: (*visit).removeReader},
	}
}

// streamsPage is what happens as it is recorded, who gets it, and how somebody else can.
type streamsPage struct {
	Items    []wire.Item // the newest first
	Types    []string    // of events, among them
	Type     string
	Hooks    *[]wire.Webhook // nil: not the caller's to see
	Readers  *[]wire.Key
	Follow   *wire.Followers // who of them is connected, and how far
	Form     filled
	Problem  *wire.Problem // why a webhook was not made
	Ways     []subscription
	now      string
	Position uint64
}

// A subscription is a way to follow the organization, as what to run.
type subscription struct{ Name, Says, Run string }

// tail is how many events the page shows.
const tail = 30

// hookKinds are the kinds of changes that a webhook can be for.
var hookKinds = []option{
	{"subject", "what somebody holds"}, {"role", "what a role holds"}, {"organization", "owner and catalogues"},
	{"resource", "resources and who reaches them"}, {"token", "tokens"}, {"other", "all the rest: keys, documents, reviews"},
}

// HookKinds are the kinds that the form offers.
func (s *streamsPage) HookKinds() []option { return hookKinds }

// In says how far an instant is from the page's, in words.
func (s *streamsPage) In(instant string) string { return distance(s.now, instant) }

func (v *visit) streams() (view, error) { return v.streamsShown(filled{Values: v.URL.Query()}, nil) }

func (v *visit) streamsShown(f filled, p *wire.Problem) (view, error) {
	s := streamsPage{Form: f, Problem: p, Type: strings.TrimSpace(v.URL.Query().Get("type"))}
	h, err := v.client.History(v.ctx(), v.org, wire.HistoryQuery{AsOf: v.read().AsOf, Type: s.Type, Newest: true, Limit: tail})
	if err != nil {
		return view{}, err
	}
	s.Items, s.now, s.Position = h.Items, h.AsOf.Instant, h.AsOf.Seq
	for _, i := range h.Items {
		s.Types = append(s.Types, i.Type)
	}
	if s.Type != "" {
		s.Types = append(s.Types, s.Type)
	}
	slices.Sort(s.Types)
	s.Types = slices.Compact(s.Types)
	if v.at == "" && v.can("organization.update") && v.can("history.read") {
		list, err := v.unpinned().Webhooks(v.ctx(), v.org)
		if err != nil {
			return view{}, err
		}
		s.Hooks = &list.Items
	}
	if v.at == "" && v.can("keys.read") {
		list, err := v.unpinned().Keys(v.ctx(), v.org)
		if err != nil {
			return view{}, err
		}
		readers := slices.DeleteFunc(list.Items, func(k wire.Key) bool { return k.Purpose != "reader" || k.Revoked != 0 })
		s.Readers = &readers
		followers, err := v.unpinned().Followers(v.ctx(), v.org)
		if err != nil {
			return view{}, err
		}
		s.Follow = &followers
	}
	s.Ways = v.ways(s.Position)
	status := f.status()
	if p != nil {
		status = p.Status
	}
	return view{template: "streams", title: "Streams", data: &s, status: status}, nil
}

// ways says how to follow the organization, with its name and this server's.
func (v *visit) ways(position uint64) []subscription {
	base := (&page{visit: v}).origin()
	next := number(position + 1)
	stream := "CHANGES_" + v.org
	return []subscription{
		{"Server-sent events", "With an API key whose subject may read the history. The last id is the position to go on at.",
			fmt.Sprintf("curl -N -H 'Accept: text/event-stream' -H \"Authorization: Bearer $PERMLEDGER_TOKEN\" '%s/v1/orgs/%s/changes?from=%s'", base, v.org, next)},
		{"Command line", "Follows what changed in who may do what, until it is ended.",
			fmt.Sprintf("permledger changes --server %s --org %s --follow", base, v.org)},
		{"NATS: a key to read with", "An NKey of its own for each program; a server that runs with --nats-listen lets it in.",
			"permledger reader create USER --out reader.nk"},
		{"NATS: the nats command", "NATS-SERVER is the address that --nats-listen names.",
			fmt.Sprintf("nats --server nats://NATS-SERVER:4222 --nkey reader.nk --connection-name %s stream view %s", v.org, stream)},
		{"NATS: Go", "An ordered consumer from the next position on.",
			fmt.Sprintf("key, err := nats.NkeyOptionFromSeed(\"reader.nk\")\nnc, err := nats.Connect(\"nats://NATS-SERVER:4222\", key, nats.Name(%q))\njs, err := jetstream.New(nc)\nc, err := js.OrderedConsumer(ctx, %q, jetstream.OrderedConsumerConfig{\n\tDeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: %s,\n})\n_, err = c.Consume(func(m jetstream.Msg) { fmt.Println(string(m.Data())) })", v.org, stream, next)},
	}
}

// createWebhook makes a webhook and shows its secret, this once.
func (v *visit) createWebhook() (view, error) {
	f := filled{Values: v.PostForm}
	in := wire.NewWebhook{URL: strings.TrimSpace(f.Get("url")), Kinds: f.Values["kind"]}
	if in.URL == "" {
		f.fail("url", "Say where to: an https address.")
	}
	from, ok := readNumber(strings.TrimSpace(f.Get("from")))
	if !ok {
		f.fail("from", "A position: a number, or nothing for what comes next.")
	}
	in.From = from
	if f.bad() {
		return v.streamsShown(f, nil)
	}
	w, err := v.client.CreateWebhook(v.ctx(), v.org, in)
	if p := refused(err); p != nil {
		return v.streamsShown(f, p)
	}
	if err != nil {
		return view{}, err
	}
	return v.webhookMade(w, "A webhook")
}

func (v *visit) webhookMade(w wire.Webhook, title string) (view, error) {
	return view{template: "webhook-secret", title: title, data: &w}, v.momentShown()
}

// webhookPage is one webhook, with what it would not take.
type webhookPage struct {
	wire.Webhook
	Dead    []wire.DeadLetter
	Form    filled
	Problem *wire.Problem
	Said    string // what was just done
	now     string
}

// In says how far an instant is from the page's, in words.
func (w *webhookPage) In(instant string) string { return distance(w.now, instant) }

// Behind is how many positions the webhook has not had yet.
func (w *webhookPage) Behind() uint64 { return behind(w.Webhook) }

func behind(w wire.Webhook) uint64 { return w.Head - min(w.Head, w.Position) }

func (v *visit) webhook() (view, error) {
	return v.webhookShown(filled{Values: v.URL.Query()}, nil, "")
}

func (v *visit) webhookShown(f filled, p *wire.Problem, said string) (view, error) {
	if v.at != "" {
		return view{to: address(v.org, "", []string{"streams", "webhooks", v.PathValue("id")})}, nil // it has no earlier moments
	}
	if err := v.momentShown(); err != nil {
		return view{}, err
	}
	list, err := v.unpinned().Webhooks(v.ctx(), v.org)
	if err != nil {
		return view{}, err
	}
	i := slices.IndexFunc(list.Items, func(w wire.Webhook) bool { return w.ID == v.PathValue("id") })
	if i < 0 {
		return view{}, &notFound{"There is no such webhook"}
	}
	w := webhookPage{Webhook: list.Items[i], Form: f, Problem: p, Said: said, now: v.call.asOf.Instant}
	dead, err := v.unpinned().DeadLetters(v.ctx(), v.org, w.ID)
	if err != nil {
		return view{}, err
	}
	w.Dead = dead.Items
	slices.Reverse(w.Dead)
	status := f.status()
	if p != nil {
		status = p.Status
	}
	return view{template: "webhook", title: "Webhook", data: &w, status: status}, nil
}

// changeWebhook does what a button of a webhook's page says.
func (v *visit) changeWebhook() (view, error) {
	id, f := v.PathValue("id"), filled{Values: v.PostForm}
	var err error
	said := ""
	switch f.Get("do") {
	case "test":
		said, err = "A message was delivered, and taken.", v.client.TestWebhook(v.ctx(), v.org, id)
	case "rotate":
		hours, wrong := strconv.Atoi(strings.TrimSpace(f.Get("overlap")))
		if wrong != nil || hours < 0 || hours > 720 {
			f.fail("overlap", "A number of hours, from 0 to 720.")
			return v.webhookShown(f, nil, "")
		}
		w, e := v.client.RotateWebhook(v.ctx(), v.org, id, strconv.Itoa(hours)+"h")
		if e == nil {
			return v.webhookMade(w, "Another secret of a webhook")
		}
		err = e
	case "replay":
		from, ok := readNumber(strings.TrimSpace(f.Get("from")))
		if !ok || from == 0 {
			f.fail("from", "The first position to be sent: a number, from 1 on.")
			return v.webhookShown(f, nil, "")
		}
		said = "What was recorded from event " + number(from) + " on is sent."
		_, err = v.client.ReplayWebhook(v.ctx(), v.org, id, from)
	case "delete":
		if f.Get("sure") != "yes" {
			f.fail("sure", "Say that you mean it.")
			return v.webhookShown(f, nil, "")
		}
		if _, err = v.client.DeleteWebhook(v.ctx(), v.org, id); err == nil {
			return view{to: v.address("streams")}, nil
		}
	default:
		return view{}, badForm("it says nothing that can be done with a webhook")
	}
	if err != nil {
		p := problem(err)
		if p.Status >= http.StatusInternalServerError && p.Code() != wire.CodeNotDelivered {
			return view{}, err
		}
		return v.webhookShown(f, &p, "")
	}
	return v.webhookShown(f, nil, said)
}

// removeReader shows what revoking a reader's key does.
func (v *visit) removeReader() (view, error) {
	did := v.PostFormValue("key")
	return v.review("Let nobody read the streams with the key "+short(did)+" any more", v.address("streams"), wire.Intent{Kind: wire.RevokeKey, Key: did})
}
