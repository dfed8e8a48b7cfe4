package cmd

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redust/internal/disk"
	"redust/rdb"
	"redust/tests/redis"
	"redust/tests/server"
)

// loadFile decodes a file into the keyspace of a harness.
func loadFile(t *testing.T, h *harness, path string) (info rdb.Info, functions [][]byte) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	o := rdb.OptionsFor(h.KS)
	o.Size = int64(len(file))
	info, err = rdb.Decode(bytes.NewReader(file), o, func(b *rdb.Batch) error {
		functions = append(functions, b.Functions...)
		_, err := b.Put(h.KS, rdb.PutOptions{})
		b.Release()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return info, functions
}

// TestOurServerLoadsRedisFiles: what a real server has written, in every encoding that it
// has, is the same here: compressed or not, with access histories or not, with small limits
// or large ones.
func TestOurServerLoadsRedisFiles(t *testing.T) {
	bin := redis.Tool(t, "redis-server")
	first := newHarness(borrowed)
	everyForm(first.dial(), false)
	made := filepath.Join(t.TempDir(), "made.rdb")
	s := rdb.Take(first.KS)
	if _, err := rdb.WriteFile(disk.OS{}, made, s, rdb.WriteOptions{Checksum: true}); err != nil {
		t.Fatal(err)
	}
	s.Release()
	ours, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	small := []string{"--hash-max-listpack-entries", "4", "--zset-max-listpack-entries", "4", "--set-max-intset-entries", "4", "--list-max-listpack-size", "4"}
	large := []string{"--hash-max-listpack-entries", "100000", "--zset-max-listpack-entries", "100000", "--set-max-intset-entries", "100000",
		"--hash-max-listpack-value", "1000000", "--zset-max-listpack-value", "1000000", "--list-max-listpack-size", "-5"}
	for name, args := range map[string][]string{
		"plain":       {"--rdbcompression", "no"},
		"compressed":  {"--rdbcompression", "yes"},
		"no checksum": {"--rdbchecksum", "no"},
		"lru":         {"--maxmemory-policy", "allkeys-lru", "--maxmemory", "1gb"},
		"lfu":         {"--maxmemory-policy", "allkeys-lfu", "--maxmemory", "1gb"},
		"small":       small,
		"large":       large,
		"depth":       {"--list-compress-depth", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "dump.rdb")
			if err := os.WriteFile(path, ours, 0o600); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"--dir", dir, "--enable-debug-command", "yes"}, args...)
			real, err := server.Start(bin, args...)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := real.Close(); err != nil {
					t.Error(err)
				}
			}()
			conn, err := real.Dial()
			if err != nil {
				t.Fatal(err)
			}
			h := newHarness(borrowed)
			d := &duo{t, conn, h.dial()}
			if name == "lfu" {
				d.ours.do("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu")
			}
			const library = "#!lua name=lib\nredis.register_function('f', function() return 1 end)"
			d.real.Send([][]byte{[]byte("FUNCTION"), []byte("LOAD"), []byte(library)}) //nolint: heard below
			d.real.Receive(time.Second)                                                //nolint: heard below
			if name == "small" || name == "large" {
				// Values take the form that limits ask for when they are changed.
				d.real.Send([][]byte{[]byte("DEBUG"), []byte("RELOAD")})
				d.real.Receive(10 * time.Second)
			}
			d.real.Send([][]byte{[]byte("SAVE")})
			if got, err := d.real.Receive(10 * time.Second); err != nil || string(got) != "+OK\r\n" {
				t.Fatalf("SAVE: %q %v", got, err)
			}
			info, functions := loadFile(t, h, path)
			if len(functions) != 1 || string(functions[0]) != library || info.Functions != 1 {
				t.Errorf("functions: %q", functions)
			}
			if info.AuxValue("redis-ver") == "" || info.Keys != int64(h.KS.Len()) || info.Checked == (name == "no checksum") {
				t.Errorf("facts: %+v, keys %d", info, h.KS.Len())
			}
			d.same("DEBUG", "DIGEST")
			for _, db := range []string{"0", "3", "15"} {
				d.both("SELECT", db)
				d.same("DBSIZE")
				for _, key := range []string{"stream", "stream:empty", "stream:gone", "stream:one"} {
					d.same("XINFO", "GROUPS", key)
					d.same("XRANGE", key, "-", "+")
					d.same("XPENDING", key, "group")
					want, got := d.say("XINFO", "STREAM", key, "FULL")
					w, g := withoutTimes(want), withoutTimes(got)
					for i := range min(len(w), len(g)) {
						if w[i] != g[i] {
							t.Fatalf("XINFO STREAM %s FULL: %q, want %q", key, g[i:min(i+8, len(g))], w[i:min(i+8, len(w))])
						}
					}
					if len(w) != len(g) {
						t.Errorf("XINFO STREAM %s FULL has %d lines, want %d", key, len(g), len(w))
					}
				}
				for _, key := range []string{"soon", "num:1", "list:20"} {
					d.same("PEXPIRETIME", key)
				}
				d.same("ZRANGEBYSCORE", "manyscores", "-inf", "0", "WITHSCORES")
				d.same("ZRANGE", "manyscores", "0", "-1", "REV")
				d.same("LRANGE", "list:long", "0", "-1")
				d.same("LRANGE", "list:3000", "0", "-1")
				if name == "lfu" {
					d.same("OBJECT", "FREQ", "soon")
				}
				if name == "small" || name == "large" {
					continue
				}
				for _, n := range []int{1, 3, 20, 127, 128, 129, 500, 512, 513, 3000} {
					for _, kind := range []string{"ints", "hash", "zset"} {
						d.same("OBJECT", "ENCODING", fmt.Sprintf("%s:%d", kind, n))
					}
				}
				for _, key := range []string{"hash:wide", "num:1", "same:44", "list:long", "list:3000", "zset:long", "hash:long", "ints:wide"} {
					d.same("OBJECT", "ENCODING", key)
				}
			}
		})
	}
}

// withoutTimes takes times, which pass, out of a reply of XINFO.
func withoutTimes(reply string) []string {
	var lines []string
	reply = strings.ReplaceAll(reply, "*10\r\n$4\r\nname\r\n", "*8\r\n$4\r\nname\r\n")
	all := strings.Split(reply, "\r\n")
	for i := 0; i < len(all); i++ {
		switch l := all[i]; {
		case l == "active-time": // 7.0 has none
			lines = lines[:len(lines)-1]
			i++
		case len(l) == 14 && l[0] == ':':
			lines = append(lines, ":time")
		default:
			lines = append(lines, l)
		}
	}
	return lines
}
