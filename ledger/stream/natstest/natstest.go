//go:build unix

// Package natstest runs real NATS clusters for tests: each server is a process of its own, with deploy/nats.conf, file
// storage and sync_interval: always, on loopback. So a server can be killed (SIGKILL), paused (SIGSTOP) and started again,
// and a client cut off from all of them by a [Proxy].
//
// The processes are the test binary itself, started again: importing this package is all it takes. They end with the
// test, and on Linux with the test binary however that ends.
package natstest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/permledger/permledger/deploy"
)

// serve is the variable whose value is the configuration file of the server that this process is to be.
const serve = "PERMLEDGER_NATSTEST_SERVER"

// patience is how long anything here may take before the test fails.
const patience = 60 * time.Second

func init() {
	file := os.Getenv(serve)
	if file == "" {
		return
	}
	err := func() error {
		o, err := server.ProcessConfigFile(file)
		if err != nil {
			return err
		}
		o.LogFile = file + ".log"
		s, err := server.NewServer(o)
		if err != nil {
			return err
		}
		s.ConfigureLogger()
		s.Start()
		s.WaitForShutdown()
		return nil
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Cluster is one or more servers. Servers are named by index, from 0. Its methods are for the test's goroutine, except
// Kill, Pause, Resume and Leader, which any may call, one for a server at a time.
type Cluster struct {
	// URLs are the servers, separated by commas. Credentials is a file with the seed of permledger's NKey.
	URLs, Credentials string
	// Dir holds a directory for each server: store, configuration, log.
	Dir string

	t     testing.TB
	nodes []*node
	admin *nats.Conn
}

type node struct {
	name, listen, route string
	conf                string // file
	cmd                 *exec.Cmd
	done                chan struct{} // closed when the process has ended
}

// Start starts n servers, 1, 3 or 5, and waits until JetStream answers. They are stopped at the end of the test; a test
// that failed prints the ends of their logs.
func Start(t testing.TB, n int) *Cluster {
	t.Helper()
	c := &Cluster{t: t, Dir: t.TempDir()}
	key, err := nkeys.CreateUser()
	check(t, err)
	public, err := key.PublicKey()
	check(t, err)
	seed, err := key.Seed()
	check(t, err)
	c.Credentials = filepath.Join(c.Dir, "permledger.nk")
	check(t, os.WriteFile(c.Credentials, seed, 0o600))

	t.Cleanup(c.stop)
	for try := 1; ; try++ {
		err := c.start(n, public)
		if err == nil {
			break
		}
		c.halt()
		if try == 3 {
			t.Fatal(err)
		}
	}
	return c
}

// start chooses ports and starts all servers. Between the choice and the start somebody else may take a port.
func (c *Cluster) start(n int, public string) error {
	ports, err := freePorts(2 * n)
	if err != nil {
		return err
	}
	c.nodes = nil
	var urls, routes []string
	for i := range n {
		s := &node{
			name:   fmt.Sprintf("n%d", i),
			listen: fmt.Sprintf("127.0.0.1:%d", ports[2*i]),
			route:  fmt.Sprintf("127.0.0.1:%d", ports[2*i+1]),
		}
		c.nodes = append(c.nodes, s)
		urls = append(urls, "nats://"+s.listen)
		routes = append(routes, "nats://routes:routes@"+s.route)
	}
	c.URLs = strings.Join(urls, ",")
	for i, s := range c.nodes {
		dir := filepath.Join(c.Dir, s.name)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		s.conf = filepath.Join(dir, "nats.conf")
		conf, err := configuration(n, map[string]string{
			"NATS_NAME":           s.name,
			"NATS_LISTEN":         s.listen,
			"NATS_STORE":          dir,
			"NATS_ROUTE_LISTEN":   s.route,
			"NATS_ROUTES":         `["` + strings.Join(routes, `", "`) + `"]`,
			"NATS_ROUTE_PASSWORD": "routes",
			"NATS_ADMIN_PASSWORD": "admin",
			"PERMLEDGER_NKEY":     public,
		})
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.conf, []byte(conf), 0o600); err != nil {
			return err
		}
		if err := c.launch(i); err != nil {
			return err
		}
	}
	return c.ready()
}

// configuration is deploy/nats.conf with the variables filled in, and one user more, "test", who may do everything in
// permledger's account. One server alone has no cluster.
func configuration(n int, vars map[string]string) (string, error) {
	conf := deploy.NATS
	const users = "    users: [\n"
	if strings.Count(conf, users) != 1 {
		return "", errors.New("natstest: deploy/nats.conf has another form than expected: users")
	}
	conf = strings.Replace(conf, users, users+"      {user: test, password: test}\n", 1)
	if n == 1 {
		before, rest, ok := strings.Cut(conf, "cluster {\n")
		_, after, ok2 := strings.Cut(rest, "\n}\n")
		if !ok || !ok2 {
			return "", errors.New("natstest: deploy/nats.conf has another form than expected: cluster")
		}
		conf = before + after
	}
	var b strings.Builder
	for line := range strings.Lines(conf) {
		for name, value := range vars {
			if !strings.HasPrefix(line, "#") {
				line = strings.ReplaceAll(line, "$"+name, value)
			}
		}
		b.WriteString(line)
	}
	return b.String(), nil
}

// launch starts the process of server i.
func (c *Cluster) launch(i int) error {
	s := c.nodes[i]
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(s.conf+".out", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	s.cmd = exec.Command(exe)
	s.cmd.Env = append(os.Environ(), serve+"="+s.conf)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.SysProcAttr = endWithParent()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	s.done = done
	go func(cmd *exec.Cmd) {
		_ = cmd.Wait() // killed, mostly
		close(done)
	}(s.cmd)
	return nil
}

// ready waits until JetStream answers to each server's clients.
func (c *Cluster) ready() error {
	end := time.Now().Add(patience / 2)
	for i, s := range c.nodes {
		for {
			err := asks(s.listen)
			if err == nil {
				break
			}
			select {
			case <-s.done:
				return fmt.Errorf("natstest: server %d ended:\n%s", i, c.tail(i))
			default:
			}
			if time.Now().After(end) {
				return fmt.Errorf("natstest: server %d does not answer: %w\n%s", i, err, c.tail(i))
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	var err error
	c.admin, err = nats.Connect(c.URLs, nats.UserInfo("test", "test"), nats.MaxReconnects(-1),
		nats.ReconnectWait(20*time.Millisecond), nats.Timeout(time.Second),
		nats.PingInterval(time.Second), nats.MaxPingsOutstanding(1))
	return err
}

// asks asks JetStream through the server at addr.
func asks(addr string) error {
	nc, err := nats.Connect("nats://"+addr, nats.UserInfo("test", "test"), nats.NoReconnect())
	if err != nil {
		return err
	}
	defer nc.Close()
	m, err := nc.Request("$JS.API.INFO", nil, time.Second)
	if err == nil && strings.Contains(string(m.Data), `"error"`) {
		err = errors.New(string(m.Data))
	}
	return err
}

// Len is the number of servers.
func (c *Cluster) Len() int { return len(c.nodes) }

// URL is server i's alone.
func (c *Cluster) URL(i int) string { return "nats://" + c.nodes[i].listen }

// Admin is a connection whose user may do everything in permledger's account.
func (c *Cluster) Admin() *nats.Conn { return c.admin }

// Kill ends server i with SIGKILL and waits until it has ended.
func (c *Cluster) Kill(i int) {
	c.signal(i, syscall.SIGKILL)
	<-c.nodes[i].done
}

// Stop ends server i in good order, as a restart of its service does, and waits until it has ended.
func (c *Cluster) Stop(i int) {
	c.signal(i, syscall.SIGTERM)
	<-c.nodes[i].done
}

// Pause stops server i with SIGSTOP: its connections stay, and nothing comes from it.
func (c *Cluster) Pause(i int) { c.signal(i, syscall.SIGSTOP) }

// Resume lets a paused server go on.
func (c *Cluster) Resume(i int) { c.signal(i, syscall.SIGCONT) }

// Restart starts server i again after [Cluster.Kill] or [Cluster.Stop], on what it stored. It does not wait: see [Cluster.Healthy].
func (c *Cluster) Restart(i int) {
	c.t.Helper()
	check(c.t, c.launch(i))
}

func (c *Cluster) signal(i int, s syscall.Signal) {
	if err := c.nodes[i].cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.t.Errorf("natstest: %v to server %d: %v", s, i, err)
	}
}

func (c *Cluster) halt() {
	if c.admin != nil {
		c.admin.Close()
	}
	for _, s := range c.nodes {
		if s.done != nil {
			_ = s.cmd.Process.Kill() // it may have ended
			<-s.done
		}
	}
}

func (c *Cluster) stop() {
	c.halt()
	if c.t.Failed() {
		for i := range c.nodes {
			c.t.Logf("server %d:\n%s", i, c.tail(i))
		}
	}
}

// tail is the end of what server i logged.
func (c *Cluster) tail(i int) string {
	var all []byte
	for _, suffix := range []string{".log", ".out"} {
		b, err := os.ReadFile(c.nodes[i].conf + suffix)
		if err == nil {
			all = append(all, b[max(0, len(b)-4000):]...)
		}
	}
	return string(all)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
