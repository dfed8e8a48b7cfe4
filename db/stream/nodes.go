package stream

import "encoding/binary"

// RadixNodes is how many nodes the radix tree has in which Redis would keep the blocks;
// XINFO STREAM shows it. There is one for each key, one for each place where keys part, and
// one for each run of bytes in which they do not. Beyond some ten thousand blocks it
// is what the first of them give, in proportion, so that nobody waits for it.
func (s *Stream) RadixNodes() int {
	const exact = 10000
	nodes, seen := 0, 0
	var spine []int // depths at which keys part on the way to the last key, ascending
	var last [keyLen]byte
	var c cursor[*block]
	s.blocks.seek(&c, ID{})
	for ok := c.leaf != nil; ok && seen < exact; ok = c.next() {
		var key [keyLen]byte
		binary.BigEndian.PutUint64(key[:], c.id().Ms)
		binary.BigEndian.PutUint64(key[8:], c.id().Seq)
		if seen == 0 {
			nodes = 1 + runs(spine)
		} else {
			depth := 0
			for key[depth] == last[depth] {
				depth++
			}
			nodes -= runs(spine)
			keep := len(spine)
			for keep > 0 && spine[keep-1] >= depth {
				keep--
			}
			// What parts further down is no longer on the way, but still there.
			nodes += runsBelow(spine, keep, depth)
			if keep == len(spine) || spine[keep] != depth {
				nodes++ // a new place
			}
			spine = append(spine[:keep], depth)
			nodes += 1 + runs(spine)
		}
		last = key
		seen++
	}
	if seen == 0 {
		return 1
	}
	if seen < s.blocks.len {
		return int(int64(nodes) * int64(s.blocks.len) / int64(seen))
	}
	return nodes
}

const keyLen = 16

// runs is how many stretches of bytes lie between the parting places on the way to a key,
// each of which takes a byte itself.
func runs(spine []int) int {
	n, from := 0, 0
	for _, d := range spine {
		if d > from {
			n++
		}
		from = d + 1
	}
	if from < keyLen {
		n++
	}
	return n
}

// runsBelow is how many of the stretches to the last key lie below a parting at depth, of
// which the places from keep on are not above.
func runsBelow(spine []int, keep, depth int) int {
	n, from := 0, depth+1
	for _, d := range spine[keep:] {
		if d > from {
			n++
		}
		from = max(from, d+1)
	}
	if from < keyLen {
		n++
	}
	return n
}
