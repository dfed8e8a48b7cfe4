package random

import (
	"math/rand/v2"
	"strconv"
)

// databases are those that a plan uses, from 0 on.
const databases = 4

// slackMs is by how much two servers may disagree on what remains of a deadline: the time
// between the two hearing one command, on a machine that is busy with other things.
const slackMs = 5000

// Gen makes commands out of a seed.
type Gen struct {
	r        *rand.Rand
	families []Family
	weights  int
	multi    bool // the first client has said MULTI, and not EXEC yet
}

// NewGen returns the generator of that seed over all families.
func NewGen(seed uint64) *Gen {
	g := &Gen{r: rand.New(rand.NewPCG(seed, 0x5eed)), families: families()}
	for _, f := range g.families {
		for _, c := range f.Commands {
			g.weights += c.Weight
		}
	}
	return g
}

// Plan makes the next n steps.
func (g *Gen) Plan(n int) []Step {
	steps := make([]Step, n)
	for i := range steps {
		steps[i] = g.step()
	}
	return steps
}

// Batch returns how many steps to send at once: often one, at times many.
func (g *Gen) Batch() int {
	if g.OneIn(3) {
		return 1
	}
	return 1 + g.r.IntN(100)
}

// step picks a command by weight and spoils a few.
func (g *Gen) step() Step {
	if g.multi && g.OneIn(8) {
		g.multi = false
		return step(Exact, g.Of("EXEC", "EXEC", "EXEC", "exec", "DISCARD"))
	}
	at := g.r.IntN(g.weights)
	for _, f := range g.families {
		for _, c := range f.Commands {
			if at -= c.Weight; at < 0 {
				if c.Listener > 0 {
					return Step{Args: c.Args(g), Same: Exact, Listener: c.Listener}
				}
				s := Step{Args: append([]string{c.Name}, c.Args(g)...), Same: c.Same}
				if c.Waits {
					s.Waiter = 1 + g.r.IntN(waiting)
				}
				if s.Same == nil {
					s.Same = Exact
				}
				switch {
				case s.Waiter > 0:
				case g.multi && s.apart():
					return step(Exact, "GET", g.Key())
				case c.Name == "MULTI":
					g.multi = true
				}
				if !c.Whole && (!g.multi || g.OneIn(4)) {
					s = g.spoil(s)
				}
				if s.Waiter == 0 && c.Same == nil && !c.Waits && !s.apart() && g.OneIn(12) {
					s = g.script(s)
				}
				return s
			}
		}
	}
	panic("random: weights do not add up")
}

// script says a command in a script.
func (g *Gen) script(s Step) Step {
	text := g.Of("return redis.call(unpack(ARGV))", "return redis.pcall(unpack(ARGV))", "redis.pcall(unpack(ARGV)) return 1",
		"local r = redis.pcall(unpack(ARGV)) redis.call('INCR', 'k0') return r",
		"redis.call('SELECT', 2) return redis.call(unpack(ARGV))")
	s.Args = append([]string{"EVAL", text, "0"}, s.Args...)
	return s
}

// spoil changes the number of arguments, exchanges one for an odd one, or writes the name in
// another case. A spoilt command may be another sensible one; both servers get the same.
func (g *Gen) spoil(s Step) Step {
	last := len(s.Args) - 1
	switch g.r.IntN(40) {
	case 0:
		if last > 0 {
			s.Args = s.Args[:last]
		}
	case 1:
		s.Args = append(s.Args, g.Odd())
	case 2, 3:
		if last > 0 {
			s.Args[1+g.r.IntN(last)] = g.Odd()
		}
	case 4:
		s.Args[0] = mixedCase(s.Args[0])
	}
	return s
}

func mixedCase(s string) string {
	b := []byte(s)
	for i := 0; i < len(b); i += 2 {
		b[i] |= 0x20
	}
	return string(b)
}

// OneIn is true once in n.
func (g *Gen) OneIn(n int) bool { return g.r.IntN(n) == 0 }

// Of picks one.
func (g *Gen) Of(choices ...string) string { return choices[g.r.IntN(len(choices))] }

// Odd is an argument that few commands want. None is a small positive number, which
// could become a deadline that falls within the run, nor a large one below the limit of a string,
// which could become half a gigabyte.
func (g *Gen) Odd() string {
	return g.Of("", "-1", "0", "abc", "1.5", "1e400", " 1", "0x10", "9223372036854775807", "9223372036854775808",
		"-9223372036854775808", "-9223372036854775809", "nan", "inf", "\x00\xff\r\n", "-0", "+1", "XX", "NX", "GET", "*", "18446744073709551616")
}

// Key is one of a dozen names, so that commands meet.
func (g *Gen) Key() string {
	if g.OneIn(12) {
		return g.Of("", "\x00", "k\r\n", "\xff\xfe", "a key with a long name, of more than forty-four bytes in all")
	}
	return "k" + strconv.Itoa(g.r.IntN(8))
}

// Log is the name of a HyperLogLog. String commands that change bytes in place stay away from
// these: what a damaged one counts to is nobody's promise.
func (g *Gen) Log() string {
	if g.OneIn(25) {
		return g.Key()
	}
	return "h" + strconv.Itoa(g.r.IntN(4))
}

// Any is a key of either kind.
func (g *Gen) Any() string {
	if g.OneIn(5) {
		return g.Log()
	}
	return g.Key()
}

// Pair is two keys of one kind, at times the same.
func (g *Gen) Pair() (string, string) {
	if g.OneIn(5) {
		return "h" + strconv.Itoa(g.r.IntN(4)), "h" + strconv.Itoa(g.r.IntN(4))
	}
	return g.Key(), g.Key()
}

// Keys is one to n keys.
func (g *Gen) Keys(n int, key func() string) []string {
	out := make([]string, 1+g.r.IntN(n))
	for i := range out {
		out[i] = key()
	}
	return out
}

// Value is a string to store: an integer, a float, text, bytes; short, around the limits of an
// encoding, or some kilobytes.
func (g *Gen) Value() string {
	switch g.r.IntN(10) {
	case 0, 1, 2:
		return g.Int()
	case 3:
		return g.Float()
	case 4:
		return g.Bytes(43 + g.r.IntN(4))
	case 5:
		return g.Bytes(g.r.IntN(3000))
	case 6:
		return g.Of("", "0", "-0", "01", "1 ", "10000", "9999")
	}
	return g.Bytes(g.r.IntN(20))
}

// Bytes is n random ones, from a small alphabet or from all.
func (g *Gen) Bytes(n int) string {
	b, few := make([]byte, n), g.OneIn(2)
	for i := range b {
		if b[i] = byte(g.r.IntN(256)); few {
			b[i] = 'a' + b[i]%3
		}
	}
	return string(b)
}

// Int is small, or near a power of two, or at the edge of the range.
func (g *Gen) Int() string {
	switch g.r.IntN(6) {
	case 0:
		return g.Of("9223372036854775807", "-9223372036854775808", "9223372036854775806", "0", "-1")
	case 1:
		return strconv.FormatInt(int64(1)<<g.r.IntN(63)+int64(g.r.IntN(3))-1, 10)
	case 2:
		return strconv.FormatInt(int64(g.r.Uint64()), 10)
	}
	return strconv.Itoa(g.r.IntN(200) - 100)
}

// Float has few digits, so that both print it alike whatever they compute with.
func (g *Gen) Float() string {
	return strconv.FormatFloat(float64(g.r.IntN(20000)-10000)/float64(int(1)<<g.r.IntN(5)), 'f', -1, 64)
}

// Index is a place in a string, from either end, inside or a little outside.
func (g *Gen) Index() string {
	if g.OneIn(10) {
		return g.Int()
	}
	return strconv.Itoa(g.r.IntN(120) - 60)
}

// Offset is a place to write to, up to n.
func (g *Gen) Offset(n int) string { return strconv.Itoa(g.r.IntN(n)) }

// Seconds is a time to live of months. Two are hardly ever equal, since two servers
// may see two equal ones a millisecond apart and GT then tells them apart.
func (g *Gen) Seconds() string { return strconv.Itoa(20_000_000 + g.r.IntN(400_000_000)) }

// Ms is the same in milliseconds.
func (g *Gen) Ms() string {
	return strconv.FormatInt(20_000_000_000+g.r.Int64N(400_000_000_000), 10)
}

// At is a moment in Unix seconds, far away or passed.
func (g *Gen) At() string {
	if g.OneIn(8) {
		return g.Of("1", "1000", "1500000000")
	}
	return g.Future()
}

// Future is a moment in Unix seconds, far away.
func (g *Gen) Future() string { return strconv.Itoa(4_000_000_000 + g.r.IntN(1_000_000_000)) }

// AtMs is the same in milliseconds.
func (g *Gen) AtMs() string { return g.At() + g.Of("000", "500", "999", "123") }

// Glob is a pattern over the names that Key makes.
func (g *Gen) Glob() string {
	out := ""
	for range 1 + g.r.IntN(4) {
		out += g.Of("*", "?", "k", "h", "[0-4]", "[^3]", "[a-z]", "1", "\\k", "[", "]", "\\", "k*", "[1", "[^", "-")
	}
	return out
}
