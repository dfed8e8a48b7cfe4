// Package wheel remembers appointments: which number is to be looked at when.
//
// Deadlines reach from the next millisecond to the next century, a million may fall
// into one second, and most are moved or cancelled before they come. So: a hierarchical
// timing wheel (Varghese and Lauck, 1987). Times are read in digits of six bits; an
// appointment waits on the level of the highest digit in which it differs from the
// current time, in the slot of that digit:
//
//	level 2   | . | . | x | . |  4096 units a slot
//	level 1   | . | x | . | x |    64 units
//	level 0   | . | . | x | . |     1 unit         <- fires when reached
//
// When time enters a slot of a higher level its appointments move down, each at most
// once a level. One bit a slot says which are not empty, so finding the next takes a few
// instructions a level and an idle wheel costs nothing. Add is O(1), an appointment is
// 16 bytes, and nothing is ever searched: whoever cancels forgets, and is asked again in
// vain. A wheel that has mostly such left is swept (Sweep).
//
// Between calls: every slot below the current digit of its level is empty; bits tell
// exactly which slots are not.
package wheel

import "math/bits"

const (
	digit  = 6
	slots  = 1 << digit
	levels = (63 + digit - 1) / digit
)

// Ref is one appointment: ID is the caller's, At the time in the caller's unit.
type Ref struct {
	ID uint64
	At int64
}

// Wheel holds appointments. It belongs to one goroutine. The zero value is empty and
// stands at time 0; Advance it to the present before the first Add, lest appointments
// begin many levels up.
type Wheel struct {
	now   int64
	len   int
	used  [levels]uint64
	level [levels]*[slots][]Ref
}

// Len is the number of appointments that have neither fired nor been swept away.
func (w *Wheel) Len() int { return w.len }

// Bytes is the memory that the appointments take, bytes.
func (w *Wheel) Bytes() int64 {
	n := int64(w.len) * 16
	for _, l := range w.level {
		if l != nil {
			n += slots * 24
		}
	}
	return n
}

// Add makes an appointment. One in the past fires at the next Advance.
func (w *Wheel) Add(id uint64, at int64) {
	w.len++
	w.put(Ref{id, at})
}

func (w *Wheel) put(r Ref) {
	at := max(r.At, w.now)
	l := 0
	if diff := uint64(at ^ w.now); diff != 0 {
		l = (63 - bits.LeadingZeros64(diff)) / digit
	}
	if w.level[l] == nil {
		w.level[l] = new([slots][]Ref)
	}
	s := at >> (digit * l) & (slots - 1)
	w.level[l][s] = append(w.level[l][s], r)
	w.used[l] |= 1 << s
}

// next finds the slot that time enters first, and when. Of several at the same time it
// is that of the highest level, whose appointments may belong into the others: a slot
// that Advance had to leave half moved comes before all that were moved out of it.
func (w *Wheel) next() (level, slot int, at int64, ok bool) {
	for l, used := range w.used {
		if used == 0 {
			continue
		}
		s := bits.TrailingZeros64(used)
		begins := w.now>>(digit*(l+1))<<(digit*(l+1)) | int64(s)<<(digit*l)
		if begins = max(begins, w.now); !ok || begins <= at {
			level, slot, at, ok = l, s, begins, true
		}
	}
	return level, slot, at, ok
}

// Next is the time before which Advance has nothing to do: the time of the earliest
// appointment, or of an earlier moment at which some move down. False if there are
// none.
func (w *Wheel) Next() (at int64, ok bool) {
	_, _, at, ok = w.next()
	return at, ok
}

// Advance moves time to now and passes each appointment that has come to fire, at most
// budget of them, moves between levels counted in. It reports whether all were served; if
// not, time stands still at the next one and the caller should come again. fire may
// Add.
func (w *Wheel) Advance(now int64, budget int, fire func(Ref)) bool {
	for {
		l, s, at, ok := w.next()
		if !ok || at > now {
			// Every slot begins later, so all wait where they would for the new time.
			w.now = max(w.now, now)
			return true
		}
		w.now = at
		for {
			if budget == 0 {
				return false
			}
			budget--
			list := w.level[l][s]
			r := list[len(list)-1]
			w.level[l][s] = list[:len(list)-1]
			if len(list) == 1 {
				w.used[l] &^= 1 << s
				if cap(list) > 64 {
					w.level[l][s] = nil
				}
			}
			if r.At <= w.now {
				w.len--
				fire(r)
			} else {
				w.put(r)
			}
			if w.used[l]>>s&1 == 0 {
				break
			}
		}
	}
}

// Sweep forgets the appointments that keep denies. It looks at whole slots until it has
// seen budget appointments, beginning at turn, 0 at first; it returns the turn to go on
// with, 0 once around.
func (w *Wheel) Sweep(turn, budget int, keep func(Ref) bool) int {
	for ; turn < levels*slots && budget > 0; turn++ {
		l, s := turn/slots, turn%slots
		if w.used[l]>>s&1 == 0 {
			continue
		}
		list := w.level[l][s]
		budget -= len(list)
		kept := list[:0]
		for _, r := range list {
			if keep(r) {
				kept = append(kept, r)
			}
		}
		w.len -= len(list) - len(kept)
		w.level[l][s] = kept
		if len(kept) == 0 {
			w.level[l][s] = nil
			w.used[l] &^= 1 << s
		}
	}
	return turn % (levels * slots)
}
