package rdb

import (
	"fmt"
	"os"
)

// ReadFile is Decode for the file of a name. What is wrong with the name is an error of
// package os, and not an *Error.
func ReadFile(name string, o DecodeOptions, yield func(*Batch) error) (Info, error) {
	f, err := os.Open(name)
	if err != nil {
		return Info{}, fmt.Errorf("rdb: open %s: %w", name, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Info{}, fmt.Errorf("rdb: open %s: %w", name, err)
	}
	if st.Mode().IsRegular() {
		o.Size = st.Size()
	}
	return Decode(f, o, yield)
}
