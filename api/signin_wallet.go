package api

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/ledger/rules"
	"github.com/permledger/permledger/ledger/wallet"
	"github.com/permledger/permledger/node"
)

// challengeLife is how long a message to sign in with holds: its owner reads it, and may fetch a device.
const challengeLife = 5 * time.Minute

// nonces are numbers that are used once, until an instant, for one organization. What was given out is not kept: a nonce
// proves itself, so nobody can crowd out another's. What was used is, until it does not hold any more. It is safe for
// concurrent use.
type nonces struct {
	key [32]byte

	mu   sync.Mutex
	used map[string]time.Time // until when they would hold
}

func newNonces() *nonces {
	n := &nonces{used: map[string]time.Time{}}
	rand.Read(n.key[:]) // never fails: crypto/rand ends the process instead
	return n
}

// A nonce is, in hexadecimal, when it ends (8 bytes, milliseconds), chance (12 bytes), and the first 16 bytes of an
// HMAC-SHA-256 over both and the organization.
const nonceSize = 8 + 12 + 16

func (n *nonces) make(org string, until time.Time) string {
	b := make([]byte, 8+12, nonceSize)
	binary.BigEndian.PutUint64(b, uint64(until.UnixMilli()))
	rand.Read(b[8:])
	return hex.EncodeToString(append(b, n.mac(org, b)...))
}

func (n *nonces) mac(org string, b []byte) []byte {
	h := hmac.New(sha256.New, n.key[:])
	h.Write(b)
	h.Write([]byte(org))
	return h.Sum(nil)[:16]
}

// holds says whether a nonce was made here, for the organization, and is in time. It may be used already: see spend.
func (n *nonces) holds(org, nonce string, now time.Time) bool {
	b, err := hex.DecodeString(nonce)
	if err != nil || len(b) != nonceSize || hex.EncodeToString(b) != nonce {
		return false
	}
	return subtle.ConstantTimeCompare(b[20:], n.mac(org, b[:20])) == 1 && now.UnixMilli() < int64(binary.BigEndian.Uint64(b))
}

// spend uses a nonce that holds; false: it was used before.
func (n *nonces) spend(nonce string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for used, until := range n.used {
		if !now.Before(until) {
			delete(n.used, used)
		}
	}
	if _, used := n.used[nonce]; used {
		return false
	}
	n.used[nonce] = now.Add(challengeLife)
	return true
}

// challenge gives what a wallet signs to sign in. It says nothing of whether there is such a wallet.
func challenge(c *call, in wire.AskChallenge) (wire.Challenge, error) {
	w, err := wallet.ParseID(in.Wallet)
	if err != nil {
		return wire.Challenge{}, invalid(err)
	}
	if in.Chain != 0 && !w.Acts(in.Chain) {
		return wire.Challenge{}, badRequest("The wallet is one of another chain")
	}
	m, err := c.message()
	if err != nil {
		return wire.Challenge{}, err
	}
	until := c.now.Add(challengeLife)
	m.Address, m.ChainID = w.Address, 1
	if w.Chain != 0 {
		m.ChainID = w.Chain
	} else if in.Chain != 0 {
		m.ChainID = in.Chain
	}
	m.Statement = "Sign in to " + c.PathValue("org")
	m.Version, m.Nonce = "1", c.server.nonces.make(c.PathValue("org"), until)
	m.IssuedAt, m.Expiration = stamp(c.now), stamp(until)
	if err := m.Check(); err != nil {
		return wire.Challenge{}, invalid(err)
	}
	text := m.String()
	return wire.Challenge{Message: text, Hex: "0x" + hex.EncodeToString([]byte(text)), Expires: m.Expiration}, nil
}

// message gives what a message to sign in here says of here.
func (c *call) message() (*wallet.Message, error) {
	u, err := url.Parse(c.server.opts.URL)
	if err != nil || u.Host == "" {
		return nil, problemOf(http.StatusConflict, wire.CodeNoSession, "Sessions live in a server, and none runs")
	}
	return &wallet.Message{Scheme: u.Scheme, Domain: u.Host, URI: c.server.opts.URL + "/v1/orgs/" + url.PathEscape(c.PathValue("org")) + "/sessions"}, nil
}

// signInWithWallet opens a session for whoever signed a message that was made here with the key of a wallet of the
// organization. What is done in it, the wallet signs for itself.
func signInWithWallet(c *call, in wire.WalletSignIn, browser bool) (wire.SignedIn, error) {
	done, err := c.attempt("")
	if err != nil {
		return wire.SignedIn{}, err
	}
	refuse := func(detail string) (wire.SignedIn, error) {
		p := problemOf(http.StatusUnauthorized, wire.CodeSignIn, detail)
		p.Hint = "Ask for another challenge, and sign that with a wallet of the organization"
		return wire.SignedIn{}, p
	}
	m, err := wallet.ParseMessage(in.Message)
	if err != nil {
		return wire.SignedIn{}, invalid(err)
	}
	here, err := c.message()
	if err != nil {
		return wire.SignedIn{}, err
	}
	if m.Scheme != here.Scheme {
		return refuse("The message was signed for another server")
	}
	if err := m.Expect(wallet.Expected{Domain: here.Domain, URI: here.URI, At: c.now}); err != nil {
		return refuse("This is no message to sign in here with: " + err.Error())
	}
	if !c.server.nonces.holds(c.PathValue("org"), m.Nonce, c.now) {
		return refuse("The message was not made by this server, or it has ended")
	}
	signature, err := wallet.ParseSignature(in.Signature)
	if err == nil {
		err = signature.Check(m.Hash(), m.Address)
	}
	if err != nil {
		return refuse("The signature does not hold: " + err.Error())
	}
	if !c.server.nonces.spend(m.Nonce, c.now) {
		return refuse("The message was used already")
	}
	credential, subject, ok := c.walletOf(m)
	if !ok {
		return refuse("The wallet cannot sign in here")
	}
	done()
	return c.opened(session{subject: subject, kind: Wallet, wallet: credential}, browser, "signed in with a wallet")
}

// walletOf gives which wallet of the organization signed a message: the one of the message's chain, else the one of all. One
// that may not sign in is noted.
func (c *call) walletOf(m *wallet.Message) (credential string, subject ulid.ULID, ok bool) {
	if c.org == nil {
		return "", subject, false
	}
	var known ulid.ULID
	c.org.Fold.Read(func(s *rules.State) {
		for _, chain := range []uint64{m.ChainID, 0} {
			credential = wallet.ID{Chain: chain, Address: m.Address}.String()
			if id, here := s.SubjectByKey(credential); here {
				known = id
			}
			if subject, ok = s.WalletOwner(credential); ok {
				ok = Wallet.proves(s.About(subject).Auth)
				return
			}
		}
	})
	if !ok && known != (ulid.ULID{}) {
		c.org.Activity.Note(c.now, node.ActivityRecord{
			Kind: node.ActivitySignInWrong, Actor: known.String(), Code: wire.CodeSignIn, Reason: "A wallet that may not tried to sign in",
		})
	}
	return credential, subject, ok
}
