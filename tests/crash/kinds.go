package crash

import (
	"fmt"
	"strconv"
)

// kind is a way to write a sequence.
type kind struct {
	name string
	// step adds the requests of step n of writer id to b, and says how many replies there
	// will be.
	step func(b []byte, id int, n int64) ([]byte, int)
	// check returns how far the sequence has come, or what is wrong with it.
	check func(c *conn, id int) (int64, error)
}

// kinds are those that there are.
var kinds = []kind{
	{"counter",
		func(b []byte, id int, _ int64) ([]byte, int) { return request(b, "INCR", key("c", id)), 1 },
		func(c *conn, id int) (int64, error) { return c.number("GET", key("c", id)) }},
	{"list",
		func(b []byte, id int, n int64) ([]byte, int) { return request(b, "RPUSH", key("l", id), n), 1 },
		func(c *conn, id int) (int64, error) { return c.ascending("LRANGE", key("l", id), 0, -1) }},
	{"string",
		func(b []byte, id int, n int64) ([]byte, int) { return request(b, "SET", key("s", id), n), 1 },
		func(c *conn, id int) (int64, error) { return c.number("GET", key("s", id)) }},
	{"transaction", transaction, checkTransaction},
	{"hash",
		func(b []byte, id int, n int64) ([]byte, int) { return request(b, "HSET", key("h", id), n, n), 1 },
		checkHash},
	{"sorted set",
		func(b []byte, id int, n int64) ([]byte, int) { return request(b, "ZADD", key("z", id), n, n), 1 },
		func(c *conn, id int) (int64, error) { return c.ascending("ZRANGE", key("z", id), 0, -1) }},
	{"move", move, checkMove},
	{"deadline",
		func(b []byte, id int, n int64) ([]byte, int) {
			return request(b, "SET", key("e", id), n, "EX", 100000+n), 1
		},
		checkDeadline},
	{"other database", otherDB, checkOtherDB},
	{"appended",
		func(b []byte, id int, n int64) ([]byte, int) {
			return request(b, "APPEND", key("a", id), fmt.Sprintf("%07d,", n)), 1
		},
		checkAppended},
}

func key(kind string, id int) string { return kind + ":" + strconv.Itoa(id) }

// transaction counts in three keys, or in none.
func transaction(b []byte, id int, n int64) ([]byte, int) {
	b = request(b, "MULTI")
	b = request(b, "INCR", key("tc", id))
	b = request(b, "RPUSH", key("tl", id), n)
	b = request(b, "SET", key("ts", id), n)
	return request(b, "EXEC"), 5
}

func checkTransaction(c *conn, id int) (int64, error) {
	n, err := c.number("GET", key("tc", id))
	if err != nil {
		return 0, err
	}
	l, err := c.ascending("LRANGE", key("tl", id), 0, -1)
	if err != nil {
		return 0, err
	}
	s, err := c.number("GET", key("ts", id))
	if err == nil && (n != l || n != s) {
		err = fmt.Errorf("a part of a transaction: the counter is %d, the list has %d, the string is %d", n, l, s)
	}
	return n, err
}

func checkHash(c *conn, id int) (int64, error) {
	v, err := c.do("HGETALL", key("h", id))
	if err != nil {
		return 0, err
	}
	flat, _ := v.([]any)
	n := int64(len(flat) / 2)
	for i := 0; i < len(flat); i += 2 {
		f, err := strconv.ParseInt(fmt.Sprint(flat[i]), 10, 64)
		if err != nil || flat[i] != flat[i+1] || f < 1 || f > n {
			return 0, fmt.Errorf("a hash of %d fields has %v = %v", n, flat[i], flat[i+1])
		}
	}
	return n, nil // n different fields, all from 1 to n
}

// move puts a number into one list and takes the oldest over to another.
func move(b []byte, id int, n int64) ([]byte, int) {
	b = request(b, "RPUSH", key("q", id), n)
	return request(b, "LMOVE", key("q", id), key("d", id), "LEFT", "RIGHT"), 2
}

func checkMove(c *conn, id int) (int64, error) {
	n, err := c.ascending("LRANGE", key("d", id), 0, -1)
	if err != nil {
		return 0, err
	}
	v, err := c.do("LRANGE", key("q", id), 0, -1)
	if err != nil {
		return 0, err
	}
	switch left, _ := v.([]any); {
	case len(left) == 0:
	case len(left) == 1 && fmt.Sprint(left[0]) == strconv.FormatInt(n+1, 10):
		// Killed between the two. The step is there in part, which it may be: it is no
		// transaction. It is taken back, since the writer will do it again.
		_, err = c.do("DEL", key("q", id))
	default:
		err = fmt.Errorf("%d have been moved, and %v are left", n, left)
	}
	return n, err
}

func checkDeadline(c *conn, id int) (int64, error) {
	n, err := c.number("GET", key("e", id))
	if err != nil || n == 0 {
		return n, err
	}
	ttl, err := c.number("TTL", key("e", id))
	if most := 100000 + n; err == nil && (ttl > most || ttl < most-36000) {
		err = fmt.Errorf("step %d has %d seconds to live", n, ttl)
	}
	return n, err
}

// otherDB writes to databases in turn.
func otherDB(b []byte, id int, n int64) ([]byte, int) {
	b = request(b, "SELECT", n%3)
	return request(b, "INCR", key("o", id)), 2
}

func checkOtherDB(c *conn, id int) (sum int64, err error) {
	var each [3]int64
	for db := range each {
		if _, err = c.do("SELECT", db); err != nil {
			return 0, err
		}
		if each[db], err = c.number("GET", key("o", id)); err != nil {
			return 0, err
		}
		sum += each[db]
	}
	// 1, 2, 0, 1, 2, 0, ...: after n steps the databases have these.
	if each != [3]int64{sum / 3, (sum + 2) / 3, (sum + 1) / 3} {
		err = fmt.Errorf("the databases have %v", each)
	}
	if _, err2 := c.do("SELECT", 0); err == nil {
		err = err2
	}
	return sum, err
}

func checkAppended(c *conn, id int) (int64, error) {
	v, err := c.do("GET", key("a", id))
	if err != nil || v == nil {
		return 0, err
	}
	s, n := fmt.Sprint(v), int64(0)
	for ; s != ""; s = s[8:] {
		n++
		if len(s) < 8 || s[:8] != fmt.Sprintf("%07d,", n) {
			return 0, fmt.Errorf("part %d is %.8q", n, s)
		}
	}
	return n, nil
}
