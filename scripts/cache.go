package scripts

// cache holds compiled scripts by SHA1. Clients that put values into the text of a script
// make a new one with every call, so those that came with EVAL stand in line and the one
// that was not used for longest goes when there are too many:
//
//	oldest <-> ... <-> newest        at most keepEvals; SCRIPT LOADed ones are not in line
//
// Redis has done so since 7.4; before, such a client filled the memory.
type cache struct {
	byName         map[string]*Script
	oldest, newest *Script
	inLine         int
	evicted        int
	bytes          int
}

// keepEvals is how many scripts that came with EVAL are kept.
const keepEvals = 500

// scriptBytes is about what a compiled script takes beside its source, bytes.
const scriptBytes = 1024

func (c *cache) reset() { *c = cache{byName: make(map[string]*Script), evicted: c.evicted} }

func (c *cache) find(sha []byte) *Script {
	if s := c.byName[string(sha)]; s != nil {
		return s
	}
	var low [40]byte
	if len(sha) != len(low) {
		return nil
	}
	for i, ch := range sha {
		if ch-'A' < 26 {
			ch |= 0x20
		}
		low[i] = ch
	}
	return c.byName[string(low[:])]
}

func (c *cache) add(s *Script) {
	c.byName[s.SHA] = s
	c.bytes += s.memBytes()
	if s.pinned {
		return
	}
	c.enter(s)
	for c.inLine > keepEvals {
		old := c.oldest
		c.leave(old)
		delete(c.byName, old.SHA)
		c.bytes -= old.memBytes()
		c.evicted++
	}
}

func (s *Script) memBytes() int { return 2*len(s.Source) + len(s.SHA) + scriptBytes }

// use makes a script the last that goes.
func (c *cache) use(s *Script) {
	if !s.pinned && s != c.newest && c.byName[s.SHA] == s {
		c.leave(s)
		c.enter(s)
	}
}

// pin takes a script out of the line for good.
func (c *cache) pin(s *Script) {
	if !s.pinned {
		c.leave(s)
		s.pinned = true
	}
}

func (c *cache) enter(s *Script) {
	s.prev, s.next = c.newest, nil
	if c.newest != nil {
		c.newest.next = s
	} else {
		c.oldest = s
	}
	c.newest = s
	c.inLine++
}

func (c *cache) leave(s *Script) {
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		c.oldest = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	} else {
		c.newest = s.prev
	}
	s.prev, s.next = nil, nil
	c.inLine--
}
