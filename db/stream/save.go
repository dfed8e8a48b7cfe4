package stream

// What whoever writes a stream to a file asks of it: blocks as they lie, and what is
// pending without the way through the group. It reads only, and so works on a frozen stream
// from any goroutine.

// EachBlock calls yield for every block in order, with its ID and the listpack (as db/listpack
// keeps them) that it is, until it returns false. The bytes are borrowed.
func (s *Stream) EachBlock(yield func(id ID, pack []byte) bool) {
	s.blocks.all(func(id *ID, b **block) bool { return yield(*id, (*b).data) })
}

// EachPending calls yield for everything that is pending in the group, in order of IDs, until
// it returns false.
func (g *Group) EachPending(yield func(id ID, atMs, count int64) bool) {
	g.pending.all(func(id *ID, d *delivery) bool { return yield(*id, d.at, d.count) })
}

// EachPending calls yield for everything that is pending at the consumer, in order of IDs,
// until it returns false.
func (c *Consumer) EachPending(yield func(id ID) bool) {
	c.pending.all(func(id *ID, _ *struct{}) bool { return yield(*id) })
}
