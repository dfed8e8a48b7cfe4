// Package assert states what must hold between calls.
//
// That is always on and costs one comparison: its text is a constant, so nothing is
// formatted on the way. Deep is a constant that the build tag `deep` turns on; walks
// over a whole structure stand behind it (`if assert.Deep { t.check() }`), and vanish
// from an ordinary build. The tests run with it.
package assert

// That panics with text when ok is false. A failed assertion is a bug in this
// program, never a bad input: the loop prints the request at hand and ends the process.
func That(ok bool, text string) {
	if !ok {
		panic("assertion failed: " + text)
	}
}
