package oidc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Config says which client of which issuer vouches for whom in an organization. Exactly one of Subjects, Claim and Email says
// how somebody's key in the organization is found.
type Config struct {
	Organization string `json:"organization"`
	Name         string `json:"name"` // in URLs: of a-z, 0-9 and -
	Issuer       string `json:"issuer"`
	ClientID     string `json:"clientId"`
	SecretFile   string `json:"clientSecretFile,omitempty"` // from which it is read; empty: a public client
	CAFile       string `json:"caFile,omitempty"`           // certificates that the issuer's has to descend from; empty: the machine's

	// Audience is what access tokens have to be for; empty: none are taken.
	Audience   string   `json:"audience,omitempty"`
	Scopes     []string `json:"scopes,omitempty"`     // asked for; empty: openid, and with Email email
	Algorithms []string `json:"algorithms,omitempty"` // empty: EdDSA, ES256 and RS256

	Subjects map[string]string `json:"subjects,omitempty"` // from the issuer's sub to the key
	Claim    string            `json:"claim,omitempty"`    // whose value is the key
	Email    bool              `json:"email,omitempty"`    // the one subject with the address that the issuer verified
}

// Algorithms are those that signatures may have. There is no none.
var Algorithms = []string{"EdDSA", "ES256", "RS256"}

var nameForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// ErrConfig is what the errors of [ReadConfig] and [New] wrap.
var ErrConfig = errors.New("the identity providers are not configured rightly")

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
}

// ReadConfig reads a file of {"providers":[…]}, each a [Config]. Unknown members are refused. Paths in it are relative to it.
func ReadConfig(file string) ([]Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, bad("%v", err)
	}
	var all struct {
		Providers []Config `json:"providers"`
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil || d.More() {
		return nil, bad("%s: %v", file, errors.Join(err, trailing(d)))
	}
	seen := map[string]bool{}
	for i := range all.Providers {
		c := &all.Providers[i]
		for _, path := range []*string{&c.SecretFile, &c.CAFile} {
			if *path != "" && !filepath.IsAbs(*path) {
				*path = filepath.Join(filepath.Dir(file), *path)
			}
		}
		if err := c.check(); err != nil {
			return nil, err
		}
		if of := c.Organization + " " + c.Name; seen[of] {
			return nil, bad("%s has two providers named %s", c.Organization, c.Name)
		} else {
			seen[of] = true
		}
	}
	return all.Providers, nil
}

func trailing(d *json.Decoder) error {
	if d.More() {
		return errors.New("something follows")
	}
	return nil
}

func (c *Config) check() error {
	ways := 0
	for _, one := range []bool{len(c.Subjects) > 0, c.Claim != "", c.Email} {
		if one {
			ways++
		}
	}
	u, err := endpoint(c.Issuer, c.Issuer)
	switch {
	case c.Organization == "" || c.ClientID == "":
		return bad("%s: organization and clientId have to be there", c.Name)
	case !nameForm.MatchString(c.Name):
		return bad("the name %q is not of a-z, 0-9 and -", c.Name)
	case err != nil:
		return bad("%s: %v", c.Name, err)
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return bad("%s: the issuer %s is a URL without query and fragment", c.Name, c.Issuer)
	case c.Audience == c.ClientID:
		return bad("%s: the audience of access tokens is this server, and not the client: ID tokens are for the client", c.Name)
	case ways != 1:
		return bad("%s: exactly one of subjects, claim and email says whom it vouches for", c.Name)
	case len(c.Scopes) > 0 && !slices.Contains(c.Scopes, "openid"):
		return bad("%s: without the scope openid there is no ID token", c.Name)
	}
	for _, a := range c.Algorithms {
		if !slices.Contains(Algorithms, a) {
			return bad("%s: %q is none of %s", c.Name, a, strings.Join(Algorithms, ", "))
		}
	}
	return nil
}

// endpoint reads a URL of an issuer's: https, or http on the loopback address that the issuer itself has.
func endpoint(text, issuer string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%q is no https URL", text)
	}
	if u.Scheme == "http" && !(loopback(u.Hostname()) && local(issuer)) {
		return nil, fmt.Errorf("%q is not over https", text)
	}
	return u, nil
}

// local says whether an issuer is on this machine.
func local(issuer string) bool {
	u, err := url.Parse(issuer)
	return err == nil && loopback(u.Hostname())
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}
