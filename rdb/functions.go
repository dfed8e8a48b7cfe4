package rdb

import (
	"encoding/binary"
	"errors"
)

// The payload of FUNCTION DUMP is the sources of all libraries as a file has them, and the
// version and checksum that end every payload.

// functionsVersion is the version that DUMP of functions gives: the oldest that has them.
const functionsVersion = 10

// DumpFunctions returns the payload that holds these sources.
func DumpFunctions(sources [][]byte, compress bool) []byte {
	e := encoder{compress: compress, version: functionsVersion}
	for _, src := range sources {
		e.buf = append(e.buf, opFunction2)
		e.str(src)
	}
	b := binary.LittleEndian.AppendUint16(e.buf, functionsVersion)
	return binary.LittleEndian.AppendUint64(b, crc64(0, b))
}

var (
	// ErrNotFunction is a payload with something else in it than libraries.
	ErrNotFunction = errors.New("rdb: a payload holds something else than functions")
	// ErrPreRelease is a payload of a server from before functions were released.
	ErrPreRelease = errors.New("rdb: a payload holds functions in the form of a server that was not released")
)

// DecodeFunctions returns the sources that a payload of FUNCTION DUMP holds. The error is
// ErrChecksum, ErrNotFunction, ErrPreRelease, or, where it is cut off, ErrPayload.
func DecodeFunctions(p []byte) ([][]byte, error) {
	if !CheckPayload(p, false) {
		return nil, ErrChecksum
	}
	end := len(p) - footerBytes
	s := source{buf: p, end: end, size: int64(end)}
	var out [][]byte
	for s.rest() > 0 {
		switch s.byte() {
		case opFunction2:
		case opFunctionPre:
			return nil, ErrPreRelease
		default:
			return nil, ErrNotFunction
		}
		src := append([]byte(nil), s.str()...)
		if s.err != nil {
			return nil, ErrPayload
		}
		out = append(out, src)
	}
	return out, nil
}
