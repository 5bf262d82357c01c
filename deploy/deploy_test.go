package deploy_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"go.yaml.in/yaml/v3"

	"github.com/permledger/permledger/deploy"
)

type service struct {
	Profiles    []string
	Image       string
	Build       string
	Command     []string
	Environment map[string]string
	Ports       []string
	Volumes     []string
	Secrets     []string
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct{ Test []string }
	Grace       string `yaml:"stop_grace_period"`
	ReadOnly    bool   `yaml:"read_only"`
}

type compose struct {
	Services map[string]service
	Secrets  map[string]struct{ File string }
	Volumes  map[string]any
}

func read(t *testing.T) compose {
	t.Helper()
	f, err := os.Open("../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all map[string]any
	if err := yaml.NewDecoder(f).Decode(&all); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(0, 0); err != nil {
		t.Fatal(err)
	}
	var c compose
	if err := yaml.NewDecoder(f).Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

// in gives the services of a profile by name, those that prefix begins.
func (c compose) in(profile, prefix string) (names []string) {
	for n, s := range c.Services {
		if slices.Contains(s.Profiles, profile) && strings.HasPrefix(n, prefix) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// variable is one that docker compose fills in: ${NAME} or ${NAME:?why it is needed}.
var variable = regexp.MustCompile(`\$\{([A-Z_]+)(:\?[^}]*)?\}`)

// Given docker-compose.yml, then each NATS server's environment makes deploy/nats.conf, read by nats-server itself, a
// server of one cluster that syncs each message, lets in permledger's key alone, and keeps what it has in a volume of its own.
func TestNATSServers(t *testing.T) {
	c := read(t)
	names := c.in("cluster", "nats")
	if len(names) != 3 {
		t.Fatalf("NATS servers %q; want three", names)
	}
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]string{"NATS_ROUTE_PASSWORD": "123456", "NATS_ADMIN_PASSWORD": "654321", "PERMLEDGER_NKEY": public}
	stores := map[string]bool{}
	for _, name := range names {
		s := c.Services[name]
		if s.Image != "nats:"+server.VERSION+"-alpine" {
			t.Errorf("%s: image %s; want the version that the tests run, %s", name, s.Image, server.VERSION)
		}
		if len(s.Ports) > 0 {
			t.Errorf("%s is published on %q", name, s.Ports)
		}
		if !slices.Equal(s.Command, []string{"--config", "/etc/nats/nats.conf", "--http_port", "8222"}) || !slices.Contains(s.Volumes, "./deploy/nats.conf:/etc/nats/nats.conf:ro") {
			t.Errorf("%s does not run with deploy/nats.conf", name)
		}
		for k, v := range s.Environment {
			t.Setenv(k, variable.ReplaceAllStringFunc(v, func(m string) string {
				value, ok := given[variable.FindStringSubmatch(m)[1]]
				if !ok {
					t.Errorf("%s: %s needs %s, which nobody is told to give", name, k, m)
				}
				return value
			}))
		}
		o, err := server.ProcessConfigFile("nats.conf")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if o.ServerName != name || o.Host != "0.0.0.0" || o.Port != 4222 {
			t.Errorf("%s is %s at %s:%d", name, o.ServerName, o.Host, o.Port)
		}
		if !o.JetStream || !o.SyncAlways || o.MaxPayload < 1<<20 {
			t.Errorf("%s: JetStream %t, sync always %t, payload %d", name, o.JetStream, o.SyncAlways, o.MaxPayload)
		}
		volume := name + ":" + o.StoreDir
		if !slices.Contains(s.Volumes, volume) || stores[volume] {
			t.Errorf("%s has no volume of its own at %s: %q", name, o.StoreDir, s.Volumes)
		}
		stores[volume] = true
		var routes []string
		for _, r := range o.Routes {
			if p, _ := r.User.Password(); r.User.Username() != o.Cluster.Username || p != "123456" || o.Cluster.Password != p {
				t.Errorf("%s: the route %s is not let in", name, r.Redacted())
			}
			routes = append(routes, r.Host)
		}
		want := []string{"nats1:6222", "nats2:6222", "nats3:6222"}
		if o.Cluster.Name != "permledger" || o.Cluster.Port != 6222 || !slices.Equal(routes, want) || !o.Cluster.NoAdvertise {
			t.Errorf("%s: cluster %+v, routes %q", name, o.Cluster, routes)
		}
		accounts := map[string]int{}
		for _, a := range o.Accounts {
			accounts[a.Name] = 0
		}
		for _, u := range o.Nkeys {
			accounts[u.Account.Name]++
			if u.Nkey != public || u.Account.Name != "PERMLEDGER" || u.Permissions == nil || u.Permissions.Publish == nil {
				t.Errorf("%s: user %+v", name, u)
			}
		}
		for _, u := range o.Users {
			if u.Account.Name != o.SystemAccount || u.Password != "654321" {
				t.Errorf("%s: user %s in %s", name, u.Username, u.Account.Name)
			}
		}
		if !maps.Equal(accounts, map[string]int{"PERMLEDGER": 1, "SYS": 0}) || o.NoAuthUser != "" {
			t.Errorf("%s: users by account %v, without credentials %q", name, accounts, o.NoAuthUser)
		}
	}
	// Each variable is given, explained, and used.
	var used []string
	for _, m := range regexp.MustCompile(`: \$([A-Z_]+)`).FindAllStringSubmatch(deploy.NATS, -1) {
		used = append(used, m[1])
	}
	for _, m := range regexp.MustCompile(`password: \$([A-Z_]+)`).FindAllStringSubmatch(deploy.NATS, -1) {
		used = append(used, m[1])
	}
	slices.Sort(used)
	used = slices.Compact(used)
	if env := slices.Sorted(maps.Keys(c.Services["nats1"].Environment)); !slices.Equal(env, used) {
		t.Errorf("nats.conf uses %q; docker-compose.yml gives %q", used, env)
	}
	for _, v := range used {
		if !regexp.MustCompile(`(?m)^#   ` + v + ` `).MatchString(deploy.NATS) {
			t.Errorf("nats.conf does not say what %s is", v)
		}
	}
}

// Given docker-compose.yml, then both nodes know all NATS servers and have permledger's key, data of their own, and a port
// on loopback; the single node needs none of it.
func TestNodes(t *testing.T) {
	c := read(t)
	nodes, servers := c.in("cluster", "node"), c.in("cluster", "nats")
	if len(nodes) != 2 || !slices.Equal(c.in("single", ""), []string{"permledger"}) || len(c.Services) != 6 {
		t.Fatalf("nodes %q, single %q", nodes, c.in("single", ""))
	}
	var urls []string
	for _, s := range servers {
		urls = append(urls, "nats://"+s+":4222")
	}
	seen := map[string]bool{}
	for _, name := range append(nodes, "permledger") {
		s := c.Services[name]
		if s.Build != "." || len(s.Ports) != 1 || !strings.HasPrefix(s.Ports[0], "127.0.0.1:") || !strings.HasSuffix(s.Ports[0], ":8420") {
			t.Errorf("%s: build %q, ports %q", name, s.Build, s.Ports)
		}
		if len(s.Volumes) != 1 || !strings.HasSuffix(s.Volumes[0], ":/data") || seen[s.Volumes[0]] || seen[s.Ports[0]] {
			t.Errorf("%s: data %q, ports %q", name, s.Volumes, s.Ports)
		}
		seen[s.Volumes[0]], seen[s.Ports[0]] = true, true
		if _, ok := c.Volumes[strings.TrimSuffix(s.Volumes[0], ":/data")]; !ok {
			t.Errorf("%s: the volume of %q is not declared", name, s.Volumes)
		}
		for _, flag := range []string{"--data=/data", "--listen=0.0.0.0:8420", "--tls-cert=/run/secrets/tls-cert", "--tls-key=/run/secrets/tls-key"} {
			if s.Command[0] != "serve" || !slices.Contains(s.Command, flag) {
				t.Errorf("%s: %q lacks %s", name, s.Command, flag)
			}
		}
		if !slices.Contains(s.Secrets, "tls-cert") || !slices.Contains(s.Secrets, "tls-key") || !s.ReadOnly {
			t.Errorf("%s: secrets %q, read only %t", name, s.Secrets, s.ReadOnly)
		}
		if !slices.Equal(s.Healthcheck.Test, []string{"CMD", "/permledger", "ready", "--data", "/data"}) {
			t.Errorf("%s: health is asked with %q", name, s.Healthcheck.Test)
		}
		grace, err := time.ParseDuration(s.Grace)
		for _, flag := range s.Command {
			for _, waits := range []string{"--lame-duck=", "--drain="} {
				if text, ok := strings.CutPrefix(flag, waits); ok && err == nil {
					var d time.Duration
					d, err = time.ParseDuration(text)
					grace -= d
				}
			}
		}
		if err != nil || grace <= 0 {
			t.Errorf("%s: it is killed before it has come to its end: %s, %v", name, s.Grace, err)
		}
		if name == "permledger" {
			continue
		}
		if want := (map[string]string{
			"PERMLEDGER_NATS":        strings.Join(urls, ","),
			"PERMLEDGER_NATS_CREDS":  "/run/secrets/permledger-nkey",
			"PERMLEDGER_NATS_SYNCED": "true",
		}); !maps.Equal(s.Environment, want) {
			t.Errorf("%s: environment %q; want %q", name, s.Environment, want)
		}
		healthy := slices.Sorted(maps.Keys(s.DependsOn))
		for _, d := range s.DependsOn {
			if d.Condition != "service_healthy" {
				t.Errorf("%s waits for %q", name, d.Condition)
			}
		}
		if !slices.Contains(s.Secrets, "permledger-nkey") || !slices.Equal(healthy, servers) {
			t.Errorf("%s: secrets %q, depends on %q", name, s.Secrets, s.DependsOn)
		}
	}
	// What the nodes are given is what the program knows.
	program, err := os.ReadFile("../cmd/permledger/internal/cli/nats.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{`"PERMLEDGER_NATS"`, `"PERMLEDGER_NATS_CREDS"`, `"nats-synced"`} {
		if !strings.Contains(string(program), word) {
			t.Errorf("the command line does not know %s", word)
		}
	}
	// What is secret is in files that nobody commits.
	ignored, err := os.ReadFile("../.gitignore")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"permledger-nkey": "./deploy/permledger.nk", "tls-key": "./deploy/tls.key", "tls-cert": "./deploy/tls.crt"} {
		if f := c.Secrets[name].File; f != want || !strings.Contains(string(ignored), "\n"+strings.TrimPrefix(f, ".")+"\n") {
			t.Errorf("%s is in %q, which has to be in .gitignore", name, f)
		}
	}
}
