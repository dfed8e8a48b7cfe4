package scripts

import (
	"math"

	lua "github.com/yuin/gopher-lua"
)

// random is drand48's generator: the same numbers for the same seed on every machine, as in
// Redis, whatever the machine. The numbers go on from script to script.
//
//	x' = (0x5DEECE66D x + 0xB) mod 2^48, of which the upper 31 bits are the number
type random uint64

// unseeded is where the generator begins.
const unseeded random = 0x1234_ABCD_330E

func (r *random) seed(n int32) { *r = random(uint64(uint32(n))<<16 | 0x330E) }

func (r *random) next() int64 {
	*r = (*r*0x5DEECE66D + 0xB) & (1<<48 - 1)
	return int64(*r >> 17)
}

// float is in [0, 1).
func (r *random) float() float64 {
	return float64(r.next()%math.MaxInt32) / math.MaxInt32
}

func (s *state) mathRandom(L *lua.LState) int {
	f := s.e.rnd.float()
	switch L.GetTop() {
	case 0:
		L.Push(lua.LNumber(f))
	case 1:
		u := L.CheckInt64(1)
		if u < 1 {
			L.ArgError(1, "interval is empty")
		}
		L.Push(lua.LNumber(math.Floor(f*float64(u)) + 1))
	case 2:
		l, u := L.CheckInt64(1), L.CheckInt64(2)
		if l > u {
			L.ArgError(2, "interval is empty")
		}
		L.Push(lua.LNumber(math.Floor(f*float64(u-l+1)) + float64(l)))
	default:
		L.RaiseError("wrong number of arguments")
	}
	return 1
}

func (s *state) mathRandomSeed(L *lua.LState) int {
	s.e.rnd.seed(int32(number(L, 1)))
	return 0
}
