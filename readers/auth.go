package readers

import (
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/permledger/permledger/events/didkey"
)

// Limits of one reader, over all of its connections where nothing else is said.
const (
	maxReaderConns = 32
	maxReaderSubs  = 256      // of each connection
	maxRequest     = 32 << 10 // bytes that it sends at once
)

// conn is a connection that was let in.
type conn struct {
	did    string
	reader Reader
}

// Check says whether a connection is let in, and puts it where it belongs; nats-server asks.
func (s *Server) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	if c.Kind() != server.CLIENT || o.Nkey == "" || !signed(o, c.GetNonce()) {
		return false
	}
	if o.Nkey == s.pub {
		return s.within(c)
	}
	did, err := didOf(o.Nkey)
	if err != nil {
		return false
	}
	r, ok := s.who(did, o.Name)
	if !ok {
		return false
	}
	acc, err := s.account(r)
	if err != nil {
		s.log.Warn("a reader cannot be let in", "organization", r.Organization, "reader", r.Name, "error", err)
		return false
	}
	if !s.count(c.GetID(), conn{did, r}) {
		return false
	}
	o.JWT = s.limits
	c.RegisterUser(&server.User{Username: r.Name, Account: acc, Permissions: permissions(r)})
	return true
}

// count notes a connection, and says whether its reader has not too many.
func (s *Server) count(id uint64, c conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for other, of := range s.conns {
		if of.reader == c.reader && s.srv.GetClient(other) != nil {
			n++
		}
	}
	if n < maxReaderConns {
		s.conns[id] = c
	}
	return n < maxReaderConns
}

// userLimits gives a user's claims that nobody is asked to believe: nats-server takes the limits of a connection from there,
// and from nowhere else that leaves the account as it is.
func userLimits() (string, error) {
	account, err := nkeys.CreateAccount()
	if err != nil {
		return "", err
	}
	user, err := nkeys.CreateUser()
	if err != nil {
		return "", err
	}
	public, err := user.PublicKey()
	if err != nil {
		return "", err
	}
	claims := jwt.NewUserClaims(public)
	claims.Limits.Subs, claims.Limits.Payload = maxReaderSubs, maxRequest
	return claims.Encode(account)
}

// within lets in a connection of this process, into the account of the organization that it names itself after.
func (s *Server) within(c server.ClientAuthentication) bool {
	if at := c.RemoteAddress(); at == nil || at.Network() != "pipe" {
		return false
	}
	acc, err := s.srv.LookupAccount(c.GetOpts().Name)
	if err != nil {
		return false
	}
	c.RegisterUser(&server.User{Username: "permledger", Account: acc})
	return true
}

// who gives the reader that a key stands for. Where it is of more organizations than one, which strangers can bring about,
// the one counts that the connection is named after.
func (s *Server) who(did, name string) (Reader, bool) {
	all := s.o.Allowed(did, "")
	if len(all) > 1 {
		all = slices.DeleteFunc(all, func(r Reader) bool { return r.Organization != name })
	}
	if len(all) != 1 {
		return Reader{}, false
	}
	return all[0], true
}

// signed says whether a connection proved that it has the private key of the NKey it names.
func signed(o *server.ClientOpts, nonce []byte) bool {
	key, err := nkeys.FromPublicKey(o.Nkey)
	if err != nil || len(nonce) == 0 {
		return false
	}
	sig, err := base64.RawURLEncoding.DecodeString(o.Sig)
	if err != nil { // some clients write it this way
		if sig, err = base64.StdEncoding.DecodeString(o.Sig); err != nil {
			return false
		}
	}
	return key.Verify(nonce, sig) == nil
}

// didOf gives the did:key of a user's NKey: both name the same 32 bytes.
func didOf(nkey string) (string, error) {
	raw, err := nkeys.Decode(nkeys.PrefixByteUser, []byte(nkey))
	if err != nil {
		return "", err
	}
	did := didkey.Encode(raw)
	_, err = didkey.Parse(did)
	return did, err
}

// lookAgain disconnects whoever may read no more, until the server ends.
func (s *Server) lookAgain() {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.look()
		case <-s.ctx.Done():
			return
		}
	}
}

func (s *Server) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range s.conns {
		if s.srv.GetClient(id) == nil {
			delete(s.conns, id)
			continue
		}
		if !slices.Contains(s.o.Allowed(c.did, c.reader.Organization), c.reader) {
			_ = s.srv.DisconnectClientByID(id) // it fails where the client is gone
			s.log.Info("a reader may read no more and is disconnected", "organization", c.reader.Organization, "reader", c.reader.Name)
		}
	}
}

// account gives the account of a reader, and makes it the first time.
func (s *Server) account(r Reader) (*server.Account, error) {
	if err := s.Serve(r.Organization); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orgs[r.Organization]
	if o == nil {
		return nil, errors.New("the server ends")
	}
	name := accountName(r.Organization, r.ID)
	if acc := s.subs[name]; acc != nil {
		return acc, nil
	}
	acc, err := s.srv.RegisterAccount(name)
	if err != nil {
		return nil, err
	}
	for _, subject := range direct {
		err = errors.Join(err, acc.AddServiceImport(o.account, subject, subject))
	}
	for _, verb := range gated {
		err = errors.Join(err, acc.AddServiceImport(o.account, "$JS.API."+verb, "gate."+r.ID+"."+verb))
	}
	err = errors.Join(err,
		acc.AddMappedStreamImport(o.account, pushed(r.ID)+".>", "_INBOX.>"),
		acc.AddStreamImport(o.account, checkpoints+r.Organization, ""))
	if err != nil {
		return nil, err
	}
	s.subs[name] = acc
	return acc, nil
}

// accountOf gives the account of a reader that was here since the server started.
func (s *Server) accountOf(organization, id string) *server.Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.subs[accountName(organization, id)]
}

func accountName(organization, id string) string { return "READER_" + organization + "_" + id }

// pushed is what the subjects begin with to which push consumers of a reader deliver.
func pushed(id string) string { return "push." + id }

const checkpoints = "checkpoints."

var (
	// direct are the subjects under which readers reach JetStream itself; gated, behind $JS.API, those that the gate takes.
	// No subject is of two.
	direct = []string{"$JS.API.DIRECT.GET.>", "$JS.API.CONSUMER.MSG.NEXT.*.*", "$JS.ACK.>", "$JS.FC.>"}
	gated  = []string{
		"INFO", "STREAM.NAMES", "STREAM.LIST", "STREAM.INFO.*", "STREAM.MSG.GET.*",
		"CONSUMER.CREATE.>", "CONSUMER.DURABLE.CREATE.>", "CONSUMER.INFO.*.*", "CONSUMER.DELETE.*.*", "CONSUMER.NAMES.*", "CONSUMER.LIST.*",
	}
)

// permissions are what a reader may send and hear in its own account. The gate looks at all that it sends; what is not
// named here does not get that far.
func permissions(r Reader) *server.Permissions {
	publish := []string{
		"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST",
		"$JS.ACK.>", "$JS.FC.>",
	}
	for _, stream := range names(r.Organization) {
		for _, verb := range []string{"STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET", "CONSUMER.CREATE", "CONSUMER.NAMES", "CONSUMER.LIST"} {
			publish = append(publish, "$JS.API."+verb+"."+stream)
		}
		publish = append(publish, "$JS.API.DIRECT.GET."+stream+".>", "$JS.API.CONSUMER.CREATE."+stream+".>")
		for _, verb := range []string{"CONSUMER.DURABLE.CREATE", "CONSUMER.INFO", "CONSUMER.DELETE", "CONSUMER.MSG.NEXT"} {
			publish = append(publish, "$JS.API."+verb+"."+stream+".*")
		}
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: publish},
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>", checkpoints + r.Organization}},
	}
}
