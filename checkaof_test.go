package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"redust/tests/redis"
)

// aofRequest is a request in a file.
func aofRequest(words ...string) string {
	s := fmt.Sprintf("*%d\r\n", len(words))
	for _, w := range words {
		s += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	return s
}

// TestCheckAOF checks files beside redis-check-aof, which must say the same, end alike and
// leave the same behind: a file cut off after every byte, and with every byte exchanged.
func TestCheckAOF(t *testing.T) {
	theirs := redis.Tool(t, "redis-check-aof")
	text := "#TS:1000\r\n" + aofRequest("SELECT", "0") + aofRequest("SET", "a", "1") + "#TS:1001\r\n" +
		aofRequest("MULTI") + aofRequest("SET", "b", "") + aofRequest("exec") + "#any\r\n#TS:1002\r\n" + aofRequest("DEL", "a")
	var cases []string
	step := 3 // a third of them; all did agree
	if testing.Short() {
		step = 11
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for i := 0; i <= len(text); i += step {
		cases = append(cases, text[:i])
		if i < len(text) {
			b := []byte(text)
			b[i] = "\r\n*$019#ax\x00\xff"[rnd.IntN(12)]
			cases = append(cases, string(b))
		}
	}
	// What is printed of bytes that have not been read is whatever was in Redis's memory.
	noise := regexp.MustCompile(`got: 00..`)
	dir := t.TempDir()
	file := filepath.Join(dir, "f.aof")
	run := func(text string, args []string, cmd func(args []string) ([]byte, int)) (string, int, string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		out, code := cmd(append(args, file))
		after, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(noise.ReplaceAll(out, []byte("got: 00"))), code, string(after)
	}
	for _, text := range cases {
		for _, args := range [][]string{{}, {"--fix"}, {"--truncate-to-timestamp", "1001"}} {
			out, code, after := run(text, args, func(args []string) ([]byte, int) {
				cmd := exec.Command(theirs, args...)
				cmd.Stdin = bytes.NewReader([]byte("y\n"))
				out, _ := cmd.CombinedOutput() // the status says it, too
				return out, cmd.ProcessState.ExitCode()
			})
			ourOut, ourCode, ourAfter := run(text, args, func(args []string) ([]byte, int) {
				var out bytes.Buffer
				code := checkAOF(args, bytes.NewReader([]byte("y\n")), &out)
				return out.Bytes(), code
			})
			if out != ourOut || code != ourCode || after != ourAfter {
				t.Errorf("%v of %q:\nprints %q, status %d, leaves %q\nwant   %q, status %d, leaves %q", args, text, ourOut, ourCode, ourAfter, out, code, after)
			}
		}
	}
}

// TestCheckManifest checks all files of a manifest, beside redis-check-aof. Lines are not
// compared: Redis's tool goes on counting from one file to the next, ours begins anew.
func TestCheckManifest(t *testing.T) {
	theirs := redis.Tool(t, "redis-check-aof")
	set := "#TS:1000\r\n" + aofRequest("SET", "a", "1")
	later := "#TS:1002\r\n" + aofRequest("SET", "b", "1")
	for _, r := range []struct {
		files []string // the first one is the base
		args  []string
	}{
		{files: []string{set, set + later}},
		{files: []string{set, set, later + "*3\r\n$"}},
		{files: []string{set, set, later + "*3\r\n$"}, args: []string{"--fix"}},
		{files: []string{set, set + "*3\r\n", later}},
		{files: []string{set, "", later}},
		{files: []string{set, set, set + later}, args: []string{"--truncate-to-timestamp", "1001"}},
		{files: []string{set, later, set}, args: []string{"--truncate-to-timestamp", "1005"}},
	} {
		lines := regexp.MustCompile(`ok_up_to_line=[0-9]+`)
		var said, left [2]string
		for i := range said {
			dir := t.TempDir()
			manifest := ""
			for n, text := range r.files {
				name, kind := fmt.Sprintf("f.%d.incr.aof", n), "i"
				if n == 0 {
					kind = "b"
				}
				manifest += fmt.Sprintf("file %s seq %d type %s\n", name, n+1, kind)
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			path := filepath.Join(dir, "f.manifest")
			if err := os.WriteFile(path, []byte(manifest), 0o644); err != nil {
				t.Fatal(err)
			}
			args := append(append([]string{}, r.args...), path)
			var out []byte
			code := 0
			if i == 0 {
				cmd := exec.Command(theirs, args...)
				cmd.Stdin = bytes.NewReader([]byte("y\n"))
				out, _ = cmd.CombinedOutput() // the status says it, too
				code = cmd.ProcessState.ExitCode()
			} else {
				var b bytes.Buffer
				code = checkAOF(args, bytes.NewReader([]byte("y\n")), &b)
				out = b.Bytes()
			}
			out = lines.ReplaceAll(out, nil)
			said[i] = fmt.Sprintf("%s(status %d)", bytes.ReplaceAll(out, []byte(dir), []byte("DIR")), code)
			for n := range r.files {
				b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("f.%d.incr.aof", n)))
				if err != nil {
					t.Fatal(err)
				}
				left[i] += fmt.Sprintf("%q\n", b)
			}
		}
		if said[0] != said[1] || left[0] != left[1] {
			t.Errorf("%q, %v:\nprints %s\nleaves %s\nwant   %s\nleaves %s", r.files, r.args, said[1], left[1], said[0], left[0])
		}
	}
}
