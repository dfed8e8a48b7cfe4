package stream

import "slices"

// Group is what a group of consumers has read: how far, and what of it has not been
// acknowledged. Its fields are for reading; Edit changes them.
type Group struct {
	Name string
	Last ID    // up to which entries were delivered
	Read int64 // how many entries were, or UnknownRead

	epoch     uint64
	pending   tree[delivery]
	consumers []*Consumer // by number; nil where there is none anymore
	order     []uint32    // numbers, by the names of their consumers
}

// UnknownRead as Group.Read: a group that began, or was set, in the middle of a stream.
const UnknownRead = -1

// Consumer is one reader in a group. Its fields are for reading.
type Consumer struct {
	Name   string
	Seen   int64 // when it last asked, Unix milliseconds
	Active int64 // when it last was given something, Unix milliseconds, or -1

	epoch   uint64
	number  uint32
	pending tree[struct{}]
}

// delivery is what is known of a pending entry.
type delivery struct {
	at       int64 // Unix milliseconds
	count    int64
	consumer uint32
}

const (
	groupBytes    = 128
	consumerBytes = 80
)

// Groups is the groups, by name; borrowed.
func (s *Stream) Groups() []*Group { return s.groups }

// Group finds a group for reading; nil if there is none of that name.
func (s *Stream) Group(name []byte) *Group {
	if i, ok := s.groupAt(name); ok {
		return s.groups[i]
	}
	return nil
}

func (s *Stream) groupAt(name []byte) (int, bool) {
	return slices.BinarySearchFunc(s.groups, name, func(g *Group, name []byte) int { return compare(g.Name, name) })
}

// CreateGroup adds a group; false if there is one of that name.
func (s *Stream) CreateGroup(name []byte, last ID, read int64) bool {
	i, ok := s.groupAt(name)
	if ok {
		return false
	}
	s.ownGroups()
	g := &Group{Name: string(name), Last: last, Read: read, epoch: s.Epoch()}
	was := cap(s.groups)
	s.groups = slices.Insert(s.groups, i, g)
	s.bytes += groupBytes + len(name) + 8*(cap(s.groups)-was)
	return true
}

// DestroyGroup takes a group away; false if there is none of that name.
func (s *Stream) DestroyGroup(name []byte) bool {
	i, ok := s.groupAt(name)
	if !ok {
		return false
	}
	s.bytes -= s.groups[i].weight()
	s.ownGroups()
	s.groups = slices.Delete(s.groups, i, i+1)
	return true
}

// ownGroups makes the list of groups writable.
func (s *Stream) ownGroups() {
	if s.groups != nil && !s.Writable(s.groupsEpoch) {
		s.groups = keepCap(s.groups)
	}
	s.groupsEpoch = s.Epoch()
}

// weight is what a group takes, bytes.
func (g *Group) weight() int {
	n := groupBytes + len(g.Name) + 8*cap(g.consumers) + 4*cap(g.order) + g.pending.bytes
	for _, number := range g.order {
		n += g.consumers[number].weight()
	}
	return n
}

// weight is what a consumer takes, bytes.
func (c *Consumer) weight() int { return consumerBytes + len(c.Name) + c.pending.bytes }

// Pending is how many entries are pending in the group.
func (g *Group) Pending() int { return g.pending.len }

// PendingEnds is the IDs of the first and the last pending entry; 0-0 if there is none.
func (g *Group) PendingEnds() (first, last ID) {
	first, _ = g.pending.first()
	last, _ = g.pending.last()
	return first, last
}

// Consumers is the number of consumers.
func (g *Group) Consumers() int { return len(g.order) }

// ConsumerAt is consumer i by name, for reading.
func (g *Group) ConsumerAt(i int) *Consumer { return g.consumers[g.order[i]] }

// Consumer finds a consumer for reading; nil if there is none of that name.
func (g *Group) Consumer(name []byte) *Consumer {
	if i, ok := g.consumerAt(name); ok {
		return g.ConsumerAt(i)
	}
	return nil
}

func (g *Group) consumerAt(name []byte) (int, bool) {
	return slices.BinarySearchFunc(g.order, name, func(n uint32, name []byte) int { return compare(g.consumers[n].Name, name) })
}

// compare orders names.
func compare(a string, b []byte) int {
	switch {
	case a == string(b):
		return 0
	case a < string(b):
		return -1
	}
	return 1
}

// Pending is how many entries are pending at the consumer.
func (c *Consumer) Pending() int { return c.pending.len }

// Delivery is a pending entry: who has it since when, and how often it was delivered.
type Delivery struct {
	ID       ID
	At       int64 // Unix milliseconds
	Count    int64
	Consumer *Consumer // for reading
}

// Delivery finds what is known of a pending entry; false if it is not pending.
func (g *Group) Delivery(id ID) (Delivery, bool) {
	d := g.pending.get(id)
	if d == nil {
		return Delivery{}, false
	}
	return g.delivery(id, d), true
}

func (g *Group) delivery(id ID, d *delivery) Delivery {
	return Delivery{ID: id, At: d.at, Count: d.count, Consumer: g.consumers[d.consumer]}
}

// Pendings walks over what is pending in a group, or at one of its consumers. It stays valid
// while deliveries change, but not when entries are delivered to others, or acknowledged.
type Pendings struct {
	Delivery

	g     *Group
	begun bool
	all   cursor[delivery]
	own   cursor[struct{}]
	mine  bool // own is the one
}

// From makes the walk ready to begin at the first entry not before id. With a consumer, it
// is over those of the consumer.
func (p *Pendings) From(g *Group, c *Consumer, id ID) {
	p.g, p.begun, p.mine = g, false, c != nil
	if p.mine {
		c.pending.seek(&p.own, id)
	} else {
		g.pending.seek(&p.all, id)
	}
}

// Next goes to the next pending entry; false if there is none.
func (p *Pendings) Next() bool {
	if p.mine {
		if p.own.leaf == nil || p.begun && !p.own.next() {
			return false
		}
		p.begun = true
		id := p.own.id()
		p.Delivery = p.g.delivery(id, p.g.pending.get(id))
		return true
	}
	if p.all.leaf == nil || p.begun && !p.all.next() {
		return false
	}
	p.begun = true
	p.Delivery = p.g.delivery(p.all.id(), p.all.val())
	return true
}
