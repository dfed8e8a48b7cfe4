package lcs

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"redust/tests/redis"
)

// table is the textbook's answer: the length for every pair of prefixes.
func table(a, b []byte) [][]int {
	t := make([][]int, len(a)+1)
	t[0] = make([]int, len(b)+1)
	for i := range a {
		t[i+1] = make([]int, len(b)+1)
		for j := range b {
			if a[i] == b[j] {
				t[i+1][j+1] = t[i][j] + 1
			} else {
				t[i+1][j+1] = max(t[i][j+1], t[i+1][j])
			}
		}
	}
	return t
}

// model walks the table back, left unless the cell above is larger, and then gathers
// what is contiguous.
func model(a, b []byte, minRun int) (seq []byte, runs []Range) {
	t := table(a, b)
	type pair struct{ i, j int }
	var path []pair
	for i, j := len(a), len(b); i > 0 && j > 0; {
		switch {
		case a[i-1] == b[j-1]:
			i, j = i-1, j-1
			path = append(path, pair{i, j})
		case t[i-1][j] > t[i][j-1]:
			i--
		default:
			j--
		}
	}
	for k, p := range path {
		seq = append(seq, a[p.i])
		if k > 0 && path[k-1] == (pair{p.i + 1, p.j + 1}) {
			runs[len(runs)-1].AStart, runs[len(runs)-1].BStart = p.i, p.j
			continue
		}
		runs = append(runs, Range{p.i, p.i, p.j, p.j})
	}
	slices.Reverse(seq)
	return seq, slices.DeleteFunc(runs, func(r Range) bool { return r.Len() < minRun })
}

func check(t *testing.T, a, b []byte, minRun int) {
	t.Helper()
	seq, runs, err := Find(a, b, minRun, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	wantSeq, wantRuns := model(a, b, minRun)
	if !bytes.Equal(seq, wantSeq) || !slices.Equal(runs, wantRuns) {
		t.Fatalf("Find(%q, %q, %d) = %q %v, want %q %v", a, b, minRun, seq, runs, wantSeq, wantRuns)
	}
	if n := Length(a, b); n != len(wantSeq) {
		t.Fatalf("Length(%q, %q) = %d, want %d", a, b, n, len(wantSeq))
	}
}

func random(rnd *rand.Rand, n, alphabet int) []byte {
	b := make([]byte, rnd.IntN(n+1))
	for i := range b {
		b[i] = 'a' + byte(rnd.IntN(alphabet))
	}
	return b
}

func TestFind(t *testing.T) {
	seq, runs, err := Find([]byte("ohmytext"), []byte("mynewtext"), 0, math.MaxInt64)
	if string(seq) != "mytext" || err != nil || !slices.Equal(runs, []Range{{4, 7, 5, 8}, {2, 3, 0, 1}}) {
		t.Errorf("Find = %q, %v, %v", seq, runs, err)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		alphabet := rnd.IntN(20) + 1
		check(t, random(rnd, 200, alphabet), random(rnd, 200, alphabet), rnd.IntN(4))
	}
	for _, n := range []int{63, 64, 65, 128} { // carries and bits past the end
		check(t, bytes.Repeat([]byte("x"), n), bytes.Repeat([]byte("x"), n), 0)
		check(t, bytes.Repeat([]byte("xy"), n), bytes.Repeat([]byte("yx"), n), 2)
	}
}

func TestLimit(t *testing.T) {
	a, b := []byte("abc"), []byte("abcd")
	if _, _, err := Find(a, b, 0, 4*5*4-1); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte short: %v", err)
	}
	if _, _, err := Find(a, b, 0, 4*5*4); err != nil {
		t.Errorf("just enough: %v", err)
	}
	for _, r := range []struct {
		n, m int
		want int64
	}{
		{0, 0, 4},
		{3, 4, 80},
		{math.MaxInt32, math.MaxInt32, math.MaxInt64}, // 2^64 does not fit
		{math.MaxInt, math.MaxInt, math.MaxInt64},
		{1 << 29, 1 << 29, (1<<29 + 1) * (1<<29 + 1) * 4},
	} {
		if got := TableBytes(r.n, r.m); got != r.want {
			t.Errorf("TableBytes(%d, %d) = %d, want %d", r.n, r.m, got, r.want)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add([]byte("ohmytext"), []byte("mynewtext"), uint8(0))
	f.Add([]byte("aaaaabbbbb"), []byte("bbbaaabbb"), uint8(3))
	f.Fuzz(func(t *testing.T, a, b []byte, minRun uint8) {
		if len(a)*len(b) <= 1<<16 {
			check(t, a, b, int(minRun%8))
		}
	})
}

func TestOracle(t *testing.T) {
	o := redis.Start(t)
	rnd := rand.New(rand.NewPCG(2, 2))
	for range 1500 {
		alphabet := rnd.IntN(10) + 1
		a, b, minRun := random(rnd, 150, alphabet), random(rnd, 150, alphabet), rnd.IntN(4)
		o.Do("MSET", "a", a, "b", b)
		seq, runs, err := Find(a, b, minRun, math.MaxInt64)
		if err != nil {
			t.Fatal(err)
		}
		if want := o.Do("LCS", "a", "b"); want != string(seq) {
			t.Fatalf("LCS %s %s = %q, we say %q", a, b, want, seq)
		}
		if want := o.Do("LCS", "a", "b", "LEN"); want != int64(Length(a, b)) {
			t.Fatalf("LCS %s %s LEN = %v, we say %d", a, b, want, Length(a, b))
		}
		list := []any{}
		for _, r := range runs {
			list = append(list, []any{[]int{r.AStart, r.AEnd}, []int{r.BStart, r.BEnd}, r.Len()})
		}
		got := fmt.Sprint([]any{"matches", list, "len", len(seq)})
		if want := fmt.Sprint(o.Do("LCS", "a", "b", "IDX", "MINMATCHLEN", minRun, "WITHMATCHLEN")); got != want {
			t.Fatalf("LCS %s %s IDX MINMATCHLEN %d = %s, we say %s", a, b, minRun, want, got)
		}
	}
}

// TestOracleLimit finds the size at which a real server starts to refuse.
func TestOracleLimit(t *testing.T) {
	const limit = 1 << 20
	o := redis.Start(t, "--proto-max-bulk-len", fmt.Sprint(limit))
	a := bytes.Repeat([]byte("a"), 511)
	o.Do("SET", "a", a)
	for _, m := range []int{510, 511, 512} { // 512*512*4 is the limit
		b := bytes.Repeat([]byte("a"), m)
		o.Do("SET", "b", b)
		for _, args := range [][]any{{"LCS", "a", "b"}, {"LCS", "a", "b", "LEN"}} {
			_, refused := o.Do(args...).(error)
			if _, _, err := Find(a, b, 0, limit); refused != (err != nil) || refused != (TableBytes(511, m) > limit) {
				t.Errorf("%v with %d bytes: refused %v, we say %v", args, m, refused, err)
			}
		}
	}
}

func BenchmarkLCS(b *testing.B) {
	rnd := rand.New(rand.NewPCG(3, 3))
	x, y := make([]byte, 4000), make([]byte, 4000)
	for i := range x {
		x[i], y[i] = byte(rnd.IntN(20)), byte(rnd.IntN(20))
	}
	b.Run("length", func(b *testing.B) {
		for b.Loop() {
			Length(x, y)
		}
	})
	b.Run("find", func(b *testing.B) {
		for b.Loop() {
			_, _, _ = Find(x, y, 0, math.MaxInt64)
		}
	})
}
