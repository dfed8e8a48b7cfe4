package stream

import (
	"slices"

	"redust/internal/assert"
)

// Edit changes one group of a stream. A consumer that was found before a change is a
// fact of the past after it: find it again to read it, though it still names its
// consumer.
type Edit struct {
	s *Stream
	*Group
}

// Edit makes a group writable; false if there is none of that name. The stream is its
// caller's own.
func (s *Stream) Edit(name []byte) (Edit, bool) {
	i, ok := s.groupAt(name)
	if !ok {
		return Edit{}, false
	}
	g := s.groups[i]
	if s.Writable(g.epoch) {
		return Edit{s, g}, true
	}
	s.ownGroups()
	c := *g
	c.epoch = s.Epoch()
	c.consumers, c.order = keepCap(g.consumers), keepCap(g.order)
	s.groups[i] = &c
	return Edit{s, &c}, true
}

// own makes a consumer writable.
func (e Edit) own(number uint32) *Consumer {
	c := e.consumers[number]
	if e.s.Writable(c.epoch) {
		return c
	}
	d := *c
	d.epoch = e.s.Epoch()
	e.consumers[number] = &d
	return &d
}

// SetLast says up to where the group has read, and how many entries that are.
func (e Edit) SetLast(id ID, read int64) { e.Last, e.Read = id, read }

// AddConsumer adds a consumer, which is not there.
func (e Edit) AddConsumer(name []byte, now int64) *Consumer {
	at, ok := e.consumerAt(name)
	assert.That(!ok, "stream: a consumer that is there")
	was := 8*cap(e.consumers) + 4*cap(e.order)
	number := slices.Index(e.consumers, nil)
	if number < 0 {
		number = len(e.consumers)
		e.consumers = append(e.consumers, nil)
	}
	c := &Consumer{Name: string(name), Seen: now, Active: -1, epoch: e.s.Epoch(), number: uint32(number)}
	e.consumers[number] = c
	e.order = slices.Insert(e.order, at, c.number)
	e.s.bytes += consumerBytes + len(name) + 8*cap(e.consumers) + 4*cap(e.order) - was
	return c
}

// RemoveConsumer takes a consumer away, and what is pending at it with it.
func (e Edit) RemoveConsumer(c *Consumer) {
	c = e.consumers[c.number]
	if c.pending.len == e.pending.len {
		e.pending.drop(&e.s.base)
	} else {
		for id := range c.pending.all {
			e.pending.remove(&e.s.base, *id)
		}
	}
	at, _ := e.consumerAt([]byte(c.Name))
	e.order = slices.Delete(e.order, at, at+1)
	e.consumers[c.number] = nil
	e.s.bytes -= c.weight()
}

// See notes that a consumer has asked for something.
func (e Edit) See(c *Consumer, now int64) {
	if e.consumers[c.number].Seen != now {
		e.own(c.number).Seen = now
	}
}

// Activate notes that a consumer was given something.
func (e Edit) Activate(c *Consumer, now int64) {
	if e.consumers[c.number].Active != now {
		e.own(c.number).Active = now
	}
}

// Deliver makes an entry pending at a consumer, as delivered at that time and count times;
// whoever had it before has it no more.
func (e Edit) Deliver(id ID, c *Consumer, at, count int64) {
	d, added := e.pending.put(&e.s.base, id)
	if !added && d.consumer != c.number {
		e.own(d.consumer).pending.remove(&e.s.base, id)
		added = true
	}
	*d = delivery{at, count, c.number}
	if added {
		e.own(c.number).pending.put(&e.s.base, id)
	}
}

// Redeliver notes that a pending entry was delivered to its consumer again.
func (e Edit) Redeliver(id ID, at int64) {
	d := e.pending.ref(&e.s.base, id)
	d.at = at
	d.count++
}

// Acknowledge takes an entry off what is pending; false if it was not.
func (e Edit) Acknowledge(id ID) bool {
	d, ok := e.pending.remove(&e.s.base, id)
	if ok {
		e.own(d.consumer).pending.remove(&e.s.base, id)
	}
	return ok
}
