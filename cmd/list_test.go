package cmd

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"redust/db/listpack"
	"redust/resp"
	"redust/tests/script"
)

// TestListLimits plays the script of lists under several sizes of their blocks: nobody but
// OBJECT ENCODING may see a difference.
func TestListLimits(t *testing.T) {
	text, err := os.ReadFile("testdata/list.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 2, 5, -1, -5} {
		f, err := script.Parse("list.txt", fmt.Sprintf("config list-max-listpack-size %d\n%s", size, text))
		if err != nil {
			t.Fatal(err)
		}
		diffs, err := script.Play(f, newHarness(viewed).options(2))
		for _, d := range diffs {
			t.Errorf("size %d: %v", size, d)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// TestEntries compares appendEntries with the writer of replies, for elements of every form.
func TestEntries(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		p, n := listpack.New(), r.IntN(20)
		var want resp.Writer
		for range n {
			var val []byte
			switch r.IntN(3) {
			case 0:
				val = strconv.AppendInt(nil, int64(r.Uint64())>>r.IntN(64), 10)
			case 1:
				val = bytes.Repeat([]byte{'x'}, r.IntN(70))
			default:
				val = bytes.Repeat([]byte{'x'}, r.IntN(5000))
			}
			p = listpack.Append(p, val)
			want.Bulk(val)
		}
		p = slices.Clip(p) // beyond the last entry nothing can be read
		if got := appendEntries(make([]byte, 0, r.IntN(100)), p[2:], n); !bytes.Equal(got, want.B) {
			t.Fatalf("%q\nwant %q", got, want.B)
		}
	}
}

// request makes a request out of words.
func request(words ...string) Request {
	var r Request
	for _, w := range words {
		r.Args = append(r.Args, []byte(w))
	}
	return r
}

// benchmarkPipeline runs a request again and again, sixteen at a time, as the loop does.
func benchmarkPipeline(b *testing.B, h *harness, words ...string) {
	b.ReportAllocs()
	cl := h.dial().cl
	batch := make([]Request, 16)
	for i := range batch {
		batch[i] = request(words...)
	}
	for n := 0; n < b.N; n += len(batch) {
		h.Prepare(cl.DB, batch)
		h.Begin(h.nowMs*1000, h.mono)
		for i := range batch {
			h.Execute(cl, &batch[i])
		}
		cl.Out.B = cl.Out.B[:0]
	}
}

// processorNs is the time that the process has used, which other processes do not add to.
func processorNs() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkLists(b *testing.B) {
	for _, words := range [][]string{
		{"PING"}, {"GET", "string"}, {"SET", "string", "xxx"},
		{"LPUSH", "mylist", "xxx"}, {"RPUSH", "mylist", "xxx"}, {"LPOP", "full"}, {"RPOP", "full"}, {"LMOVE", "full", "full", "LEFT", "RIGHT"},
		{"LPUSH", "short", "xxx"}, {"LLEN", "full"}, {"LINDEX", "full", "-1"},
		{"LRANGE", "full", "0", "99"}, {"LRANGE", "full", "0", "599"},
	} {
		b.Run(fmt.Sprint(words), func(b *testing.B) {
			h := newHarness(borrowed)
			if words = words[:len(words):len(words)]; len(words) > 1 && words[1] == "full" {
				cl := h.dial().cl
				fill := request("RPUSH", "full")
				for range 1000 {
					fill.Args = append(fill.Args, []byte("xxx"))
				}
				batch := []Request{fill}
				for n := 0; n < b.N+1000; n += 1000 {
					h.Prepare(cl.DB, batch)
					h.Execute(cl, &batch[0])
					cl.Out.B = cl.Out.B[:0]
				}
			}
			b.ResetTimer()
			was := processorNs()
			benchmarkPipeline(b, h, words...)
			b.ReportMetric(float64(processorNs()-was)/float64(b.N), "cpu-ns/op")
		})
	}
}
