// Command clients drives servers through the client libraries that people use: go-redis
// and rueidis, redis-py, node-redis, ioredis and BullMQ, jedis and lettuce. Every suite runs on
// redis-server, too, as the control: what fails there is a fault of the suite or of the
// library, not of ours.
//
//	go run ./tests/clients                    bin/redust and redis-server
//	go run ./tests/clients -only python       one suite
//
// A suite is a program in a folder beside this file; it finds REDIS_PORT in its environment
// and prints a line a test, "ok name" or "not ok name: why". Its libraries are installed
// from the language's own registry into a folder of the user's cache; a suite that cannot be
// installed is reported as such. The exit status is 1 if a test fails on ours that
// passes on the control, or a suite could not be installed.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// suite is one language's.
type suite struct {
	name    string
	install [][]string // commands run once in the copied folder
	run     []string
}

func suites() []suite {
	return []suite{
		{"go", [][]string{{"go", "build", "-o", "suite", "."}}, []string{"./suite"}},
		{"python", [][]string{{"python3", "-m", "venv", ".venv"}, {".venv/bin/pip", "install", "-q", "-r", "requirements.txt"}}, []string{".venv/bin/python", "suite.py"}},
		{"node", [][]string{{"npm", "install", "--no-audit", "--no-fund", "--silent"}}, []string{"node", "suite.mjs"}},
		{"java", [][]string{{"mvn", "-q", "-B", "compile"}}, []string{"mvn", "-q", "-B", "exec:java"}},
	}
}

const suiteLimit = 5 * time.Minute

func main() {
	ours := flag.String("redust", "bin/redust", "our server's `path`")
	control := flag.String("redis", "redis-server", "`path` of the control")
	only := flag.String("only", "", "run the suites whose name matches `regexp`")
	flag.Parse()
	bad, err := compare(*ours, *control, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "clients:", err)
		os.Exit(2)
	}
	if bad {
		os.Exit(1)
	}
}

func compare(ours, control, only string) (bad bool, err error) {
	chosen, err := regexp.Compile(only)
	if err != nil {
		return false, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return false, err
	}
	for _, s := range suites() {
		if !chosen.MatchString(s.name) {
			continue
		}
		dir := filepath.Join(cache, "redust-clients", s.name)
		if err := s.prepare(dir); err != nil {
			fmt.Printf("%s: cannot be installed: %v\n", s.name, err)
			bad = true
			continue
		}
		want, err := s.on(control, dir)
		if err != nil {
			return bad, err
		}
		got, err := s.on(ours, dir)
		if err != nil {
			return bad, err
		}
		bad = s.report(got, want) || bad
	}
	return bad, nil
}

// prepare copies the suite to a folder and installs its libraries there.
func (s suite) prepare(dir string) error {
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("tests", "clients", s.name))); errors.Is(err, os.ErrExist) {
		err = s.refresh(dir)
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	for _, argv := range s.install {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, bytes.TrimSpace(out))
		}
	}
	return nil
}

// refresh copies the suite over an older copy.
func (s suite) refresh(dir string) error {
	from := filepath.Join("tests", "clients", s.name)
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimPrefix(path, from))
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o644)
	})
}

// on runs the suite on a server of its own, and returns what became of each test: "" is
// passed.
func (s suite) on(server, dir string) (map[string]string, error) {
	data, err := os.MkdirTemp("", "clients-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(data)
	port, stop, err := start(server, data)
	if err != nil {
		return nil, err
	}
	defer stop()
	cmd := exec.Command(s.run[0], s.run[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "REDIS_PORT="+strconv.Itoa(port))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	timer := time.AfterFunc(suiteLimit, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	err = cmd.Wait()
	results := make(map[string]string)
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "ok "); ok {
			results[name] = ""
		} else if rest, ok := strings.CutPrefix(line, "not ok "); ok {
			// The name has a colon of its own: library, colon, test.
			parts := strings.SplitN(rest, ": ", 3)
			results[strings.Join(parts[:min(2, len(parts))], ": ")] = rest
		}
	}
	if !timer.Stop() {
		results["(the end)"] = "the suite did not end within " + suiteLimit.String()
	} else if err != nil && len(results) == 0 {
		return nil, fmt.Errorf("%s on %s: %w\n%s", s.name, filepath.Base(server), err, out.Bytes())
	}
	return results, nil
}

// start starts a server and waits until it listens.
func start(server, dir string) (port int, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, nil, err
	}
	port = l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	cmd := exec.Command(server, "--port", strconv.Itoa(port), "--dir", dir, "--save", "")
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	for range 200 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			_ = c.Close()
			return port, stop, nil
		}
		time.Sleep(25 * time.Millisecond)
	}
	stop()
	return 0, nil, fmt.Errorf("%s does not listen", filepath.Base(server))
}

// report prints what became of the suite, and tells whether ours did worse.
func (s suite) report(got, want map[string]string) (bad bool) {
	passed := 0
	for name, why := range got {
		switch control, known := want[name]; {
		case why == "":
			passed++
		case known && control != "":
			fmt.Printf("    on both: %s\n", why)
		default:
			fmt.Printf("    ONLY ON OURS: %s\n", why)
			bad = true
		}
	}
	for name := range want {
		if _, ok := got[name]; !ok {
			fmt.Printf("    never came to an end on ours: %s\n", name)
			bad = true
		}
	}
	fmt.Printf("%s: %d of %d tests pass, %d on the control\n", s.name, passed, len(got), count(want))
	return bad
}

func count(results map[string]string) (n int) {
	for _, why := range results {
		if why == "" {
			n++
		}
	}
	return n
}
