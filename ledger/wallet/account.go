package wallet

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrAccount says that a text names no chain, account or wallet.
var ErrAccount = errors.New("not an account on a chain")

// EIP155 is the CAIP-2 namespace of Ethereum and the chains like it: eip155:1 is Ethereum, eip155:137 Polygon.
const EIP155 = "eip155"

// maxChain bounds chain ids: every JSON reader holds integers up to here exactly.
const maxChain = 1<<53 - 1

// A Chain is a blockchain as CAIP-2 names it.
type Chain struct {
	Namespace string // 3 to 8 of a-z, 0-9 and -
	Reference string // 1 to 32 of letters, digits, - and _
}

// EVM gives the chain of a chain id.
func EVM(id uint64) Chain { return Chain{EIP155, strconv.FormatUint(id, 10)} }

func (c Chain) String() string { return c.Namespace + ":" + c.Reference }

// ParseChain reads a CAIP-2 chain id. Of eip155 the reference is a chain id in decimal, without zeros before it.
func ParseChain(s string) (Chain, error) {
	namespace, reference, ok := strings.Cut(s, ":")
	if !ok || len(namespace) < 3 || len(namespace) > 8 || !all(namespace, "-") || strings.ToLower(namespace) != namespace ||
		len(reference) < 1 || len(reference) > 32 || !all(reference, "-_") {
		return Chain{}, fmt.Errorf("%w: %q is no chain; CAIP-2 writes it like eip155:137", ErrAccount, short(s))
	}
	c := Chain{namespace, reference}
	if _, ok := c.ID(); namespace == EIP155 && !ok {
		return Chain{}, fmt.Errorf("%w: %q has no chain id; CAIP-2 writes it like eip155:137", ErrAccount, short(s))
	}
	return c, nil
}

// ID gives the chain id of an eip155 chain; false for other chains.
func (c Chain) ID() (uint64, bool) {
	if c.Namespace != EIP155 {
		return 0, false
	}
	n, err := strconv.ParseUint(c.Reference, 10, 64)
	return n, err == nil && n > 0 && n <= maxChain && c.Reference[0] != '0' && c.Reference[0] != '+'
}

// An Account is an account or a contract on one chain, as CAIP-10 names it.
type Account struct {
	Chain   Chain
	Address string // on eip155 chains as EIP-55 writes it
}

// On gives the account of an address on an eip155 chain.
func On(chain uint64, a Address) Account { return Account{EVM(chain), a.String()} }

func (a Account) String() string { return a.Chain.String() + ":" + a.Address }

// DID gives the account as did:pkh.
func (a Account) DID() string { return pkh + a.String() }

const pkh = "did:pkh:"

// ParseAccount reads a CAIP-10 account id. On eip155 chains it takes an address as [ParseAddress] does and gives it as
// EIP-55 writes it; where only the one spelling may stand, compare the account's String with s.
func ParseAccount(s string) (Account, error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return Account{}, fmt.Errorf("%w: %q; CAIP-10 writes it like eip155:137:0x…", ErrAccount, short(s))
	}
	chain, err := ParseChain(s[:i])
	if err != nil {
		return Account{}, err
	}
	a := Account{chain, s[i+1:]}
	if chain.Namespace == EIP155 {
		address, err := ParseAddress(a.Address)
		if err != nil {
			return Account{}, fmt.Errorf("%w: %w", ErrAccount, err)
		}
		a.Address = address.String()
	}
	if len(a.Address) < 1 || len(a.Address) > 128 || !all(a.Address, "-.%") {
		return Account{}, fmt.Errorf("%w: %q; CAIP-10 writes it like eip155:137:0x…", ErrAccount, short(s))
	}
	return a, nil
}

// ParseDID reads a did:pkh.
func ParseDID(s string) (Account, error) {
	rest, ok := strings.CutPrefix(s, pkh)
	if !ok {
		return Account{}, fmt.Errorf("%w: %q; did:pkh writes it like did:pkh:eip155:137:0x…", ErrAccount, short(s))
	}
	return ParseAccount(rest)
}

// EVM gives chain id and address of an account on an eip155 chain; false for other chains.
func (a Account) EVM() (chain uint64, address Address, ok bool) {
	if chain, ok = a.Chain.ID(); !ok {
		return 0, Address{}, false
	}
	address, err := ParseAddress(a.Address)
	return chain, address, err == nil
}

// An ID names a wallet that signs: on one chain, or on all of them, for a key signs alike on each.
type ID struct {
	Chain   uint64 // 0: all chains
	Address Address
}

// String gives did:pkh:eip155:<chain>:<address> of a wallet on one chain, the bare address of one on all.
func (w ID) String() string {
	if w.Chain == 0 {
		return w.Address.String()
	}
	return On(w.Chain, w.Address).DID()
}

// Acts says whether the wallet may act on a chain.
func (w ID) Acts(chain uint64) bool { return w.Chain == 0 || w.Chain == chain }

// ParseID reads a wallet: a did:pkh or a CAIP-10 account on an eip155 chain, or a bare address. Its String is the one
// spelling.
func ParseID(s string) (ID, error) {
	if strings.HasPrefix(s, "0x") {
		a, err := ParseAddress(s)
		return ID{Address: a}, err
	}
	a, err := ParseAccount(strings.TrimPrefix(s, pkh))
	if err != nil {
		return ID{}, err
	}
	chain, address, ok := a.EVM()
	if !ok {
		return ID{}, fmt.Errorf("%w: %q is of another kind of chain than eip155, whose signatures are not supported", ErrAccount, short(s))
	}
	return ID{chain, address}, nil
}

// IsID says whether s is a wallet in its one spelling.
func IsID(s string) bool {
	if !strings.HasPrefix(s, "0x") && !strings.HasPrefix(s, pkh) {
		return false
	}
	w, err := ParseID(s)
	return err == nil && w.String() == s
}

// all says whether s has ASCII letters, digits and the others given alone.
func all(s, others string) bool {
	for i := 0; i < len(s); i++ {
		if b := s[i]; !(b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || strings.IndexByte(others, b) >= 0) {
			return false
		}
	}
	return true
}
