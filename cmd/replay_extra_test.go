package cmd

import (
	"math/rand/v2"
	"strconv"
	"strings"

	"redust/tests/script"
)

// extra says, now and then, what two servers would answer differently and a plan for two
// therefore leaves out: choices by chance, times that pass, fields with deadlines.
func (p *played) extra(r *rand.Rand) {
	num := func(n int) string { return strconv.Itoa(r.IntN(n)) }
	of := func(words ...string) string { return words[r.IntN(len(words))] }
	key, set, hash, log, rank, list := "k"+num(8), "es"+num(3), "m"+num(4), "ex"+num(3), "ez"+num(2), "el"+num(2)
	secs := func() string { return strconv.Itoa(1 + r.IntN(60_000_000)) }
	ms := func() string { return secs() + "000" }
	at := func() string { return strconv.FormatInt(p.h.nowMs/1000+int64(r.IntN(60_000_000))-1_000_000, 10) }
	fields := func(pairs bool) []string {
		n := 1 + r.IntN(4)
		out := []string{"FIELDS", strconv.Itoa(n)}
		for i := range n {
			if out = append(out, num(300)); pairs {
				out = append(out, "v"+strconv.Itoa(i))
			}
		}
		return out
	}
	some := func(n int, member string) (out []string) {
		for range 1 + r.IntN(n) {
			out = append(out, member+num(400))
		}
		return out
	}
	all := func(words []string, more ...string) { p.do(append(words, more...)...) }
	when := func() []string {
		switch r.IntN(5) {
		case 0:
			return []string{"EX", secs()}
		case 1:
			return []string{"PX", ms()}
		case 2:
			return []string{"EXAT", at()}
		case 3:
			return []string{"PXAT", at() + "123"}
		}
		return []string{"KEEPTTL"}
	}
	switch r.IntN(32) {
	case 0:
		all([]string{"SADD", set}, some(300, "m")...)
	case 1:
		all([]string{"SADD", set}, some(9, "")...)
	case 2:
		p.do("SPOP", set)
	case 3:
		p.do("SPOP", set, num(40))
	case 4:
		p.do("SPOP", set, num(400))
	case 5:
		p.do("SRANDMEMBER", set, "-5")
	case 6:
		all([]string{"SET", key, "v" + num(9)}, when()...)
	case 7:
		all([]string{"SET", key, num(9), of("NX", "XX", "GET")}, when()...)
	case 8:
		p.do(of("SETEX", "PSETEX"), key, secs(), "v")
	case 9:
		all([]string{"GETEX", key}, append(when()[:0:0], of("EX", "PX"), secs())...)
	case 10:
		p.do(of("GETEX", "GETDEL", "PERSIST"), key)
	case 11:
		p.do("GETEX", key, of("PERSIST", "EXAT"), "1")
		p.do("GETEX", key, "PERSIST")
	case 12:
		p.do(of("EXPIRE", "PEXPIRE", "EXPIREAT"), of(key, set, hash, log), of(secs(), at(), "-1"))
	case 13:
		all([]string{"HSETEX", hash, of("FNX", "FXX", "FNX", "KEEPTTL")}, append(when(), fields(true)...)...)
		all([]string{"HSETEX", hash}, append(when(), fields(true)...)...)
	case 14, 15:
		all([]string{of("HEXPIRE", "HPEXPIRE", "HEXPIREAT"), hash, of(secs(), at()), of("NX", "GT", "LT", "XX")}, fields(false)...)
		all([]string{of("HEXPIRE", "HPEXPIRE", "HEXPIREAT"), hash, of(secs(), at(), "0")}, fields(false)...)
	case 16:
		all([]string{of("HPERSIST", "HGETDEL", "HGETEX"), hash}, fields(false)...)
	case 17:
		all([]string{"HGETEX", hash, of("PERSIST", "EX"), secs()}, fields(false)...)
		all([]string{"HGETEX", hash, of("EX", "EXAT"), of(secs(), at())}, fields(false)...)
	case 18:
		p.do("HINCRBYFLOAT", hash, num(300), "1.5")
		all([]string{"HDEL", hash}, some(5, "")...)
	case 19:
		p.do("INCRBYFLOAT", of(key, "f"+num(2)), "0.1")
	case 20:
		p.do("XADD", log, "*", "f", "v"+num(9))
		all([]string{"XADD", log}, append(strings.Fields(of("MAXLEN ~ 7", "MAXLEN 3", "MINID ~ 5", "NOMKSTREAM", "MAXLEN ~ 1 LIMIT 2")), "*", "f", "v")...)
	case 21:
		p.do("XGROUP", "CREATE", log, "g"+num(2), of("$", "0", "5-1"), "MKSTREAM")
		all([]string{"XTRIM", log}, strings.Fields(of("MAXLEN ~ 7", "MAXLEN 4", "MINID ~ 5-5", "MAXLEN ~ 2 LIMIT 3"))...)
	case 22, 23:
		p.do("XREADGROUP", "GROUP", "g"+num(2), "ann"+num(3), "COUNT", "1"+num(3), "STREAMS", log, of(">", ">", "0"))
		p.do("XREADGROUP", "GROUP", "g"+num(2), "bob"+num(3), "NOACK", "COUNT", "2", "STREAMS", log, of(">", ">", "0"))
	case 24:
		p.do("XAUTOCLAIM", log, "g"+num(2), "eve"+num(2), of("0", "1000"), "0", "COUNT", "1"+num(2))
		p.do("XAUTOCLAIM", log, "g"+num(2), "eve"+num(2), "0", "0", "JUSTID")
	case 25:
		all([]string{"ZADD", rank}, "1", "m"+num(50), "2.5", "m"+num(50), "1", "n"+num(50))
		p.do("BZPOPMIN", rank, "0.01")
		p.do("ZMPOP", "2", rank, "ez0", of("MIN", "MAX"), "COUNT", "1"+num(3))
	case 26:
		all([]string{"RPUSH", list}, some(9, "")...)
		p.do(of("BLMPOP"), "0.01", "2", list, "el0", of("LEFT", "RIGHT"), "COUNT", "1"+num(3))
		p.do(of("BLPOP", "BRPOP"), list, "0.01")
	case 27:
		p.do("SORT", set, "BY", of("k*", "m*->5", "nosort"), "ALPHA", "GET", "#", "GET", hash+"->*", "STORE", list)
		p.do("SORT", list, of("ALPHA", "DESC"), "STORE", list)
	case 28:
		p.do("DEBUG", "POPULATE", num(5), "populated"+num(3), num(60))
	case 30:
		p.do("EVAL", "redis.call('SPOP', KEYS[1], 3); redis.call('SELECT', ARGV[2]); redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[1]);"+
			"return redis.call('XADD', KEYS[3], '*', 'f', redis.call('TIME')[1])", "3", set, key, log, secs(), num(3))
	case 31:
		p.do("EVAL", "return redis.call('GET', KEYS[1])", "1", key)
	case 29:
		p.restore(of(key, hash, log, set, list), of(key, hash, log, set, list), of("0", ms()), r.IntN(2) == 0)
	}
}

// restore copies a key by DUMP and RESTORE.
func (p *played) restore(from, to, ttl string, replace bool) {
	v, _, err := script.Decode([]byte(p.do("DUMP", from)))
	if err != nil || v.Kind != '$' || v.Null {
		return
	}
	args := []string{"RESTORE", to, ttl, v.Text}
	if replace {
		args = append(args, "REPLACE")
	}
	p.do(args...)
}
