package cmd

import (
	"fmt"
	"math/rand/v2"
	osexec "os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"redust/internal/disk"
	"redust/rdb"
	"redust/tests/redis"
	"redust/tests/server"
)

// everyForm fills several databases with values of every type in every form that they have,
// and with lengths around the limits of the file's encodings. With timed, some hashes have
// fields with deadlines, which Redis 7.0 does not know.
func everyForm(p *played, timed bool) {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return string(b)
	}
	prose := func(n int) string {
		const words = "the quick brown fox jumps over the lazy dog and ran away from it all "
		return strings.Repeat(words, n/len(words)+1)[:n]
	}
	element := func(i int) string {
		switch i % 7 {
		case 0:
			return strconv.Itoa(i * i * i * 1000003)
		case 1:
			return "-" + strconv.Itoa(i+1)
		case 2:
			return noise(i % 60)
		case 3:
			return prose(i%50) + strconv.Itoa(i)
		}
		return fmt.Sprintf("element:%d", i)
	}
	for _, db := range []string{"0", "3", "15"} {
		p.do("SELECT", db)
		for _, n := range []string{"0", "1", "-1", "127", "128", "-128", "-129", "32767", "32768", "-32768", "-32769", "2147483647", "2147483648",
			"-2147483648", "-2147483649", "9223372036854775807", "-9223372036854775808", "007", "+1", "-0", "", "1.5", "99999999999"} {
			p.do("SET", "num:"+n, n)
			p.do("SET", n, "key is "+n)
		}
		for _, n := range []int{0, 1, 11, 12, 19, 20, 21, 22, 44, 45, 63, 64, 255, 256, 16383, 16384, 70000, 300000} {
			p.do("SET", fmt.Sprintf("noise:%d", n), noise(n))
			p.do("SET", fmt.Sprintf("prose:%d", n), prose(n))
			p.do("SET", fmt.Sprintf("same:%d", n), strings.Repeat("x", n))
			p.do("SET", prose(n), "long key")
			p.do("SET", "k"+noise(n), "noisy key", "PXAT", "2000000000000")
		}
		p.do("SET", "appended", "12")
		p.do("APPEND", "appended", "34")
		p.do("SETBIT", "bits", "4000", "1")
		p.do("PFADD", "hll", "a", "b", "c")
		p.do("SET", "soon", "x", "PXAT", "2000000000000")
		for _, n := range []int{1, 3, 20, 127, 128, 129, 500, 512, 513, 3000} {
			name := strconv.Itoa(n)
			for i := range n {
				e := element(i)
				p.do("RPUSH", "list:"+name, e)
				p.do("LPUSH", "left:"+name, e)
				p.do("SADD", "set:"+name, e)
				p.do("SADD", "ints:"+name, strconv.Itoa(i*i*i*i-5000))
				p.do("HSET", "hash:"+name, e, element(i+1))
				p.do("ZADD", "zset:"+name, strconv.FormatFloat(float64(i*i%977)/8-30, 'g', -1, 64), e)
			}
		}
		for _, s := range []string{"-inf", "+inf", "-0", "0", "1e300", "4.9e-324", "3.0000000000000004"} {
			p.do("ZADD", "scores", s, "m"+s)
			for i := range 200 {
				p.do("ZADD", "manyscores", s, fmt.Sprintf("m%s%d", s, i))
			}
		}
		for i := range 5 {
			p.do("RPUSH", "list:long", prose(9000*(i*i+1)), element(i), noise(70000*i))
			p.do("HSET", "hash:wide", element(i), prose(65+100*i))
			p.do("HSET", "hash:long", element(i), noise(5000))
			p.do("SADD", "set:long", noise(100*i), prose(65))
			p.do("ZADD", "zset:long", "1", noise(100*i))
			p.do("SADD", "ints:wide", strconv.Itoa(i-2), strconv.Itoa(1<<40+i))
		}
		p.do("RPUSH", "list:numbers", "1", "127", "128", "-4096", "4095", "32767", "8388607", "2147483647", "9223372036854775807")
		p.do("XADD", "stream:one", "1-1", "a", "b")
		p.do("XADD", "stream:gone", "5-5", "a", "b")
		p.do("XDEL", "stream:gone", "5-5")
		p.do("XGROUP", "CREATE", "stream:empty", "g", "$", "MKSTREAM")
		for i := range 1000 {
			p.do("XADD", "stream", fmt.Sprintf("%d-%d", 100+i/3, i), "name", element(i), "other", element(i+1))
			if i%10 == 0 {
				p.do("XADD", "stream", fmt.Sprintf("%d-%d", 100+i/3, i+1), "odd", noise(i%300))
			}
		}
		p.do("XDEL", "stream", "100-1", "110-30", "433-999")
		p.do("XGROUP", "CREATE", "stream", "none", "0")
		p.do("XGROUP", "CREATE", "stream", "group", "0", "ENTRIESREAD", "0")
		p.do("XGROUP", "CREATE", "stream", "middle", "200-0")
		p.do("XREADGROUP", "GROUP", "group", "ann", "COUNT", "300", "STREAMS", "stream", ">")
		p.do("XREADGROUP", "GROUP", "group", "bob", "COUNT", "10", "STREAMS", "stream", ">")
		p.do("XREADGROUP", "GROUP", "middle", "123", "COUNT", "10", "STREAMS", "stream", ">")
		p.do("XGROUP", "CREATECONSUMER", "stream", "group", "idle")
		p.do("XACK", "stream", "group", "101-4", "101-5")
		if timed {
			for _, n := range []int{1, 5, 600} {
				key := fmt.Sprintf("timed:%d", n)
				for i := range n {
					p.do("HSET", key, fmt.Sprintf("f%d", i), element(i))
					if i%3 == 0 {
						p.do("HPEXPIREAT", key, strconv.Itoa(2_000_000_000_000+i*1000), "FIELDS", "1", fmt.Sprintf("f%d", i))
					}
				}
			}
		}
	}
	p.do("SELECT", "0")
}

// TestRedisLoadsOurFiles: a snapshot of every form passes redis-check-rdb and comes out of
// a real server the same, compressed or not, with history or not.
func TestRedisLoadsOurFiles(t *testing.T) {
	bin := redis.Tool(t, "redis-server")
	check := redis.Tool(t, "redis-check-rdb")
	for name, o := range map[string]rdb.WriteOptions{
		"plain":      {Aux: rdb.AuxFields("7.2.4", 1_700_000_000, 1<<20, false)},
		"checksum":   {Checksum: true},
		"compressed": {Checksum: true, Compress: true, Aux: rdb.AuxFields("7.2.4", 1_700_000_000, 1<<20, true)},
		"idle":       {Checksum: true, Compress: true, History: rdb.Idle},
		"freq":       {Checksum: true, Compress: true, History: rdb.Freq, FlushBytes: 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(borrowed)
			p := h.dial()
			everyForm(p, false)
			path := filepath.Join(t.TempDir(), "dump.rdb")
			s := rdb.Take(h.KS)
			size, err := rdb.WriteFile(disk.OS{}, path, s, o)
			s.Release()
			if err != nil || size == 0 {
				t.Fatal(size, err)
			}
			if out, err := osexec.Command(check, path).CombinedOutput(); err != nil {
				t.Fatalf("redis-check-rdb: %v\n%.3000s", err, out)
			}
			policy := "noeviction"
			if o.History == rdb.Freq {
				policy = "allkeys-lfu"
			}
			real, err := server.Start(bin, "--dir", filepath.Dir(path), "--enable-debug-command", "yes", "--sanitize-dump-payload", "yes", "--maxmemory-policy", policy)
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
			d := &duo{t, conn, p}
			d.same("DEBUG", "DIGEST")
			for _, db := range []string{"0", "3", "15"} {
				d.both("SELECT", db)
				d.same("DBSIZE")
				for _, key := range []string{"stream", "stream:empty", "stream:gone"} {
					d.same("XINFO", "GROUPS", key)
					d.same("XPENDING", key, "group")
				}
				want, got := d.say("XPENDING", "stream", "group", "-", "+", "1000", "bob")
				if idle := regexp.MustCompile(`:[0-9]{10,}\r\n`); idle.ReplaceAllString(want, ":0\r\n") != got {
					t.Errorf("XPENDING: %.300q, want %.300q", got, want)
				}
				// Tiny and huge scores are written in other words by 7.0.
				d.same("ZRANGEBYSCORE", "manyscores", "-inf", "0", "WITHSCORES")
				d.same("ZRANGEBYSCORE", "manyscores", "3", "4", "WITHSCORES")
				d.same("ZRANGE", "manyscores", "0", "-1", "REV")
				d.same("LRANGE", "list:long", "0", "-1")
				if o.History == rdb.Freq {
					if want, got := d.say("OBJECT", "FREQ", "soon"); want != fmt.Sprintf(":%d\r\n", h.KS.DB(0).Peek([]byte("soon")).Freq()) {
						t.Errorf("OBJECT FREQ: %q", got)
					}
				}
				for _, key := range []string{"list:3000", "ints:500", "hash:20", "hash:wide", "zset:20", "zset:500", "num:1", "same:44"} {
					d.same("OBJECT", "ENCODING", key)
				}
			}
		})
	}
}

// TestSerializedLength compares sizes in a file.
func TestSerializedLength(t *testing.T) {
	d := newDuo(t)
	d.real.Receive(time.Millisecond) //nolint: nothing is there
	for _, words := range []string{"SET a 1", "SET b 128", "SET c 12345678901234", "SET d " + strings.Repeat("y", 100), "RPUSH l a b c 1 2 3",
		"SADD s 1 2 3", "SADD t a b c", "HSET h a b c d", "ZADD z 1 a 2 b", "XADD x 1-1 a b"} {
		d.both(strings.Fields(words)...)
	}
	for _, key := range []string{"a", "b", "c", "l", "s", "h", "z"} {
		want, got := d.say("DEBUG", "OBJECT", key)
		w, g := want[strings.Index(want, "serializedlength"):], got[strings.Index(got, "serializedlength"):]
		if w[:strings.Index(w, " ")] != g[:strings.Index(g, " ")] {
			t.Errorf("%s: %s, want %s", key, g, w)
		}
	}
}
