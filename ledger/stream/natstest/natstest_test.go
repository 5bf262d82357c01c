//go:build unix

package natstest

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/permledger/permledger/deploy"
)

// Given the configuration that tests run, then it is deploy/nats.conf but for one user more and, with one server, no
// cluster.
func TestConfigurationIsDeployed(t *testing.T) {
	key, err := nkeys.CreateUser()
	check(t, err)
	public, err := key.PublicKey()
	check(t, err)
	vars := map[string]string{
		"NATS_NAME":           "n0",
		"NATS_LISTEN":         "127.0.0.1:4222",
		"NATS_STORE":          "/store",
		"NATS_ROUTE_LISTEN":   "127.0.0.1:6222",
		"NATS_ROUTES":         `["nats://routes:r@127.0.0.1:6222", "nats://routes:r@127.0.0.1:6223"]`,
		"NATS_ROUTE_PASSWORD": "r",
		"NATS_ADMIN_PASSWORD": "a",
		"PERMLEDGER_NKEY":     public,
	}
	parse := func(conf string) *server.Options {
		file := filepath.Join(t.TempDir(), "nats.conf")
		check(t, os.WriteFile(file, []byte(conf), 0o600))
		o, err := server.ProcessConfigFile(file)
		check(t, err)
		return o
	}
	for k, v := range vars {
		t.Setenv(k, v)
	}
	deployed := parse(deploy.NATS)
	if !deployed.SyncAlways || !deployed.JetStream {
		t.Fatal("deploy/nats.conf does not sync each message")
	}
	for _, n := range []int{1, 3} {
		conf, err := configuration(n, vars)
		check(t, err)
		tested := parse(conf)
		var users []string
		for _, u := range tested.Users {
			users = append(users, u.Username)
		}
		if slices.Sort(users); !slices.Equal(users, []string{"admin", "test"}) {
			t.Errorf("%d: users %q", n, users)
		}
		if len(tested.Nkeys) != 1 || !reflect.DeepEqual(tested.Nkeys[0].Permissions, deployed.Nkeys[0].Permissions) {
			t.Errorf("%d: permledger's permissions differ", n)
		}
		if n == 1 {
			if tested.Cluster.Name != "" || tested.Routes != nil {
				t.Error("one server has a cluster")
			}
			tested.Cluster, tested.Routes = deployed.Cluster, deployed.Routes
		}
		if !reflect.DeepEqual(plain(tested), plain(deployed)) {
			t.Errorf("%d: got\n%+v; want\n%+v", n, plain(tested), plain(deployed))
		}
	}
}

// plain is what two configurations must have in common: all but users, accounts and what names their files.
func plain(o *server.Options) server.Options {
	p := server.Options{
		ServerName: o.ServerName, Host: o.Host, Port: o.Port, MaxPayload: o.MaxPayload,
		JetStream: o.JetStream, StoreDir: o.StoreDir, SyncAlways: o.SyncAlways, SyncInterval: o.SyncInterval,
		JetStreamMaxStore: o.JetStreamMaxStore, JetStreamMaxMemory: o.JetStreamMaxMemory, JetStreamLimits: o.JetStreamLimits,
		SystemAccount: o.SystemAccount, NoAuthUser: o.NoAuthUser, Cluster: o.Cluster, Routes: o.Routes,
	}
	return p
}
