package cmd

import "redust/db/listpack"

// wordList is arguments that a handler gathers for an effect whose length it does not know
// before it is done. There is one such list a server, filled anew each time; without a
// Journal nothing is kept.
type wordList struct {
	on   bool
	buf  []byte
	ends []int // where each of them ends in buf
}

// words returns the list, empty.
func (c *Ctx) words() *wordList {
	w := &c.gathered
	*w = wordList{on: c.Journal != nil, buf: reusable(w.buf)[:0], ends: reusable(w.ends)[:0]}
	return w
}

// add adds a word; b is borrowed.
func (w *wordList) add(b []byte) {
	if w.on {
		w.buf = append(w.buf, b...)
		w.ends = append(w.ends, len(w.buf))
	}
}

// value is add for an element of a collection.
func (w *wordList) value(v listpack.Value) {
	if w.on {
		w.buf = v.Append(w.buf)
		w.ends = append(w.ends, len(w.buf))
	}
}

// put adds all words to an effect.
func (w *wordList) put(e Effect) { w.some(e, 0, len(w.ends)) }

// some adds the words from one to another.
func (w *wordList) some(e Effect, from, to int) {
	at := 0
	if from > 0 {
		at = w.ends[from-1]
	}
	for _, end := range w.ends[from:to] {
		e.Arg(w.buf[at:end])
		at = end
	}
}

// rewrite makes the effect one command that takes a key and all words, or several if there
// are many: whoever reads them need not hold them all.
func (w *wordList) rewrite(c *Ctx, name string, key []byte) {
	const most = 1024
	for from := 0; ; {
		n := min(len(w.ends)-from, most)
		w.some(c.Rewrite(2+n).Str(name).Arg(key), from, from+n)
		if from += n; from >= len(w.ends) {
			return
		}
	}
}
