// Package oracle plays every command script of cmd/testdata against a real server.
//
// What Redust must answer is not what we believe but what Redis says. The scripts are the
// record of that; this package is how the record is made and kept honest:
//
//	go test ./tests/oracle -run Oracle -oracle            do the scripts say what redis-server says?
//	go test ./tests/oracle -run Oracle -oracle -rewrite   write down what it says, for review
//	go test ./tests/oracle -run Redust                    does Redust say it, over a socket?
//	      ... -script 'bit*'                              only the scripts of that name
//
// Each script gets a server of its own, since some change its configuration or close its
// clients, and is played twice, with RESP2 and with RESP3. The oracle may be older than the
// surface we follow: its version is asked, and sections marked "since" a later one, or
// "redust-only", are skipped there; -v says how many commands that were, so that nobody takes
// a skipped expectation for a confirmed one.
package oracle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"redust/tests/script"
	"redust/tests/server"
)

// arguments make the server that scripts expect: DEBUG allowed, as some ask for encodings.
func arguments() []string {
	return []string{"--enable-debug-command", "yes"}
}

// Version asks a server for its redis_version.
func Version(s *server.Server) (string, error) {
	conn, err := s.Dial()
	if err != nil {
		return "", err
	}
	info, err := script.Do(conn, "INFO", "server")
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(info.Text, "\r\n") {
		if version, ok := strings.CutPrefix(line, "redis_version:"); ok {
			return version, conn.Close()
		}
	}
	return "", fmt.Errorf("oracle: INFO server names no redis_version: %.200q", info.Text)
}

// Scripts lists the scripts under dir whose name (without .txt) matches the glob.
func Scripts(dir, glob string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, glob+".txt"))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("oracle: no script %s.txt in %s", glob, dir)
	}
	return paths, err
}

// Check plays one script on a fresh server of the given binary, under both protocols, and
// returns what differed and what it amounts to in a line. With rewrite, the file is recorded first.
func Check(bin, path string, redust, rewrite bool) (diffs []script.Difference, summary string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, "", fmt.Errorf("oracle: %w", err)
	}
	f, err := script.Parse(path, string(text))
	if err != nil {
		return nil, "", err
	}
	s, err := server.Start(bin, arguments()...)
	if err != nil {
		return nil, "", err
	}
	defer func() {
		if e := s.Close(); err == nil {
			err = e
		}
	}()
	o := script.Options{Dial: s.Dial, Redust: redust}
	if o.Version, err = Version(s); err != nil {
		return nil, "", err
	}
	if rewrite {
		recorded, err := script.Record(f, o)
		if err != nil {
			return nil, "", err
		}
		if err := os.WriteFile(path, []byte(recorded), 0o644); err != nil {
			return nil, "", fmt.Errorf("oracle: %w", err)
		}
		if f, err = script.Parse(path, recorded); err != nil {
			return nil, "", err
		}
	}
	for _, o.Proto = range []int{2, 3} {
		more, err := script.Play(f, o)
		diffs = append(diffs, more...)
		if err != nil {
			return diffs, "", fmt.Errorf("%w\nserver log:\n%s", err, s.Log())
		}
	}
	o.Proto = 2
	return diffs, fmt.Sprintf("%d commands on version %s, of which %d are skipped", f.Commands(), o.Version, f.Skipped(o)), nil
}
